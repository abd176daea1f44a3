"""Backed up, lost, restored: everything is as it was, also when people went on working."""

from __future__ import annotations

import shutil
import stat
import threading
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from diagnosis.models import AuditEvent, Image, Job, Study
from diagnosis.models.clock import db_now
from diagnosis.queries import invariants
from diagnosis.services import backup, films
from tests.films import as_png8, chest
from tests.integration.backup.conftest import everything
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


def told(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_everything_is_as_it_was(
    lived_in: list[Study], target: Path, lose_everything: Any, client: Any, radiologist: Any
) -> None:
    before = everything()
    assert "4 films, 4 of them new" in told("backup", str(target))
    lose_everything()
    assert told("restore", str(target), "--verify") == "restored, and equal to the backup\n"
    assert everything() == before
    client.force_login(radiologist)
    page = client.get(reverse("study", args=[lived_in[0].uid]))
    assert page.status_code == 200
    assert "Reported" in page.content.decode()
    picture = client.get(reverse("film", args=[lived_in[0].images.get().uid]))
    assert picture.content.startswith(b"\x89PNG")


def test_what_was_restored_is_worked_with(
    lived_in: list[Study],
    target: Path,
    lose_everything: Any,
    submit: Callable[..., Study],
    radiologist: Any,
) -> None:
    """The next keys are free, the triggers guard, the queue drains."""
    backup.backup(folder=target)
    lose_everything()
    assert backup.restore(folder=target) == []
    submit()
    analyse()
    sign(lived_in[1], radiologist)
    assert invariants.breaches() == []
    with pytest.raises(Exception, match="append-only"):
        AuditEvent.objects.update(reason="changed")


def test_it_is_restored_into_migrated_tables_too(
    lived_in: list[Study], target: Path, lose_everything: Any
) -> None:
    before = everything()
    backup.backup(folder=target)
    lose_everything()
    call_command("migrate", verbosity=0)
    told("restore", str(target), "--verify")
    assert everything() == before


def test_only_its_owner_may_read_it(lived_in: list[Study], target: Path) -> None:
    backup.backup(folder=target)
    for path in [target, *target.rglob("*")]:
        allowed = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == allowed, path.name


def test_a_second_backup_copies_what_is_new(
    lived_in: list[Study], target: Path, lose_everything: Any, submit: Callable[..., Study]
) -> None:
    assert backup.backup(folder=target).copied == 4
    times = {path: path.stat().st_mtime_ns for path in target.glob("films/??/*")}
    submit()
    assert backup.backup(folder=target).copied == 1
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(list(target.glob("database-*"))) == len(list(target.glob("films-*"))) == 1
    before = everything()
    lose_everything()
    told("restore", str(target), "--verify")
    assert everything() == before


def test_a_film_that_two_studies_share_is_kept_once(
    submit: Callable[..., Study], target: Path, lose_everything: Any
) -> None:
    same = as_png8(chest(1, size=(300, 260)))
    for _ in range(2):
        submit([same])
    assert backup.backup(folder=target).copied == 1
    lose_everything()
    told("restore", str(target), "--verify")
    assert len(list(films.stored())) == 2


def test_while_people_go_on_submitting(
    submit: Callable[..., Study], target: Path, lose_everything: Any, monkeypatch: Any
) -> None:
    """What the copy of the database holds is whole, whatever came after it."""
    submit()
    stop, twice = threading.Event(), threading.Event()

    def go_on() -> None:
        try:
            for count in range(1000):
                submit()
                if count:
                    twice.set()
                if stop.is_set():
                    return
        finally:
            connection.close()

    wait = films.read

    def read_when_others_wrote(**film: str) -> bytes:
        assert twice.wait(30), "the others must write while films are copied"
        return wait(**film)

    monkeypatch.setattr(films, "read", read_when_others_wrote)
    others = threading.Thread(target=go_on)
    others.start()
    try:
        written = backup.backup(folder=target)
    finally:
        stop.set()
        others.join()
    monkeypatch.undo()
    later = Study.objects.count()
    lose_everything()
    told("restore", str(target), "--verify")
    assert Study.objects.count() == written.manifest.facts.tables["diagnosis_study"] < later
    assert written.manifest.film_count == Image.objects.count() == len(list(films.stored()))


def test_a_film_that_the_store_lost_is_told_and_the_rest_is_saved(
    lived_in: list[Study], target: Path, lose_everything: Any
) -> None:
    key = lived_in[1].images.get().storage_key
    films.delete(key=key)
    with pytest.raises(CommandError, match=f"saved all but:\nfilm {key} is missing"):
        told("backup", str(target))
    lose_everything()
    with pytest.raises(CommandError, match=f"film {key} was lost before the backup was made"):
        told("restore", str(target), "--verify")
    assert Study.objects.count() == 4
    assert len(list(films.stored())) == 3


def test_a_lease_of_that_time_is_no_difference(
    lived_in: list[Study], target: Path, lose_everything: Any
) -> None:
    """An hour after the backup nobody has taken it back yet: no sweeper runs before the restore ends."""
    held = Job.objects.filter(status="RUNNING")
    assert held.update(lease_expires_at=db_now() - timedelta(hours=1)) == 1
    assert len(invariants.breaches()) == 1
    told("backup", str(target))
    lose_everything()
    told("restore", str(target), "--verify")


def test_a_store_that_is_away_is_no_backup(
    lived_in: list[Study], target: Path, settings: Any
) -> None:
    shutil.move(settings.FILM_DIR, settings.DATA_DIR / "away")
    with pytest.raises(CommandError, match="STORAGE_UNAVAILABLE"):
        told("backup", str(target))
    assert not (target / "manifest.json").exists()
