"""The bootstrap script: which Python, what is installed already, and clear sentences."""

from __future__ import annotations

import importlib.util
import json
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, working on an empty checkout."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("runtime", "dev", "gpu", "bench", "uv"):
        (tmp_path / "requirements" / f"{name}.lock").write_text(f"# {name}\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


def fake_python(folder: Path, version: str, *, complete: bool = True) -> str:
    """An executable that answers the script's two questions as that Python would."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / f"python{version}"
    refuse = "" if complete else 'case "$2" in *ensurepip*) exit 1;; esac\n'
    python.write_text(f"#!/bin/sh\n{refuse}echo {version}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return str(python)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_takes_a_supported_python(bootstrap: ModuleType, tmp_path: Path, version: str) -> None:
    old, fitting = fake_python(tmp_path, "3.10"), fake_python(tmp_path, version)
    assert bootstrap.choose_python([old, fitting]) == fitting


@pytest.mark.parametrize("version", ["2.7", "3.8", "3.10", "3.14", "3.15"])
def test_refuses_any_other_python_with_a_sentence(
    bootstrap: ModuleType, tmp_path: Path, version: str
) -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"needs Python 3\.11, 3\.12 or 3\.13"):
        bootstrap.choose_python([fake_python(tmp_path, version)])


def test_names_the_missing_package_where_venv_is_missing(
    bootstrap: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(bootstrap.BootstrapError, match="apt-get install python3-venv"):
        bootstrap.choose_python([fake_python(tmp_path, "3.12", complete=False)])


def test_prefers_a_complete_python_to_one_without_venv(
    bootstrap: ModuleType, tmp_path: Path
) -> None:
    lacking = fake_python(tmp_path, "3.12", complete=False)
    complete = fake_python(tmp_path, "3.11")
    assert bootstrap.choose_python([lacking, complete]) == complete


def test_a_python_that_cannot_start_is_passed_over(bootstrap: ModuleType, tmp_path: Path) -> None:
    fitting = fake_python(tmp_path, "3.13")
    assert bootstrap.choose_python([str(tmp_path / "gone"), fitting]) == fitting


def test_a_pyenv_of_another_user_is_left_alone(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, pattern: str) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "glob", refused)
    assert bootstrap.candidates("", tmp_path) == [sys.executable]


def test_looks_at_this_python_then_path_then_pyenv(bootstrap: ModuleType, tmp_path: Path) -> None:
    on_path = fake_python(tmp_path / "bin", "3.12")
    versions = tmp_path / "versions"
    in_pyenv = versions / "3.13.1" / "bin" / "python"
    in_pyenv.parent.mkdir(parents=True)
    in_pyenv.touch()
    found = bootstrap.candidates(str(tmp_path / "bin"), versions)
    assert found == [sys.executable, on_path, str(in_pyenv)]


def make_ready(bootstrap: ModuleType, profile: str) -> None:
    (bootstrap.VENV / "bin").mkdir(parents=True, exist_ok=True)
    bootstrap.venv_python().touch()
    bootstrap.write_stamp(bootstrap.finished_stamp(profile))


def test_a_dev_environment_serves_the_runtime_profile(bootstrap: ModuleType) -> None:
    make_ready(bootstrap, "dev")
    assert bootstrap.is_ready("dev")
    assert bootstrap.is_ready("runtime")
    assert not bootstrap.is_ready("gpu")


def test_a_runtime_environment_does_not_serve_the_dev_profile(bootstrap: ModuleType) -> None:
    make_ready(bootstrap, "runtime")
    assert bootstrap.is_ready("runtime")
    assert not bootstrap.is_ready("dev")


def test_a_changed_lock_is_installed_anew(bootstrap: ModuleType) -> None:
    make_ready(bootstrap, "dev")
    bootstrap.lock_file("runtime").write_text("# another\n")
    assert not bootstrap.is_ready("runtime")
    assert bootstrap.is_ready("dev")


@pytest.mark.parametrize("stamp", ["", "{", "[1]", '{"installing": "runtime"}'])
def test_a_broken_or_unfinished_stamp_is_not_ready(bootstrap: ModuleType, stamp: str) -> None:
    make_ready(bootstrap, "runtime")
    bootstrap.stamp_file().write_text(stamp)
    assert not bootstrap.is_ready("runtime")


def test_an_unfinished_install_is_rebuilt(bootstrap: ModuleType) -> None:
    assert bootstrap.must_rebuild("runtime", {"installing": "runtime"})


def test_the_gpu_build_never_shares_a_folder_with_the_cpu_one(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ask", lambda python, code: "1")
    assert bootstrap.must_rebuild("gpu", {"runtime": "x"})
    assert bootstrap.must_rebuild("runtime", {"gpu": "x"})
    assert not bootstrap.must_rebuild("dev", {"runtime": "x"})


def test_ensure_installs_once_and_marks_the_time_between(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []

    def make_venv(profile: str, env: dict[str, str]) -> None:
        (bootstrap.VENV / "bin").mkdir(parents=True, exist_ok=True)
        bootstrap.venv_python().touch()

    monkeypatch.setattr(bootstrap, "make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "install", lambda *_: seen.append(bootstrap.read_stamp()))
    bootstrap.ensure("runtime")
    bootstrap.ensure("runtime")
    assert seen == [{"installing": "runtime"}]
    assert json.loads(bootstrap.stamp_file().read_text()) == {
        "runtime": bootstrap.digest("runtime")
    }


def test_two_at_a_time_install_once(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    installs: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def make_venv(profile: str, env: dict[str, str]) -> None:
        (bootstrap.VENV / "bin").mkdir(parents=True, exist_ok=True)
        bootstrap.venv_python().touch()

    def install(profile: str, env: dict[str, str]) -> None:
        installs.append(profile)
        inside.set()
        assert go_on.wait(10)

    waiting = threading.Event()
    monkeypatch.setattr(bootstrap, "make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "install", install)
    monkeypatch.setattr(
        bootstrap, "say", lambda text: waiting.set() if "another bootstrap" in text else None
    )
    first = threading.Thread(target=bootstrap.ensure, args=("runtime",))
    second = threading.Thread(target=bootstrap.ensure, args=("runtime",))
    first.start()
    assert inside.wait(10)
    second.start()
    assert waiting.wait(10)
    go_on.set()
    first.join(10)
    second.join(10)
    assert installs == ["runtime"]
    assert bootstrap.is_ready("runtime")


def test_falls_back_to_pip_with_the_same_lock_and_hashes(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], env: dict[str, str]) -> bool:
        commands.append(command)
        return "uv" not in command

    monkeypatch.setattr(bootstrap, "run", run)
    bootstrap.install("dev", {})
    tried_uv, pip = commands[1], commands[2]
    assert "uv" in tried_uv
    assert pip[1:4] == ["-m", "pip", "install"]
    for command in (tried_uv, pip):
        assert "--require-hashes" in command
        assert command[-1] == str(bootstrap.lock_file("dev"))


@pytest.mark.parametrize("terminal", [True, False])
def test_pip_shows_its_progress_on_a_terminal_only(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], env: dict[str, str]) -> bool:
        commands.append(command)
        return "uv" not in command

    monkeypatch.setattr(bootstrap, "run", run)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    bootstrap.install("runtime", {})
    installs = [command for command in commands if "pip" in command and "uv" not in command]
    assert len(installs) == 2
    assert all(("--quiet" in command) is not terminal for command in installs)


def test_says_so_when_neither_uv_nor_pip_can_install(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "run", lambda command, env: False)
    with pytest.raises(bootstrap.BootstrapError, match="Check the network"):
        bootstrap.install("runtime", {})


def test_a_read_only_home_switches_the_caches_off(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent-home")
    assert bootstrap.install_env()["UV_NO_CACHE"] == "1"
    assert bootstrap.install_env()["PIP_NO_CACHE_DIR"] == "1"


@pytest.mark.parametrize(("profile", "folder"), [("runtime", ".venv"), ("bench", ".venv-bench")])
def test_runs_the_command_in_the_checkout_from_any_folder(
    bootstrap: ModuleType, tmp_path: Path, profile: str, folder: str
) -> None:
    """For real, in a folder with a space, with an environment that is ready already."""
    checkout = tmp_path / "a checkout"
    (checkout / "scripts").mkdir(parents=True)
    (checkout / "scripts" / "bootstrap.py").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "requirements").rename(checkout / "requirements")
    bootstrap.ROOT, bootstrap.VENV = checkout, checkout / folder
    make_ready(bootstrap, profile)
    bootstrap.venv_python().unlink()
    bootstrap.venv_python().symlink_to(sys.executable)
    code = "import os, sys; print(os.getcwd(), sys.argv[1:])"
    script = [sys.executable, str(checkout / "scripts" / "bootstrap.py")]
    done = subprocess.run(  # noqa: S603
        [*script, "--profile", profile, "--", "-c", code, "--", "-x"],
        check=False,
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{checkout} ['--', '-x']"
