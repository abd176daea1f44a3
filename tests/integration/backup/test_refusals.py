"""What is half, changed, foreign or in the way is never restored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from diagnosis import triggers
from diagnosis.models import AuditEvent, Study
from diagnosis.services import backup, films
from diagnosis.services.backup import databases, folder, manifest, writing
from tests.integration.backup.conftest import everything, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(transaction=True)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def only(target: Path, pattern: str) -> Path:
    return next(iter(sorted(target.glob(pattern))))


@pytest.fixture
def lost(lived_in: list[Study], target: Path, lose_everything: Any) -> Path:
    """A backup whose installation is gone."""
    backup.backup(folder=target)
    lose_everything()
    return target


class TestChanged:
    @pytest.mark.parametrize("pattern", ["database-*", "films-*"])
    def test_database_and_list(self, lost: Path, pattern: str) -> None:
        flip(only(lost, pattern))
        assert "was changed" in refusal(lost)
        only(lost, pattern).unlink()
        assert "missing from the backup" in refusal(lost)

    def test_manifest(self, lost: Path) -> None:
        path = lost / "manifest.json"
        content = json.loads(path.read_bytes())
        content["manifest"]["facts"]["tables"]["diagnosis_study"] += 1
        path.write_text(json.dumps(content))
        assert "manifest was changed" in refusal(lost)

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 99}'])
    def test_manifest_beyond_reading(self, lost: Path, text: str) -> None:
        (lost / "manifest.json").write_text(text)
        assert refusal(lost)

    @pytest.mark.parametrize("harm", [flip, Path.unlink])
    def test_a_film_is_told_and_the_others_come_back(
        self, lost: Path, harm: Callable[[Path], None]
    ) -> None:
        harm(only(lost, "films/??/*"))
        with pytest.raises(CommandError, match=r"restored all but:\nfilm \w+ is missing from"):
            call_command("restore", str(lost))
        assert len(list(films.stored())) == 3
        assert Study.objects.count() == 4


class TestDifferences:
    def test_none_right_after_the_backup(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        assert backup.differences(folder=target) == []

    def test_a_row_more(self, lived_in: list[Study], target: Path, submit: Any) -> None:
        backup.backup(folder=target)
        submit()
        found = backup.differences(folder=target)
        assert "table diagnosis_study: 5 rows, 4 in the backup" in found
        assert "the list of films differs" in found
        assert "the audit trail differs" in found

    def test_an_audit_event_that_was_rewritten(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        triggers.drop(connection)
        AuditEvent.objects.filter(action="READING_SIGNED").update(actor_name="somebody else")
        triggers.create(connection)
        assert backup.differences(folder=target) == ["the audit trail differs"]

    def test_a_film_in_the_store(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        flip(next(films.stored()))
        (line,) = backup.differences(folder=target)
        assert "missing or changed in the store" in line

    def test_a_state_that_does_not_agree(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        Study.objects.filter(pk=lived_in[1].pk).update(state="REPORTED")
        (line,) = backup.differences(folder=target)
        assert "is stored as REPORTED" in line


class TestHalf:
    """Interrupted wherever it may be, a backup is the one before or none."""

    @pytest.fixture(params=["database", "films", "manifest"])
    def interrupted(self, request: pytest.FixtureRequest) -> Callable[[pytest.MonkeyPatch], None]:
        def stop(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        place = {
            "database": (databases, "copied_to"),
            "films": (films, "read"),
            "manifest": (manifest, "write"),
        }[request.param]
        return lambda monkeypatch: monkeypatch.setattr(*place, stop)

    def test_the_first_one_is_none(
        self, lived_in: list[Study], target: Path, interrupted: Any, lose_everything: Any
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            interrupted(patch)
            with pytest.raises(KeyboardInterrupt):
                backup.backup(folder=target)
        lose_everything()
        assert "no whole backup" in refusal(target)

    def test_the_second_one_leaves_the_first(
        self,
        lived_in: list[Study],
        target: Path,
        interrupted: Any,
        lose_everything: Any,
        submit: Any,
    ) -> None:
        backup.backup(folder=target)
        before = everything()
        submit()
        with pytest.MonkeyPatch.context() as patch:
            interrupted(patch)
            with pytest.raises(KeyboardInterrupt):
                backup.backup(folder=target)
        lose_everything()
        call_command("restore", str(target), "--verify")
        assert everything() == before

    def test_what_it_left_is_cleared_away(self, lived_in: list[Study], target: Path) -> None:
        (target / "films" / "ab").mkdir(parents=True)
        (target / "films" / "ab" / "abc.part").touch()
        (target / "database.part").touch()
        backup.backup(folder=target)
        assert list(target.rglob("*.part")) == []

    def test_a_film_cut_short_is_copied_again(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        only(target, "films/??/*").write_bytes(b"half")
        assert backup.backup(folder=target).copied == 1
        assert backup.differences(folder=target) == []


class TestInTheWay:
    def test_an_installation_with_cases(self, lived_in: list[Study], target: Path) -> None:
        backup.backup(folder=target)
        before = everything()
        assert "not empty" in refusal(target)
        assert everything() == before

    def test_a_user_alone(self, lost: Path) -> None:
        call_command("migrate", verbosity=0)
        User.objects.create_user("anna")
        assert "it has users" in refusal(lost)

    def test_a_film_alone(self, lost: Path) -> None:
        films.put(data=b"film")
        assert "film store is not empty" in refusal(lost)

    def test_another_backup_at_work(self, lived_in: list[Study], target: Path) -> None:
        with folder.alone(target), pytest.raises(backup.BackupRefused, match="Another backup"):
            backup.backup(folder=target)

    def test_the_film_store_is_no_place(self, lived_in: list[Study], settings: Any) -> None:
        with pytest.raises(backup.BackupRefused, match="no place"):
            backup.backup(folder=settings.FILM_DIR / "backup")


class TestForeign:
    def rewrite(self, target: Path, **changes: Any) -> None:
        manifest.write(replace(manifest.read(target), **changes), target)

    def test_another_kind_of_database(self, lost: Path) -> None:
        self.rewrite(lost, vendor="oracle")
        assert "of a oracle database" in refusal(lost)

    def test_another_version(self, lost: Path) -> None:
        facts = manifest.read(lost).facts
        self.rewrite(
            lost,
            version="9.9",
            facts=replace(facts, migrations=[*facts.migrations, "diagnosis.0999_x"]),
        )
        assert "Restore it with Pneumo 9.9" in refusal(lost)


def test_without_the_programs_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(backup.BackupRefused, match="apt-get install postgresql-client"):
        databases.program("pg_dump")


def test_a_disk_that_fails_is_one_sentence(
    lived_in: list[Study], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.files, "write", full)
    with pytest.raises(CommandError, match=r"No space left on device\.$"):
        call_command("backup", str(target))
