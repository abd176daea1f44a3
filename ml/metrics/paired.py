"""Is one model better than another on the same films?

`delong` and `mcnemar` take films as independent; `paired_bootstrap` keeps those of one patient
together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ml.metrics.bootstrap import RESAMPLES, patient_weights, percentile_interval
from ml.metrics.scores import METRICS, check_films, weighted_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.metrics.bootstrap import Interval, Scored
    from ml.metrics.scores import BoolArray, Float64Array

_NORMAL_975 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second, with its 95 % interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Discordance:
    """How many films only one of two models called rightly, with the two-sided p."""

    only_first: int
    only_second: int
    p: float


def delong(labels: BoolArray, first: Float64Array, second: Float64Array) -> Difference:
    """The difference of two ROC AUCs (DeLong 1988, by mid-ranks as Sun and Xu 2014).

    labels: bool (n,); scores: (n,), any scale, higher is sicker. Without any variance p is 1
    for equal AUCs, else 0. Raises ValueError for lengths that differ, a non-finite score or
    fewer than two films of a label.
    """
    check_films(labels, first, second)
    positive, negative = int(labels.sum()), int((~labels).sum())
    if min(positive, negative) < 2:
        raise ValueError("DeLong's test needs two films of each label")
    won = _wins(first, labels) - _wins(second, labels)
    variance = (
        won[labels].var(ddof=1) / negative**2 / positive
        + won[~labels].var(ddof=1) / positive**2 / negative
    )
    value = float(won[labels].sum() / (positive * negative))
    error = math.sqrt(variance)
    z = abs(value) / error if error else (math.inf if value else 0.0)
    p = math.erfc(z / math.sqrt(2))
    return Difference(value, value - _NORMAL_975 * error, value + _NORMAL_975 * error, p)


def paired_bootstrap(
    first: Scored,
    second: Scored,
    thresholds: tuple[float, float] = (0.5, 0.5),
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """First minus second for every metric of `METRICS`, each model at its own threshold.

    Both are measured on the same resamples of whole patients. Raises ValueError where the two
    are not of the same films in the same order, for a non-finite score and for one label only.
    """
    labels = first.labels
    if not np.array_equal(labels, second.labels) or list(first.groups) != list(second.groups):
        raise ValueError("both models must have scored the same films")
    check_films(labels, first.probabilities, second.probabilities)

    def differences(weights: Float64Array) -> dict[str, Float64Array]:
        mine = weighted_metrics(labels, first.probabilities, thresholds[0], weights)
        theirs = weighted_metrics(labels, second.probabilities, thresholds[1], weights)
        return {name: mine[name] - theirs[name] for name in METRICS}

    point = differences(np.ones((1, len(labels))))
    drawn = [differences(weights) for weights in patient_weights(first.groups, seed, resamples)]
    return {
        name: percentile_interval(float(point[name][0]), [found[name] for found in drawn])
        for name in METRICS
    }


def mcnemar(labels: BoolArray, first_called: BoolArray, second_called: BoolArray) -> Discordance:
    """McNemar's exact test: do two models call equally many films rightly?

    All bool (n,). On films of one label it compares sensitivities or specificities. Without
    discordant films p is 1. Raises ValueError for lengths that differ or anything but bool.
    """
    if not len(labels) == len(first_called) == len(second_called):
        raise ValueError("there must be one call for each film")
    if any(called.dtype != np.bool_ for called in (labels, first_called, second_called)):
        raise ValueError("a call is either True or False")
    first_right, second_right = first_called == labels, second_called == labels
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    return Discordance(only_first, only_second, _fair_coin(only_first, only_second))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p values, in the order given, for comparisons reported together.

    Raises ValueError for a p that is not between 0 and 1.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p value lies between 0 and 1")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, where in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[where]))
        adjusted[where] = highest
    return adjusted


def _wins(scores: Float64Array, labels: BoolArray) -> Float64Array:
    """For a film, how many of the other label it is ranked rightly against; a tie is half."""
    among_all = _mid_ranks(scores)
    wins = np.empty(len(scores))
    wins[labels] = among_all[labels] - _mid_ranks(scores[labels])
    wins[~labels] = labels.sum() - (among_all[~labels] - _mid_ranks(scores[~labels]))
    return wins


def _mid_ranks(scores: Float64Array) -> Float64Array:
    _, level, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: Float64Array = (np.cumsum(count) - (count - 1) / 2)[level]
    return ranks


def _fair_coin(heads: int, tails: int) -> float:
    """Two-sided p of heads and tails as uneven as these."""
    tosses = heads + tails
    extreme = sum(math.comb(tosses, k) for k in range(min(heads, tails) + 1))
    return min(1.0, 2 * extreme / (1 << tosses))
