"""An installation that has lived, and how it is lost."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from diagnosis.services import backup, films, workers
from diagnosis.services.backup import databases
from tests.binaries import postgres_binaries
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import INFO, analyse, claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from diagnosis.models import Study


@pytest.fixture(autouse=True)
def _programs_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "postgresql" and shutil.which("pg_dump") is None:
        monkeypatch.setenv("PATH", str(postgres_binaries()), prepend=":")


@pytest.fixture
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the backup, outside the data folder."""
    return tmp_path_factory.mktemp("backup") / "pneumo"


@pytest.fixture
def lived_in(submit: Callable[..., Study], radiologist: Any) -> list[Study]:
    """Signed, analysed, being analysed, and waiting."""
    studies = [submit(), submit()]
    analyse()
    sign(studies[0], radiologist)
    studies.append(submit(priority="STAT"))
    claim()
    workers.seen(name="w", model=INFO)
    studies.append(submit())
    return studies


@pytest.fixture
def lose_everything(settings: Any) -> Iterator[Callable[[], None]]:
    """lose_everything() -> neither tables nor films are left; the tables are back after the test."""

    def lose() -> None:
        connection.close()
        if connection.vendor == "sqlite":
            for path in databases._name().parent.glob(f"{databases._name().name}*"):
                path.unlink()
        else:
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE")
                cursor.execute("CREATE SCHEMA public")
        shutil.rmtree(settings.FILM_DIR)

    yield lose
    connection.close()
    call_command("migrate", verbosity=0)


def everything() -> dict[str, Any]:
    """Each row of each table, and the bytes of each film."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in films.stored()}
    for model in apps.get_models():
        found[model._meta.label] = list(model._default_manager.order_by("pk").values())
    return found


def refusal(target: Path) -> str:
    """What restoring from there is refused with."""
    with pytest.raises(backup.BackupRefused) as error:
        backup.restore(folder=target)
    return str(error.value)
