"""Milliseconds per film of several networks, taken in turns, so that a busy moment hits all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.contracts import Progress
    from ml.training.entrants import Entrant

BATCH = 8
ROUNDS = 9


def milliseconds_per_film(
    entrants: Sequence[Entrant], progress: Progress, *, rounds: int = ROUNDS
) -> Mapping[str, float]:
    """Median over the rounds, in batches of `BATCH`, compiled and warm, by the name."""
    models = {entrant.name: entrant.load() for entrant in entrants if entrant.is_network}
    films = {
        e.name: np.random.default_rng(0).random((BATCH, e.size, e.size, 1)).astype(np.float32)
        for e in entrants
    }
    taken: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):  # the first one warms up
        for name, model in models.items():
            started = time.perf_counter()
            model.predict_on_batch(films[name])
            if number:
                taken[name].append((time.perf_counter() - started) * 1000 / BATCH)
        progress("timing", number, rounds)
    return {name: round(float(np.median(values)), 2) for name, values in taken.items()}
