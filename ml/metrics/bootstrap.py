"""95 % percentile bootstrap intervals, whole patients at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.metrics.scores import METRICS, weighted_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml.metrics.scores import BoolArray, Float64Array

RESAMPLES = 2000
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval. NaN where it is undefined."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        # Sums in another order differ in the last digits, and a value would leave its own interval.
        return {key: None if math.isnan(x) else round(float(x), 12) for key, x in numbers.items()}


@dataclass(frozen=True, slots=True)
class Scored:
    """Films with truth and score. ``groups``: who was photographed; films of one go together."""

    labels: BoolArray  # (n,)
    probabilities: Float64Array  # (n,)
    groups: Sequence[str]


def measure(
    scored: Scored, threshold: float, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Every metric of `METRICS` with its interval, the same for the same seed."""
    labels, probabilities = scored.labels, scored.probabilities
    ones = np.ones((1, len(labels)))
    point = weighted_metrics(labels, probabilities, threshold, ones)
    drawn: dict[str, list[Float64Array]] = {name: [] for name in METRICS}
    for weights in patient_weights(scored.groups, seed, resamples):
        for name, values in weighted_metrics(labels, probabilities, threshold, weights).items():
            drawn[name].append(values)
    return {name: percentile_interval(float(point[name][0]), drawn[name]) for name in METRICS}


def patient_weights(groups: Sequence[str], seed: int, resamples: int) -> Iterator[Float64Array]:
    """How often each film is in each resample, a chunk (r, n) at a time; the same for a seed."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    count = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    share = np.full(count, 1 / count)
    for done in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - done)
        yield rng.multinomial(count, share, size)[:, member].astype(np.float64)


def percentile_interval(value: float, drawn: Sequence[Float64Array]) -> Interval:
    """The middle 95 % of what was drawn, leaving out resamples where it is undefined."""
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(value, float(low), float(high))
