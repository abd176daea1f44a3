"""The one test double of `Classifier`; it obeys the same contract test as the real engines."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from ml.contracts import ClassifierInfo, Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contracts import FloatArray

FAKE_DIGEST = "fa4e" * 16


class FakeClassifier:
    """Scores a film by its mean brightness: deterministic, instant, no model file.

    ``seconds_per_film`` makes it slow, so that a fault can be injected in mid-film.
    """

    def __init__(
        self,
        *,
        input_size: int = 32,
        seconds_per_film: float = 0.0,
        digest: str = FAKE_DIGEST,
        films_at_once: int = 8,
    ) -> None:
        self.info = ClassifierInfo(
            name="fake",
            version="1",
            digest=digest,
            preprocessing_id="square-gray-1",
            input_size=input_size,
            threshold=0.5,
            explains=True,
            engine="fake",
            films_at_once=films_at_once,
        )
        self._seconds_per_film = seconds_per_film
        self._clock = threading.Event()

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        if self._seconds_per_film:
            self._clock.wait(self._seconds_per_film * len(batch))
        return [_score(film[:, :, 0]) for film in batch]


def _score(film: FloatArray) -> Prediction:
    probability = float(film.mean())
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    rough = film[::8, ::8]
    evidence = rough - rough.mean() + math.log(bounded / (1 - bounded))
    return Prediction(probability, np.ascontiguousarray(evidence, dtype=np.float32))
