"""What a network learns to tell: pneumonia or not, its kind, or any number of findings.

Values are float32 (n, k): 1 present, 0 absent, -1 unknown (`UNKNOWN`). An unknown value takes no
part in loss or accuracy (the setting of CheXNet, Rajpurkar et al. 2017, arXiv:1711.05225).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.contracts import FloatArray
    from ml.datasets import LabelledFilm
    from ml.metrics.scores import Float64Array

    Loss = Callable[[Any, Any], Any]

BINARY, SUBTYPE, FINDINGS = HEADS = ("binary", "subtype", "findings")
PNEUMONIA = "pneumonia"
UNKNOWN = -1.0
SUBTYPES = ("normal", "bacteria", "virus")


class TargetsError(ValueError):
    """The films lack what the head is to learn; the message says what."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Truth of every film for one kind of head."""

    head: str
    names: tuple[str, ...]
    values: FloatArray  # (n, k)

    def loss(self, where: NDArray[np.int64]) -> Loss:
        """Balanced over `where` (the training films): both sides of each output weigh the same."""
        if self.head == SUBTYPE:
            return _balanced_softmax(self.values[where])
        return _balanced_sigmoid(self.values[where])

    def accuracy(self, truth: Any, logits: Any) -> Any:
        """Share of right calls (n,) at even odds, over what is known."""
        if self.head == SUBTYPE:
            return keras.metrics.categorical_accuracy(truth, logits)
        known = ops.cast(truth >= 0, "float32")
        right = ops.cast((logits >= 0) == (truth > 0.5), "float32") * known
        return ops.sum(right, -1) / ops.maximum(ops.sum(known, -1), 1)


def binary(films: Sequence[LabelledFilm]) -> Targets:
    """Pneumonia or not, from the folders."""
    values = np.array([[film.label] for film in films], np.float32)
    return Targets(BINARY, (PNEUMONIA,), values)


def subtype(films: Sequence[LabelledFilm]) -> Targets:
    """Normal, bacterial or viral, from the manifest's column. Raises TargetsError."""
    values = np.zeros((len(films), len(SUBTYPES)), np.float32)
    for position, film in enumerate(films):
        if film.subtype not in SUBTYPES:
            raise TargetsError(
                f"The manifest's column subtype must be one of {', '.join(SUBTYPES)} for every film."
            )
        values[position, SUBTYPES.index(film.subtype)] = 1
    return Targets(SUBTYPE, SUBTYPES, values)


def findings(names: tuple[str, ...], rows: Sequence[Sequence[float]]) -> Targets:
    """Any number of findings, each 1, 0 or `UNKNOWN`."""
    return Targets(FINDINGS, names, np.array(rows, np.float32))


def pneumonia_logit(head: str, outputs: Sequence[str], logits: FloatArray) -> Float64Array:
    """The one logit of pneumonia, float64 (n,), from those of any head (n, k).

    Of a three-way softmax it is the log odds of bacterial or viral against normal. Raises
    TargetsError where none of the findings is pneumonia.
    """
    raw = logits.astype(np.float64)
    if head == SUBTYPE:
        odds: Float64Array = np.logaddexp(raw[:, 1], raw[:, 2]) - raw[:, 0]
        return odds
    if PNEUMONIA not in outputs:
        raise TargetsError("None of the findings is pneumonia.")
    column: Float64Array = raw[:, list(outputs).index(PNEUMONIA)]
    return column


def _balanced_sigmoid(values: FloatArray) -> Loss:
    """Masked binary cross-entropy from logits."""
    known = values >= 0
    count = np.maximum(known.sum(0), 1)
    # Smoothed, so that a finding seen on no or on every training film keeps a finite weight.
    share = ((values == 1).sum(0) + 1) / (count + 2)
    positive = (0.5 / share).astype(np.float32)
    negative = (0.5 / (1 - share)).astype(np.float32)

    def loss(truth: Any, logits: Any) -> Any:
        mask = ops.cast(truth >= 0, "float32")
        losses = positive * truth * ops.softplus(-logits)
        losses = losses + negative * (1 - truth) * ops.softplus(logits)
        return ops.sum(losses * mask, -1) / ops.maximum(ops.sum(mask, -1), 1)

    return loss


def _balanced_softmax(values: FloatArray) -> Loss:
    share = (values.sum(0) + 1) / (len(values) + values.shape[1])
    weights = (1 / (values.shape[1] * share)).astype(np.float32)

    def loss(truth: Any, logits: Any) -> Any:
        losses = keras.losses.categorical_crossentropy(truth, logits, from_logits=True)
        return losses * ops.sum(weights * truth, -1)

    return loss
