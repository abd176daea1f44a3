"""The three operating points of a model, chosen on validation films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.metrics.scores import check_films

if TYPE_CHECKING:
    from ml.metrics.scores import BoolArray, Float64Array

RULE_OUT_SENSITIVITY = 0.99
RULE_IN_SPECIFICITY = 0.95


@dataclass(frozen=True, slots=True)
class Thresholds:
    """rule_out <= decision <= rule_in; between the outer two stands doubt."""

    rule_out: float
    decision: float
    rule_in: float


def choose_thresholds(
    labels: BoolArray,
    probabilities: Float64Array,
    hard: tuple[BoolArray, Float64Array] | None = None,
) -> Thresholds:
    """Cut half-way between neighbouring scores, so that no film sits on an edge.

    rule_out: the highest cut with sensitivity >= 0.99; rule_in: the lowest with specificity
    >= 0.95; decision: the best balanced accuracy, the middle of its plateau, on the films of
    ``hard`` (labels, probabilities) where given. Where the outer two cross or the decision point
    lies outside them, they are drawn to it, which keeps both promises. Raises ValueError without
    films of both labels or with a non-finite score.
    """
    cuts, sensitivity, specificity = _curve(labels, probabilities)
    decision = _most_balanced(*_curve(*(hard or (labels, probabilities))))
    rule_out = float(cuts[sensitivity >= RULE_OUT_SENSITIVITY].max())
    specific = cuts[specificity >= RULE_IN_SPECIFICITY]
    rule_in = float(specific.min()) if len(specific) else 1.0
    return Thresholds(min(rule_out, decision), decision, max(rule_in, decision))


def _curve(
    labels: BoolArray, probabilities: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """All cuts that differ, rising, with their sensitivity and specificity."""
    check_films(labels, probabilities)
    levels = np.unique(probabilities)
    cuts = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2])
    sensitivity = _share_at_or_above(probabilities[labels], cuts)
    specificity = 1 - _share_at_or_above(probabilities[~labels], cuts)
    return cuts, sensitivity, specificity


def _most_balanced(
    cuts: Float64Array, sensitivity: Float64Array, specificity: Float64Array
) -> float:
    balanced = sensitivity + specificity
    best = np.flatnonzero(balanced >= balanced.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _share_at_or_above(probabilities: Float64Array, cuts: Float64Array) -> Float64Array:
    below = np.searchsorted(np.sort(probabilities), cuts, side="left")
    return 1 - below / len(probabilities)
