"""From a logit to a probability that means what it says (Platt 1999, temperature and bias)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]

_STEPS = 100


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
    positive = labels.sum()
    negative = len(labels) - positive
    target = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))
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
