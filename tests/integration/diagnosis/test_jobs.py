"""The queue: who gets which job, who keeps it, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import StaleAttempt, TransitionRefused
from diagnosis.models import AuditEvent, Job, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import jobs, reaping
from diagnosis.states import JobStatus
from tests.integration.diagnosis.work import (
    WORKER,
    analyse,
    at_once,
    claim,
    claim_one,
    lose_lease,
    score,
    skip_waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
SWEEPER = Actor.system("sweeper")


def row(job_id: int) -> Job:
    return Job.objects.get(pk=job_id)


def reap() -> int:
    return reaping.reap_expired(actor=SWEEPER)


def crash(times: int) -> Job:
    """The only job in the queue is claimed and its worker dies, so many times."""
    for _ in range(times):
        skip_waiting()
        lose_lease(claim_one())
        assert reap() == 1
    return Job.objects.get()


class TestClaim:
    def test_stat_first_then_age(self, submit: Callable[..., Study]) -> None:
        order = ["ROUTINE", "STAT", "URGENT", "STAT", "ROUTINE"]
        for priority in order:
            submit(priority=priority)
        claimed = [row(job.id).image.study for job in claim()]
        assert [study.priority for study in claimed] == sorted(
            order, key=["STAT", "URGENT", "ROUTINE"].index
        )
        for one, two in pairwise(claimed):
            assert one.priority != two.priority or one.pk < two.pk

    def test_up_to_a_batch(self, submit: Callable[..., Study]) -> None:
        for _ in range(3):
            submit()
        assert [len(claim(2)), len(claim(2)), len(claim(2))] == [2, 1, 0]

    def test_a_claim_is_a_lease_and_a_new_attempt(
        self, submit: Callable[..., Study], settings: Any
    ) -> None:
        submit()
        before = db_now()
        held = claim_one()
        job = row(held.id)
        assert (job.status, job.attempt, job.worker) == ("RUNNING", 1, "worker-1")
        assert job.lease_expires_at is not None
        assert before + settings.LEASE <= job.lease_expires_at <= db_now() + settings.LEASE
        event = AuditEvent.objects.get(action="JOB_CLAIM")
        assert event.before == {"status": "QUEUED", "attempt": 0}
        assert event.after["attempt"] == 1

    def test_only_the_jobs_of_the_model_it_holds(self, submit: Callable[..., Study]) -> None:
        submit()
        assert jobs.claim(worker="w", model_digest="0" * 64, limit=5) == []

    def test_not_before_its_time(self, submit: Callable[..., Study]) -> None:
        submit()
        held = claim_one()
        hour = timedelta(hours=1)
        assert jobs.release(job_id=held.id, attempt=held.attempt, actor=WORKER, delay=hour)
        assert claim() == []
        assert (row(held.id).errors, row(held.id).crashes) == (0, 0)
        skip_waiting()
        assert claim_one().attempt == 2

    def test_a_job_that_crashed_is_taken_alone(self, submit: Callable[..., Study]) -> None:
        for _ in range(3):
            submit()
        suspect = claim(1)[0]
        lose_lease(suspect)
        reap()
        skip_waiting()
        assert [job.id for job in claim()] == [suspect.id]
        assert suspect.id not in {job.id for job in claim()}

    def test_an_innocent_batch_leaves_the_suspect_out(self, submit: Callable[..., Study]) -> None:
        submit()
        suspect = claim_one()
        lose_lease(suspect)
        reap()
        skip_waiting()
        submit(priority="STAT")
        submit(priority="STAT")
        first, second = claim(), claim()
        assert (len(first), suspect.id in {job.id for job in first}) == (2, False)
        assert [job.id for job in second] == [suspect.id]


class TestKeeping:
    def test_a_heartbeat_extends_the_lease_of_what_is_still_mine(
        self, submit: Callable[..., Study]
    ) -> None:
        submit()
        submit()
        mine, lost = claim()
        for job in (mine, lost):
            lose_lease(job)
        pairs = [(mine.id, mine.attempt), (lost.id, lost.attempt + 1)]
        assert jobs.heartbeat(owned=pairs) == [(mine.id, mine.attempt)]
        lease = row(mine.id).lease_expires_at
        assert lease is not None
        assert lease > db_now()
        assert reap() == 1
        assert row(mine.id).status == "RUNNING"

    def test_a_heartbeat_does_not_revive_what_ended(self, submit: Callable[..., Study]) -> None:
        submit()
        held = claim_one()
        jobs.cancel(job=row(held.id), actor=SWEEPER)
        assert jobs.heartbeat(owned=[(held.id, held.attempt)]) == []

    def test_an_older_attempt_owns_nothing(self, submit: Callable[..., Study]) -> None:
        submit()
        old = claim_one()
        lose_lease(old)
        reap()
        skip_waiting()
        new = claim_one()
        assert new.attempt == old.attempt + 1
        with pytest.raises(StaleAttempt):
            jobs.owned(job_id=old.id, attempt=old.attempt)
        for give_back in (jobs.release, jobs.retry):
            assert not give_back(job_id=old.id, attempt=old.attempt, actor=WORKER)
        assert row(new.id).status == "RUNNING"

    def test_a_release_costs_nothing(self, submit: Callable[..., Study]) -> None:
        submit()
        held = claim_one()
        assert jobs.release(job_id=held.id, attempt=held.attempt, actor=WORKER)
        job = row(held.id)
        assert (job.status, job.crashes, job.errors, job.worker) == ("QUEUED", 0, 0, "")
        assert claim_one().attempt == 2


class TestReaper:
    def test_a_live_lease_is_left_alone(self, submit: Callable[..., Study]) -> None:
        submit()
        held = claim_one()
        assert reap() == 0
        assert row(held.id).status == "RUNNING"

    def test_an_expired_lease_goes_back_with_a_pause(self, submit: Callable[..., Study]) -> None:
        submit()
        job = crash(1)
        assert (job.status, job.crashes, job.errors, job.worker) == ("QUEUED", 1, 0, "")
        assert job.not_before > db_now()
        event = AuditEvent.objects.get(action="JOB_LOSE_LEASE")
        assert (event.actor_name, event.after["crashes"]) == ("sweeper", 1)

    def test_two_reapers_count_one_crash(self, submit: Callable[..., Study]) -> None:
        submit()
        lose_lease(claim_one())
        assert (reap(), reap()) == (1, 0)
        assert Job.objects.get().crashes == 1

    def test_poison_ends_after_its_budget_and_the_study_can_be_read(
        self, submit: Callable[..., Study]
    ) -> None:
        study = submit()
        assert crash(reaping.MAX_LONE_CRASHES).status == "QUEUED"
        job = crash(1)
        assert (job.status, job.code) == ("FAILED", "POISON")
        assert job.finished_at is not None
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("AWAITING_READ", True)


class TestRetry:
    def test_the_third_exception_ends_it(self, submit: Callable[..., Study]) -> None:
        submit()
        for errors in range(1, jobs.MAX_ERRORS + 1):
            skip_waiting()
            held = claim_one()
            assert jobs.retry(job_id=held.id, attempt=held.attempt, actor=WORKER)
            assert row(held.id).errors == errors
        job = Job.objects.get()
        assert (job.status, job.code, job.crashes) == ("FAILED", "ERROR", 0)

    def test_the_pause_grows_up_to_a_cap(self) -> None:
        pauses = [jobs.backoff(tries) for tries in range(1, 9)]
        assert pauses == sorted(pauses)
        assert pauses[0] == timedelta(seconds=2)
        assert pauses[-1] == pauses[-2] == timedelta(minutes=5)


class TestCancel:
    @pytest.mark.parametrize("running", [False, True])
    def test_an_active_job_ends(self, submit: Callable[..., Study], running: bool) -> None:  # noqa: FBT001
        study = submit()
        held = claim_one() if running else None
        jobs.cancel(job=Job.objects.get(), actor=SWEEPER, reason="wrong film")
        assert Job.objects.get().status == "CANCELED"
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("AWAITING_READ", True)
        if held:
            assert not score(held)
            assert Job.objects.get().status == "CANCELED"

    def test_an_ended_job_stays(self, submit: Callable[..., Study]) -> None:
        submit()
        analyse()
        with pytest.raises(TransitionRefused):
            jobs.cancel(job=Job.objects.get(), actor=SWEEPER)
        assert Job.objects.get().status == "SUCCEEDED"

    def test_a_stale_look_is_refused(self, submit: Callable[..., Study]) -> None:
        submit()
        stale = Job.objects.get()
        analyse()
        with pytest.raises(TransitionRefused):
            jobs.cancel(job=stale, actor=SWEEPER)
        assert Job.objects.get().status == "SUCCEEDED"


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_claims_at_once_give_distinct_jobs(self, submit: Callable[..., Study]) -> None:
        for _ in range(12):
            submit()

        def drain(name: str) -> list[int]:
            mine: list[int] = []
            while batch := claim(2, name):
                mine.extend(job.id for job in batch)
            return mine

        answers = at_once([lambda n=n: drain(f"w{n}") for n in range(4)])
        taken = [job_id for answer in answers for job_id in answer]
        assert sorted(taken) == sorted(Job.objects.values_list("pk", flat=True))
        assert set(Job.objects.values_list("attempt", flat=True)) == {1}

    def test_of_two_writers_at_once_one_wins(self, submit: Callable[..., Study]) -> None:
        submit()
        held = claim_one()
        answers = at_once([lambda: score(held, 0.1), lambda: score(held, 0.9)])
        assert sorted(answers) == [False, True]
        assert Job.objects.get().status == JobStatus.SUCCEEDED
        assert AuditEvent.objects.filter(action="JOB_SUCCEED").count() == 1

    def test_reapers_at_once_count_one_crash(self, submit: Callable[..., Study]) -> None:
        submit()
        lose_lease(claim_one())
        assert sorted(at_once([reap, reap, reap])) == [0, 0, 1]
        assert Job.objects.get().crashes == 1
