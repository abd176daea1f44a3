"""From a logit to a probability that means what it says (temperature, with or without bias)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]

_STEPS = 100
_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class Calibration:
    """``probability = sigmoid(logit / temperature + bias)``; temperature > 0 keeps the order."""

    temperature: float = 1.0
    bias: float = 0.0

    def logits(self, raw: NDArray[np.floating]) -> Float64Array:
        """Calibrated logits, any shape. NaN stays NaN."""
        return raw.astype(np.float64) / self.temperature + self.bias

    def probabilities(self, raw: NDArray[np.floating]) -> Float64Array:
        """Probabilities in [0, 1], any shape. NaN stays NaN."""
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-self.logits(raw)))


def fit_calibration(raw: Float64Array, labels: NDArray[np.bool_]) -> Calibration:
    """Fit on films that the model was not trained on.

    raw: logits (n,); labels: bool (n,). Targets are smoothed as in Platt's method, so that
    perfectly separated films give a finite answer. Raises ValueError where the scores point the
    wrong way (temperature would not be positive).
    """
    target = _smoothed(labels)
    design = np.stack([raw, np.ones_like(raw)], axis=1)
    solution = np.zeros(2)
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ solution, -500, 500)))
        weight = np.maximum(probability * (1 - probability), 1e-9)
        hessian = design.T @ (design * weight[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - probability))
        solution += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    slope, bias = solution
    if not slope > 0:
        raise ValueError("scores fall as disease rises; the model cannot be calibrated")
    return Calibration(float(1 / slope), float(bias))


def fit_temperature(raw: Float64Array, labels: NDArray[np.bool_]) -> Calibration:
    """Temperature scaling (Guo 2017): the temperature with the least log loss, bias 0.

    Films, targets and shapes as in `fit_calibration`. Raises ValueError for a logit that is not
    finite and where no positive temperature is best, because the logits point the wrong way or
    are centred far from 0.
    """
    if not np.isfinite(raw).all():
        raise ValueError("a logit is not finite")
    target = _smoothed(labels)

    def slope_of_loss(factor: float) -> float:
        """Rises with the factor (1 / temperature); zero where the log loss is least."""
        probability = 1 / (1 + np.exp(-np.clip(factor * raw, -500, 500)))
        return float(raw @ (probability - target))

    if not slope_of_loss(0) < 0:
        raise ValueError("no temperature calibrates these scores")
    high = 1.0
    while slope_of_loss(high) < 0:
        high *= 2
    while slope_of_loss(high / 2) > 0:
        high /= 2
    low = high / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope_of_loss(middle) < 0 else (low, middle)
    return Calibration(temperature=2 / (low + high))


def _smoothed(labels: NDArray[np.bool_]) -> Float64Array:
    """Targets that keep the fit finite where the films are perfectly separated (Platt 1999)."""
    positive = labels.sum()
    negative = len(labels) - positive
    target: Float64Array = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))
    return target
