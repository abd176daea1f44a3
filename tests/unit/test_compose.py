"""The container files, checked against the code they start: no engine runs in the tests."""

from __future__ import annotations

import importlib.util
import re
import stat
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from pneumo_site import env
from scripts.make_secrets import make_secrets

ROOT = Path(__file__).resolve().parents[2]
OWN_IMAGE = re.compile(r"pneumo(-gpu)?:\d+\.\d+\.\d+")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    return {name: body for name, body in services().items() if OWN_IMAGE.fullmatch(body["image"])}


@cache
def known_settings() -> set[str]:
    """Every name that the settings read from the environment, with its _FILE variant."""
    readers = "text|flag|integer|duration|words|choice|database"
    source = (ROOT / "pneumo_site" / "settings.py").read_text()
    names = set(re.findall(rf'env\.(?:{readers})\(\s*"([A-Z0-9_]+)"', source))
    assert {"DATABASE_URL", "REDIS_URL", "PNEUMO_SECRET_KEY", "DEBUG"} <= names
    return names | {f"{name}_FILE" for name in names}


def test_has_the_services_of_one_box() -> None:
    assert set(services()) == {
        "postgres",
        "redis",
        "migrate",
        "register-model",
        "web",
        "worker",
        "worker-gpu",
        "sweeper",
    }
    assert services()["worker-gpu"]["profiles"] == ["gpu"]


@pytest.mark.parametrize("name", sorted(ours()))
def test_commands_name_something_that_exists(name: str) -> None:
    match ours()[name]["command"]:
        case ["python", "manage.py", command, *_]:
            assert command in get_commands()
        case ["gunicorn", module, *_]:
            assert importlib.util.find_spec(module) is not None
        case ["celery", "-A", package, "worker", *options]:
            assert importlib.util.find_spec(f"{package}.celery") is not None
            assert options == [], "pool, queue and prefetch are fixed in code"
        case command:
            pytest.fail(f"{name}: unknown command {command}")


@pytest.mark.parametrize("name", sorted(ours()))
def test_settings_named_are_known_and_secrets_come_from_files(name: str) -> None:
    environment = ours()[name]["environment"]
    assert set(environment) <= known_settings()
    for variable, value in environment.items():
        if variable.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in ours()[name]["secrets"]
    assert "DEBUG" not in environment


def test_every_secret_used_is_declared_and_lies_in_the_ignored_folder() -> None:
    used = {secret for body in services().values() for secret in body.get("secrets", [])}
    assert used == set(compose()["secrets"])
    for name, secret in compose()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}


def test_no_secret_stands_in_the_files() -> None:
    for file in ("docker-compose.yml", "Dockerfile", ".env.example"):
        text = (ROOT / file).read_text()
        assert not re.search(
            r"(?i)(password|secret|key|token)\w*[=:][ \t]*['\"]?[\w-]{8,}", text
        ), file
        assert not re.search(r"://\w+:[^@\s$]+@", text), file


def test_only_the_web_service_has_a_port() -> None:
    assert [name for name, body in services().items() if "ports" in body] == ["web"]


def test_everything_restarts_and_servers_are_checked() -> None:
    one_shot = {"migrate", "register-model"}
    for name, body in services().items():
        assert body["restart"] == ("on-failure" if name in one_shot else "unless-stopped")
    assert all("healthcheck" in services()[name] for name in ("postgres", "redis", "web"))


def test_dependencies_exist_and_wait_for_something_that_can_come_true() -> None:
    for name, body in services().items():
        for other, how in body.get("depends_on", {}).items():
            assert other in services(), f"{name} waits for {other}"
            healthy = how["condition"] == "service_healthy"
            assert healthy == ("healthcheck" in services()[other]), f"{name} waits for {other}"


def test_named_volumes_are_declared() -> None:
    used = {
        volume.split(":")[0] for body in services().values() for volume in body.get("volumes", [])
    }
    assert used == set(compose()["volumes"])


def test_images_are_pinned() -> None:
    images = [body["image"] for body in services().values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":\d+\.\d+", image), image


def test_variables_of_the_compose_file_stand_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert wanted == offered


def dockerfile_sources() -> list[str]:
    text = (ROOT / "Dockerfile").read_text()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    return [source for copy in copies for source in copy.split()]


@pytest.mark.parametrize("source", dockerfile_sources())
def test_what_the_image_copies_is_there_and_reaches_the_build(source: str) -> None:
    assert (ROOT / source).exists()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert f"!{source.rstrip('/')}" in allowed


def test_the_image_holds_every_package_and_the_chosen_lock_exists() -> None:
    copied = {source.rstrip("/") for source in dockerfile_sources()}
    assert {"manage.py", "ml", "diagnosis", "worker", "pneumo_site", "templates"} <= copied
    text = (ROOT / "Dockerfile").read_text()
    chosen = set(re.findall(r"LOCK[=:]\s*(\w+)", text + (ROOT / "docker-compose.yml").read_text()))
    assert chosen == {"runtime", "gpu"}
    assert all((ROOT / "requirements" / f"{lock}.lock").is_file() for lock in chosen)


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["pneumo"]


def test_made_secrets_fit_together_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    assert set(make_secrets(folder)) == set(compose()["secrets"])
    first = {file.name: file.read_text() for file in folder.iterdir()}
    assert make_secrets(folder) == []
    assert {file.name: file.read_text() for file in folder.iterdir()} == first

    monkeypatch.setenv("DATABASE_URL_FILE", str(folder / "database_url"))
    database = env.database("DATABASE_URL", tmp_path / "unused")
    assert database["HOST"] == "postgres"
    assert database["USER"] == services()["postgres"]["environment"]["POSTGRES_USER"]
    assert database["NAME"] == services()["postgres"]["environment"]["POSTGRES_DB"]
    assert database["PASSWORD"] == first["postgres_password"]
    assert first[".gitignore"] == "*\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
