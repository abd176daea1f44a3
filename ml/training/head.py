"""The logistic head on frozen features: scikit-learn's regression, its strength by validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.contracts import FloatArray
    from ml.metrics.scores import BoolArray, Float64Array

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True, slots=True)
class Head:
    """logit = features @ kernel + bias, on raw (not standardised) features."""

    kernel: NDArray[np.float64]  # (channels,)
    bias: float
    strength: float

    def logits(self, features: FloatArray) -> Float64Array:
        found: Float64Array = features.astype(np.float64) @ self.kernel + self.bias
        return found


def fit_head(
    features: FloatArray,
    labels: BoolArray,
    validation: Sequence[tuple[FloatArray, BoolArray]],
) -> Head:
    """Fit at every strength and keep the best mean ROC AUC over the validation sets.

    The sets are the clean validation films and changed copies of them, so that a head which leans
    on one hospital's exposure loses. Ties go to the stronger regularisation.
    """
    mean, scale = features.mean(0), features.std(0) + 1e-6
    standard = (features - mean) / scale
    best: tuple[float, float, Head] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
        model.fit(standard, labels)
        kernel = model.coef_[0] / scale
        head = Head(kernel, float(model.intercept_[0] - mean @ kernel), strength)
        auc = float(np.mean([roc_auc_score(y, head.logits(x)) for x, y in validation]))
        loss = float(
            np.mean([log_loss(y, 1 / (1 + np.exp(-head.logits(x)))) for x, y in validation])
        )
        if best is None or (auc, -loss) > best[:2]:
            best = (auc, -loss, head)
    if best is None:
        raise ValueError("no strength was tried")
    return best[2]
