"""One batch, in this process, on the fake classifier: every film ends in the right way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError

from diagnosis.errors import StorageUnavailable
from diagnosis.models import AuditEvent, Job, Result, Study
from diagnosis.queries import invariants
from diagnosis.services import films as store
from diagnosis.services import results
from diagnosis.states import JobStatus, StudyState
from ml.contracts import Prediction
from ml.contracts.fake import FakeClassifier
from tests import films
from worker.pipeline import run_batch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import FloatArray

pytestmark = pytest.mark.django_db


class BrokenOn(FakeClassifier):
    """Raises, or answers NaN, whenever a film as bright as `poison` is in the batch."""

    def __init__(self, poison: float, *, answer: float | None = None) -> None:
        super().__init__()
        self._poison, self._answer = poison, answer

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        bad = [abs(float(film.mean()) - self._poison) < 1e-6 for film in batch]
        if any(bad) and self._answer is None:
            raise RuntimeError("cannot score this")
        scores = super().classify(batch)
        return [
            Prediction(self._answer) if wrong and self._answer is not None else score
            for wrong, score in zip(bad, scores, strict=True)
        ]


def run(classifier: FakeClassifier | None = None, **options: Any) -> int:
    return run_batch(classifier=classifier or FakeClassifier(), worker="w1", **options)


def film(seed: int) -> bytes:
    return films.as_png8(films.chest(seed, size=(300, 260)))


def brightness_of(data: bytes) -> float:
    from ml.contracts import FilmLimits
    from ml.inference import read_film

    prepared = read_film(data, FilmLimits(), 32)
    assert isinstance(prepared, np.ndarray)
    return float(prepared.mean())


def test_a_film_is_scored_and_its_study_waits_for_a_reader(submit: Any) -> None:
    study = submit()
    assert study.state == StudyState.PROCESSING

    assert run() == 1

    result = Result.objects.get()
    job = result.job
    assert job.status == JobStatus.SUCCEEDED
    assert result.film_sha256 == job.image.sha256
    assert result.model_digest == job.model_version.digest
    study.refresh_from_db()
    assert study.state == StudyState.AWAITING_READ
    told = AuditEvent.objects.filter(study=str(study.uid)).values_list("action", flat=True)
    assert list(told) == [
        "JOB_QUEUED", "STUDY_SUBMITTED", "JOB_CLAIM", "JOB_SUCCEED", "STUDY_ANALYSED",
    ]  # fmt: skip
    assert invariants.breaches(drained=True) == []


def test_a_patient_outside_the_age_range_gets_a_code_and_no_number(submit: Any) -> None:
    from datetime import date

    study = submit(birth_date=date(1950, 1, 1))
    run()
    assert Job.objects.get().code == "AGE_OUT_OF_RANGE"
    assert not Result.objects.exists()
    study.refresh_from_db()
    # No other exposure would help: the film is read without the model.
    assert (study.ai_unavailable, study.needs_new_film) == (True, False)
    assert study.state == StudyState.AWAITING_READ


def test_a_blank_film_is_not_assessable(submit: Any) -> None:
    submit([films.as_png8(np.zeros((300, 300), dtype=np.uint16))])
    run()
    job = Job.objects.get()
    assert (job.status, job.code) == (JobStatus.NOT_ASSESSABLE, "BLANK_OR_SATURATED")


def test_a_changed_film_fails_and_stays_on_the_worklist(submit: Any, settings: Any) -> None:
    study = submit()
    (path,) = store.stored()
    path.write_bytes(b"other bytes")
    run()
    assert Job.objects.get().code == "BLOB_CORRUPT"
    study.refresh_from_db()
    assert study.ai_unavailable
    assert study.state == StudyState.AWAITING_READ


def test_an_unreachable_store_costs_no_budget(submit: Any, settings: Any, tmp_path: Path) -> None:
    submit()
    settings.FILM_DIR = tmp_path / "unmounted"
    events = AuditEvent.objects.count()
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            run()
    job = Job.objects.get()
    assert (job.status, job.attempt, job.errors, job.crashes) == (JobStatus.QUEUED, 0, 0, 0)
    assert AuditEvent.objects.count() == events  # a long outage does not flood the trail


@pytest.mark.django_db(transaction=True)
def test_a_film_that_cannot_be_read_now_costs_no_budget(
    submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    submit()

    def away(**_: Any) -> bytes:
        raise StorageUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "read", away)
        with pytest.raises(StorageUnavailable):
            run()
    assert set(Job.objects.values_list("status", "crashes", "errors")) == {("QUEUED", 0, 0)}
    assert run() == 2


@pytest.mark.django_db(transaction=True)
class TestDatabaseAway:
    """A fault of the database costs no film a part of its budget."""

    def fails_once(self, monkeypatch: pytest.MonkeyPatch, *, at: int) -> None:
        calls, real = iter(range(100)), results.record

        def sometimes(**arguments: Any) -> int:
            if next(calls) == at:
                raise OperationalError("server closed the connection unexpectedly")
            return real(**arguments)

        monkeypatch.setattr(results, "record", sometimes)

    def test_while_results_are_recorded(self, submit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for seed in range(3):
            submit([film(seed)], priority="ROUTINE" if seed else "STAT")
        self.fails_once(monkeypatch, at=1)
        with pytest.raises(OperationalError):
            run()
        assert sorted(Job.objects.values_list("status", "crashes", "errors")) == [
            ("QUEUED", 0, 0), ("QUEUED", 0, 0), ("SUCCEEDED", 0, 0),
        ]  # fmt: skip
        assert run() == 2
        assert Result.objects.count() == 3
        assert invariants.breaches(drained=True) == []

    def test_while_a_refusal_is_recorded(
        self, submit: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit([films.as_png8(np.zeros((300, 300), dtype=np.uint16))])
        self.fails_once(monkeypatch, at=0)
        with pytest.raises(OperationalError):
            run()
        assert Job.objects.values_list("status", "crashes", "errors").get() == ("QUEUED", 0, 0)
        run()
        assert Job.objects.get().code == "BLANK_OR_SATURATED"


def test_a_result_that_cannot_be_stored_leaves_its_neighbours_alone(
    submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        submit([film(seed)])
    real, culprit = results.record, Job.objects.order_by("pk")[1].pk

    def refused(**arguments: Any) -> int:
        if culprit in {ending.job_id for ending in arguments["endings"]}:
            raise IntegrityError("refused by a constraint")
        return real(**arguments)

    monkeypatch.setattr(results, "record", refused)
    run()
    statuses = sorted(Job.objects.values_list("status", "errors"))
    assert statuses == [(JobStatus.QUEUED, 1), *[(JobStatus.SUCCEEDED, 0)] * 2]


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), -0.1, 1.5])
def test_a_score_that_is_no_probability_is_never_a_label(submit: Any, answer: float) -> None:
    data = film(5)
    submit([data])
    run(BrokenOn(brightness_of(data), answer=answer))
    job = Job.objects.get()
    assert (job.status, job.code) == (JobStatus.FAILED, "NON_FINITE")
    assert not Result.objects.exists()


def test_an_error_in_one_film_leaves_its_neighbours_alone(submit: Any) -> None:
    poison = film(1)
    submit([poison])
    for seed in (2, 3, 4):
        submit([film(seed)])
    run(BrokenOn(brightness_of(poison)))
    statuses = sorted(Job.objects.values_list("status", "errors"))
    assert statuses == [(JobStatus.QUEUED, 1), *[(JobStatus.SUCCEEDED, 0)] * 3]


def test_stopping_hands_every_claimed_film_back_unharmed(submit: Any) -> None:
    submit()
    submit()
    run(stopping=lambda: True)
    assert set(Job.objects.values_list("status", "crashes", "errors")) == {("QUEUED", 0, 0)}
    assert run() == 2
    assert Study.objects.filter(state=StudyState.AWAITING_READ).count() == 2


def test_a_film_handed_to_another_worker_is_not_recorded_twice(submit: Any) -> None:
    submit()

    class Slow(FakeClassifier):
        def classify(self, batch: FloatArray) -> Sequence[Prediction]:
            Job.objects.update(attempt=99)  # the reaper and a second worker were here meanwhile
            return super().classify(batch)

    run(Slow())
    assert not Result.objects.exists()
    assert AuditEvent.objects.filter(action="JOB_LATE_WRITE", outcome="REFUSED").count() == 1
