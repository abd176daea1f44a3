"""How a batch flows: read ahead of the model, STAT first, written together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from diagnosis.models import Job, Result
from diagnosis.queries import invariants
from diagnosis.states import JobStatus
from ml.contracts.fake import FakeClassifier
from tests import films
from tests.integration.diagnosis.work import film
from worker import reading
from worker.pipeline import run_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml.contracts import FloatArray, Prediction

pytestmark = pytest.mark.django_db


def run(classifier: FakeClassifier | None = None) -> int:
    return run_batch(classifier=classifier or FakeClassifier(), worker="w1")


def test_a_film_is_read_while_the_one_before_it_is_in_the_model(
    submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        submit([film(seed)])
    begun = [threading.Event() for _ in range(3)]
    real, calls = reading.read_film, iter(begun)

    def read(*arguments: Any) -> Any:
        next(calls).set()
        return real(*arguments)

    class OneByOne(FakeClassifier):
        def classify(self, batch: FloatArray) -> Sequence[Prediction]:
            assert all(event.wait(20) for event in begun[:2]), "nothing is read ahead"
            return super().classify(batch)

    monkeypatch.setattr(reading, "read_film", read)
    run(OneByOne(films_at_once=1))
    assert set(Job.objects.values_list("status", "errors")) == {(JobStatus.SUCCEEDED, 0)}


def test_a_stat_film_is_not_held_back_by_the_rest_of_its_batch(submit: Any) -> None:
    for seed in range(3):
        submit([film(seed)])
    stat = submit([film(3)], priority="STAT")
    seen = []

    class Watching(FakeClassifier):
        def classify(self, batch: FloatArray) -> Sequence[Prediction]:
            ended = Job.objects.filter(status=JobStatus.SUCCEEDED)
            seen.append((len(batch), list(ended.values_list("image__study", flat=True))))
            return super().classify(batch)

    assert run(Watching()) == 4
    assert seen[0] == (1, [])
    assert seen[1][1] == [stat.pk]
    assert Result.objects.count() == 4


def blank(seed: int) -> bytes:
    return films.as_png8(np.full((300, 300), seed, dtype=np.uint16))


@pytest.mark.parametrize("contents", [film, blank])
def test_a_batch_takes_as_many_statements_as_one_film(
    submit: Any, contents: Callable[[int], bytes]
) -> None:
    def statements(batch: int) -> int:
        for seed in range(batch):
            submit([contents(seed)])
        with CaptureQueriesContext(connection) as captured:
            assert run() == batch
        return len(captured)

    assert statements(8) == statements(1)
    assert invariants.breaches(drained=True) == []
