"""Keras on TensorFlow: digests, then weights, then golden films, and only then ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from ml import bundle
from ml.calibration import Calibration
from ml.engines.networks import load_network
from ml.engines.proof import identify, predictions, prove

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import FloatArray, Prediction

# A GPU's 10-bit multiplications would move a score by more than the golden films allow.
tf.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003 (TensorFlow's own)

MOST_AT_ONCE = 32  # bounds the memory of one call, however many films are given


class KerasClassifier:
    """One bundle, loaded and proved. See `ml.contracts.Classifier`."""

    def __init__(self, directory: Path) -> None:
        manifest = bundle.verify(directory)
        engine = f"keras {keras.__version__}, tensorflow {tf.__version__}"
        self.info = replace(identify(manifest, engine), films_at_once=MOST_AT_ONCE)
        self._calibration = Calibration(**manifest.raw["calibration"])
        self._model = load_network(directory, manifest.raw)
        size = self.info.input_size
        # One trace for every batch size; inference only, so no dropout and no batch statistics.
        self._run = tf.function(
            lambda batch: self._model(batch, training=False),
            input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)],
        )
        prove(self, directory, manifest)  # also warms the trace

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        found: list[Prediction] = []
        for start in range(0, len(batch), MOST_AT_ONCE):
            found += self._classify(batch[start : start + MOST_AT_ONCE])
        return found

    def _classify(self, batch: FloatArray) -> list[Prediction]:
        found = self._run(tf.convert_to_tensor(batch, tf.float32))
        if not self.info.explains:
            return predictions(found.numpy(), None, self._calibration)
        logits, evidence = found
        return predictions(logits.numpy(), evidence.numpy(), self._calibration)
