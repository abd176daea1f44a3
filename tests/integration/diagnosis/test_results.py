"""What a worker reports: each in one transaction, once, and never a label from no number."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import connection, transaction

from diagnosis.models import AuditEvent, Job, Reading, Result, Study
from diagnosis.services import lifecycle, readings, reaping, results
from ml.contracts import Prediction
from tests.integration.diagnosis.work import (
    INFO,
    WORKER,
    analyse,
    at_once,
    claim,
    claim_one,
    end,
    lose_lease,
    score,
    skip_waiting,
)
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def test_a_score_is_stored_with_all_that_replay_needs(submit: Callable[..., Study]) -> None:
    study = submit()
    assert score(claim_one(), 0.7)
    result = Result.objects.get()
    assert (result.probability, result.threshold, result.engine) == (0.7, 0.5, "fake")
    assert result.film_sha256 == study.images.get().sha256
    assert (result.model_digest, result.preprocessing_id) == (INFO.digest, INFO.preprocessing_id)
    assert result.activation_map == [[0.5, 0.5], [0.5, 0.5]]
    study.refresh_from_db()
    assert (study.state, study.ai_unavailable, study.needs_new_film) == (
        "AWAITING_READ",
        False,
        False,
    )
    event = AuditEvent.objects.get(action="JOB_SUCCEED")
    assert (event.after["probability"], event.model_digest) == (0.7, INFO.digest)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), -0.01, 1.01])
def test_what_is_no_probability_is_a_failure_and_no_label(
    submit: Callable[..., Study], number: float
) -> None:
    study = submit()
    assert score(claim_one(), number)
    job = Job.objects.get()
    assert (job.status, job.code) == ("FAILED", "NON_FINITE")
    assert not Result.objects.exists()
    study.refresh_from_db()
    assert (study.state, study.ai_unavailable) == ("AWAITING_READ", True)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_map_that_is_not_finite_is_a_failure_too(
    submit: Callable[..., Study], number: float
) -> None:
    """An infinite logit gives a plain probability of 1."""
    submit()
    held = claim_one()
    evidence = np.array([[0.5, number]], dtype=np.float32)
    assert end(results.scored(held.id, held.attempt, Prediction(1.0, evidence)))
    assert (Job.objects.get().code, Result.objects.exists()) == ("NON_FINITE", False)


@pytest.mark.parametrize(("number", "label"), [(0.0, False), (0.4999, False), (0.5, True)])
def test_the_label_is_taken_at_the_threshold(
    submit: Callable[..., Study],
    number: float,
    label: bool,  # noqa: FBT001
) -> None:
    submit()
    score(claim_one(), number)
    assert Result.objects.get().suggests_pneumonia is label


def test_not_assessable_is_an_answer_of_its_own(submit: Callable[..., Study]) -> None:
    study = submit()
    held = claim_one()
    assert end(results.refused(held.id, held.attempt, "LATERAL_OR_ROTATED"))
    job = Job.objects.get()
    assert (job.status, job.code) == ("NOT_ASSESSABLE", "LATERAL_OR_ROTATED")
    study.refresh_from_db()
    assert (study.state, study.needs_new_film, study.ai_unavailable) == (
        "AWAITING_READ",
        True,
        False,
    )


class TestFence:
    def test_a_late_worker_is_refused_and_audited(self, submit: Callable[..., Study]) -> None:
        submit()
        old = claim_one()
        lose_lease(old)
        reaping.reap_expired(actor=WORKER)
        skip_waiting()
        new = claim_one()
        assert not score(old, 0.1)
        assert Job.objects.get().status == "RUNNING"
        assert not Result.objects.exists()
        event = AuditEvent.objects.get(action="JOB_LATE_WRITE")
        assert (event.outcome, event.after) == ("REFUSED", {"status": "RUNNING", "attempt": 2})
        assert score(new, 0.9)
        assert Result.objects.get().probability == 0.9

    def test_of_a_batch_it_refuses_only_what_was_lost(self, submit: Callable[..., Study]) -> None:
        for _ in range(3):
            submit()
        batch = claim()
        lost = batch[1]
        lose_lease(lost)
        reaping.reap_expired(actor=WORKER)
        assert not end(*(results.scored(j.id, j.attempt, Prediction(0.7)) for j in batch))
        assert set(Result.objects.values_list("job", flat=True)) == {batch[0].id, batch[2].id}
        assert Job.objects.get(pk=lost.id).status == "QUEUED"
        assert AuditEvent.objects.get(action="JOB_LATE_WRITE").object_id == str(lost.id)

    @pytest.mark.parametrize("second", ["score", "refuse", "fail"])
    def test_a_finished_job_takes_no_second_answer(
        self, submit: Callable[..., Study], second: str
    ) -> None:
        submit()
        held = claim_one()
        assert score(held, 0.7)
        again = {
            "score": lambda: score(held, 0.2),
            "refuse": lambda: end(results.refused(held.id, held.attempt, "NOT_CHEST")),
            "fail": lambda: end(results.failed(held.id, held.attempt, "ERROR")),
        }
        assert not again[second]()
        assert Job.objects.get().status == "SUCCEEDED"
        assert Result.objects.get().probability == 0.7

    def test_a_fault_in_the_middle_leaves_the_job_running(
        self, submit: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit()
        held = claim_one()

        def fail(**_: Any) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr("diagnosis.services.lifecycle.settle", fail)
            with pytest.raises(RuntimeError):
                score(held)
        assert Job.objects.get().status == "RUNNING"
        assert not Result.objects.exists()
        assert not AuditEvent.objects.filter(action="JOB_SUCCEED").exists()
        assert score(held)


def somebody_waits() -> bool:
    """SQLite lets nobody begin to write while another does, so there is nothing to wait for."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


class TestLate:
    def test_after_a_signature_it_is_marked_and_changes_nothing(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study = submit()
        held = claim_one()
        report = readings.Report("NO_PNEUMONIA", "Clear.")
        readings.sign(user=radiologist, actor=WORKER, study=study, report=report)
        study.refresh_from_db()
        before = (study.state, study.worklist_rank)
        assert score(held, 0.99)
        study.refresh_from_db()
        assert Result.objects.get().is_late
        assert (study.state, study.worklist_rank) == before

    @pytest.mark.django_db(transaction=True)
    def test_a_signature_that_is_being_written_counts(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study, signed = submit(), threading.Event()
        held = claim_one()
        report = readings.Report("NO_PNEUMONIA", "Clear.")

        def sign() -> None:
            with transaction.atomic():
                readings.sign(user=radiologist, actor=WORKER, study=study, report=report)
                signed.set()
                wait_for(somebody_waits, 20, "the worker at the study's lock")

        def record() -> bool:
            signed.wait(20)
            return score(held, 0.99)

        assert at_once([sign, record]) == [None, True]
        assert Result.objects.get().is_late

    def test_a_draft_does_not_make_it_late(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study = submit()
        Reading.objects.create(study=study, reader=radiologist, opinion="PNEUMONIA")
        analyse(0.99)
        study.refresh_from_db()
        assert not Result.objects.get().is_late
        scored = lifecycle.worklist_rank(priority="ROUTINE", probability=0.99, overdue=False)
        assert (study.state, study.worklist_rank) == ("AWAITING_READ", scored)


def test_the_highest_score_of_a_study_ranks_it(submit: Callable[..., Study]) -> None:
    from tests import films

    study = submit([films.as_png8(films.chest(n, size=(300, 260))) for n in range(3)])
    for probability in (0.2, 0.9, 0.4):
        score(claim_one(), probability)
    study.refresh_from_db()
    expected = lifecycle.worklist_rank(priority="ROUTINE", probability=0.9, overdue=False)
    assert study.worklist_rank == expected
