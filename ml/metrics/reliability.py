"""How far probabilities are from the truth, for calibrations side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.metrics.scores import check_films, weighted_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.metrics.scores import BoolArray, Float64Array


def log_loss(labels: BoolArray, logits: Float64Array) -> float:
    """Mean log loss in nats. From logits, so that a certain and wrong score costs, yet finitely."""
    return float(np.logaddexp(0, np.where(labels, -logits, logits)).mean())


def compare(labels: BoolArray, logits: Mapping[str, Float64Array]) -> dict[str, dict[str, float]]:
    """Log loss, Brier score and ECE for each named set of calibrated logits of the same films.

    Raises ValueError for lengths that differ, a non-finite logit or films of one label only.
    """
    check_films(labels, *logits.values())
    return {name: _errors(labels, values) for name, values in logits.items()}


def _errors(labels: BoolArray, logits: Float64Array) -> dict[str, float]:
    with np.errstate(over="ignore"):
        probabilities = 1 / (1 + np.exp(-logits))
    found = weighted_metrics(labels, probabilities, 0.5, np.ones((1, len(labels))))
    return {
        "log_loss": log_loss(labels, logits),
        "brier": float(found["brier"][0]),
        "ece": float(found["ece"][0]),
    }
