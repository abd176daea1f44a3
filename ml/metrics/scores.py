"""Binary classification metrics for one or many weightings of the same films at once.

A bootstrap resample is a weighting, so the point value and all resamples run through the same
code. Definitions follow scikit-learn (ties included); the tests compare with it. A metric that is
undefined (no film of one class, nothing called positive) is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

ECE_BINS = 15
_LEAST = float(np.finfo(np.float64).eps)
METRICS = (
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "ece",
)


def check_films(labels: BoolArray, *scores: Float64Array) -> None:
    """Raise ValueError unless every film has a finite score and there are films of both labels."""
    if any(len(score) != len(labels) for score in scores):
        raise ValueError("there must be one score for each film")
    if not all(np.isfinite(score).all() for score in scores):
        raise ValueError("a score is not finite")
    if labels.all() or not labels.any():
        raise ValueError("there must be films of both labels")


def ranked(logits: Float64Array) -> Float64Array:
    """Logits as numbers in [0, 1] of the same order, also where a sigmoid would round to 1."""
    _, rank = np.unique(logits, return_inverse=True)
    unit: Float64Array = rank / max(1, rank.max())
    return unit


def weighted_metrics(
    labels: BoolArray, probabilities: Float64Array, threshold: float, weights: Float64Array
) -> dict[str, Float64Array]:
    """All of `METRICS` for each row of weights.

    labels: bool (n,); probabilities: (n,) finite; weights: (r, n) >= 0. A film is called positive
    where its probability >= threshold. Returns arrays (r,). Raises ValueError on a non-finite
    probability: NaN must never count as "normal".
    """
    if not np.isfinite(probabilities).all():
        raise ValueError("a score is not finite")
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            **_at_threshold(labels, probabilities >= threshold, weights),
            **_ranking(labels, probabilities, weights),
            **_calibration(labels, probabilities, weights),
        }


def _at_threshold(
    labels: BoolArray, called: BoolArray, weights: Float64Array
) -> dict[str, Float64Array]:
    true_positive = weights @ (labels & called)
    true_negative = weights @ (~labels & ~called)
    positive, negative = weights @ labels, weights @ ~labels
    called_positive = weights @ called
    return {
        "accuracy": (true_positive + true_negative) / (positive + negative),
        "precision": true_positive / called_positive,
        "recall": true_positive / positive,
        "specificity": true_negative / negative,
        "f1": 2 * true_positive / (called_positive + positive),
    }


def _ranking(
    labels: BoolArray, probabilities: Float64Array, weights: Float64Array
) -> dict[str, Float64Array]:
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    ends = np.append(ranked[1:] != ranked[:-1], True)
    true_positive = np.cumsum(weights[:, order] * labels[order], axis=1)[:, ends]
    false_positive = np.cumsum(weights[:, order] * ~labels[order], axis=1)[:, ends]
    recall = true_positive / true_positive[:, -1:]
    fall_out = false_positive / false_positive[:, -1:]
    precision = np.nan_to_num(true_positive / (true_positive + false_positive), nan=0.0)
    start = np.zeros((len(weights), 1))
    steps = np.diff(recall, axis=1, prepend=start)
    return {
        "roc_auc": np.trapezoid(np.hstack([start, recall]), np.hstack([start, fall_out]), axis=1),
        "pr_auc": (steps * precision).sum(1),
    }


def _calibration(
    labels: BoolArray, probabilities: Float64Array, weights: Float64Array
) -> dict[str, Float64Array]:
    error = labels - probabilities
    bins = np.minimum((probabilities * ECE_BINS).astype(int), ECE_BINS - 1)
    member = bins[:, None] == np.arange(ECE_BINS)
    total = weights.sum(1)
    # A certain and wrong score would cost infinitely; scikit-learn clips likewise.
    sure = np.clip(np.where(labels, probabilities, 1 - probabilities), _LEAST, 1)
    return {
        "log_loss": weights @ -np.log(sure) / total,
        "brier": weights @ error**2 / total,
        "ece": np.abs(weights @ (member * error[:, None])).sum(1) / total,
    }
