"""The sweeper's rounds: what is late, lost or left over is found, and nothing else is touched."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from diagnosis.management.commands.sweeper import Command
from diagnosis.models import AuditEvent, Image, Job, Study
from diagnosis.permissions import Actor
from diagnosis.services import films as store
from diagnosis.services import intake, model_versions, sweeping
from tests import films
from tests.integration.diagnosis.work import analyse, at_once, claim, claim_one, lose_lease
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db
SWEEPER = Actor.system("sweeper")
DAY = timedelta(days=1)


def file_of(image: Image) -> Path:
    return next(path for path in store.stored() if path.name == image.storage_key)


def age(path: Path, by: timedelta) -> None:
    then = time.time() - by.total_seconds()
    os.utime(path, (then, then))


class TestQuickRound:
    def test_a_quiet_system_is_left_alone(self, submit: Callable[..., Study]) -> None:
        submit()
        claim_one()
        count = AuditEvent.objects.count()
        assert not sweeping.sweep(actor=SWEEPER)
        assert AuditEvent.objects.count() == count

    def test_lost_leases_go_back(self, submit: Callable[..., Study]) -> None:
        submit()
        lose_lease(claim_one())
        assert sweeping.sweep(actor=SWEEPER).reaped == 1
        assert Job.objects.get().status == "QUEUED"

    def test_films_that_waited_for_a_model_are_queued_once_there_is_one(
        self, submitter: Any, site: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from datetime import date

        rung: list[int] = []
        monkeypatch.setattr("diagnosis.dispatch.ring", lambda: bool(rung.append(1)))
        film = films.as_png8(films.chest(1, size=(300, 260)))
        form = intake.Submission(site, "1", "Test", date(2020, 1, 2), "F", films=(film,))
        study, _ = intake.submit(user=submitter, actor=Actor.of(submitter), submission=form)
        rung.clear()
        assert sweeping.sweep(actor=SWEEPER).queued == 0
        version, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "m", "version": 1}, digest="a" * 64, folder="m"
        )
        model_versions.activate(actor=SWEEPER, version=version)
        assert sweeping.sweep(actor=SWEEPER).queued == 1
        assert sweeping.sweep(actor=SWEEPER).queued == 0
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("PROCESSING", False)
        assert (Job.objects.get().model_version, len(rung)) == (version, 1)

    @pytest.mark.django_db(transaction=True)
    def test_sweepers_at_once_queue_a_film_once(
        self, submit: Callable[..., Study], model_version: Any
    ) -> None:
        study = submit()
        Job.objects.all().delete()
        Study.objects.filter(pk=study.pk).update(state="AWAITING_READ", awaits_model=True)
        swept = at_once([lambda: sweeping.queue_missing(actor=SWEEPER)] * 3)
        assert sorted(swept) == [0, 0, 1]
        assert Job.objects.count() == 1


class TestFiles:
    def test_only_old_files_without_a_row_go(self, submit: Callable[..., Study]) -> None:
        kept = file_of(submit().images.get())
        old, young = (store.put(data=data) for data in (b"old", b"young"))
        paths = {path.name: path for path in store.stored()}
        half = paths[old].with_suffix(".part")
        half.write_bytes(b"half")
        for path in (kept, paths[old], half):
            age(path, 2 * DAY)
        assert sweeping.sweep_films(actor=SWEEPER, older_than=DAY).orphans == 2
        assert {path.name for path in store.stored()} == {kept.name, young}

    @pytest.mark.parametrize("fault", ["gone", "changed"])
    def test_a_job_whose_film_is_lost_ends_and_says_why(
        self, submit: Callable[..., Study], fault: str
    ) -> None:
        study, other = submit(), submit()
        path = file_of(study.images.get())
        path.unlink() if fault == "gone" else path.write_bytes(b"changed")
        assert sweeping.sweep_films(actor=SWEEPER).missing == 1
        job = Job.objects.get(image__study=study)
        assert (job.status, job.code) == ("FAILED", "BLOB_CORRUPT")
        assert Job.objects.get(image__study=other).status == "QUEUED"
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("AWAITING_READ", True)

    def test_when_the_store_is_away_no_job_is_to_blame(
        self, submit: Callable[..., Study], settings: Any
    ) -> None:
        submit()
        settings.FILM_DIR = settings.FILM_DIR / "away"
        assert not sweeping.sweep_films(actor=SWEEPER)
        assert Job.objects.get().status == "QUEUED"

    def test_breaches_between_store_and_rows_are_named(self, submit: Callable[..., Study]) -> None:
        whole, lost = submit().images.get(), submit().images.get()
        assert sweeping.film_breaches(orphan_age=timedelta(0)) == []
        file_of(lost).unlink()
        orphan = store.put(data=b"orphan")
        found = sweeping.film_breaches(orphan_age=timedelta(0))
        assert len(found) == 2
        assert any(orphan in line for line in found)
        assert any(f"film {lost.pk} " in line for line in found)
        assert not any(f"film {whole.pk} " in line for line in found)


@pytest.mark.django_db(transaction=True)
class TestProcess:
    @pytest.fixture
    def sweeper(self, settings: Any) -> Iterator[threading.Thread]:
        settings.SWEEP_INTERVAL = timedelta(milliseconds=50)
        stopping = threading.Event()
        thread = threading.Thread(target=Command(stderr=StringIO()).run, args=(SWEEPER, stopping))
        yield thread
        stopping.set()
        thread.join(30)
        assert not thread.is_alive()

    def test_a_store_that_hangs_does_not_keep_lost_films(
        self,
        submit: Callable[..., Study],
        sweeper: threading.Thread,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        submit()
        submit()
        held = claim_one()
        hangs, goes_on = threading.Event(), threading.Event()

        def hang(**_: Any) -> bytes:
            hangs.set()
            goes_on.wait(30)
            return b""

        monkeypatch.setattr(store, "read", hang)
        sweeper.start()
        try:
            assert hangs.wait(30)
            lose_lease(held)
            wait_for(lambda: Job.objects.filter(crashes=1).exists(), 30, "the reaper")
        finally:
            goes_on.set()

    def test_a_broken_store_does_not_end_it(
        self,
        submit: Callable[..., Study],
        sweeper: threading.Thread,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        submit()
        held = claim_one()
        asked = threading.Event()

        def broken() -> Any:
            asked.set()
            raise PermissionError("read-only file system")

        monkeypatch.setattr(store, "stored", broken)
        sweeper.start()
        assert asked.wait(30)
        lose_lease(held)
        wait_for(lambda: Job.objects.filter(crashes=1).exists(), 30, "the reaper")


class TestCheckInvariants:
    def test_it_passes_a_whole_system(self, submit: Callable[..., Study]) -> None:
        submit()
        analyse()
        call_command("check_invariants", stdout=StringIO())

    def test_it_fails_on_a_breach(self, submit: Callable[..., Study]) -> None:
        submit()
        claim()
        Study.objects.update(state="REPORTED")
        with pytest.raises((CommandError, SystemExit)) as refusal:
            call_command("check_invariants", stdout=StringIO(), stderr=StringIO())
        assert getattr(refusal.value, "code", 1) not in {0, None}
