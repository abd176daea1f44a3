"""Keras on TensorFlow: digests, then weights, then golden films, and only then ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ml import architectures, bundle
from ml.calibration import Calibration
from ml.contracts import ClassifierInfo, FilmLimits, GateFinding, Prediction
from ml.explain import activation_maps
from ml.inference import read_film
from ml.pixels import PREPROCESSING_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.bundle import Manifest
    from ml.contracts import FloatArray

# A GPU's 10-bit multiplications would move a score by more than the golden films allow.
tf.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003 (TensorFlow's own)

GOLDEN_TOLERANCE = 1e-4  # float32; other precisions will need their own
MOST_AT_ONCE = 32  # bounds the memory of one call, however many films are given


class KerasClassifier:
    """One bundle, loaded and proved. See `ml.contracts.Classifier`."""

    def __init__(self, directory: Path) -> None:
        manifest = bundle.verify(directory)
        raw = manifest.raw
        if raw["preprocessing_id"] != PREPROCESSING_ID:
            raise bundle.BundleError(
                "PREPROCESSING_MISMATCH",
                f"The model wants films as {raw['preprocessing_id']}, not {PREPROCESSING_ID}.",
            )
        self._calibration = Calibration(**raw["calibration"])
        self._model = _load(directory, raw)
        self.info = ClassifierInfo(
            name=raw["name"],
            version=str(raw["version"]),
            digest=manifest.digest,
            preprocessing_id=raw["preprocessing_id"],
            input_size=int(raw["input_size"]),
            threshold=manifest.threshold,
            explains=architectures.ARCHITECTURES[raw["architecture"]].explains,
            engine=f"keras {keras.__version__}, tensorflow {tf.__version__}",
        )
        size = self.info.input_size
        # One trace for every batch size; inference only, so no dropout and no batch statistics.
        self._run = tf.function(
            lambda batch: self._model(batch, training=False),
            input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)],
        )
        self._prove(directory, manifest)

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        found: list[Prediction] = []
        for start in range(0, len(batch), MOST_AT_ONCE):
            found += self._classify(batch[start : start + MOST_AT_ONCE])
        return found

    def _classify(self, batch: FloatArray) -> list[Prediction]:
        found = self._run(tf.convert_to_tensor(batch, tf.float32))
        logits = found[0] if self.info.explains else found
        scores = [float(x) for x in self._calibration.probabilities(logits.numpy()[:, 0])]
        if not self.info.explains:
            return [Prediction(score) for score in scores]
        maps = activation_maps(found[1].numpy(), self._calibration)
        return [Prediction(score, plane) for score, plane in zip(scores, maps, strict=True)]

    def _prove(self, directory: Path, manifest: Manifest) -> None:
        """The golden films must score as they did when the bundle was made. Also warms the trace."""
        for name, expected in manifest.golden_scores.items():
            data = (directory / bundle.GOLDEN / name).read_bytes()
            film = read_film(data, FilmLimits(), self.info.input_size)
            if isinstance(film, GateFinding):
                raise bundle.BundleError("GOLDEN_REFUSED", f"The gate refuses {name}: {film.code}.")
            (found,) = self.classify(film[np.newaxis])
            # A comparison with NaN is False, so ask for what must hold.
            if not abs(found.probability - expected) <= GOLDEN_TOLERANCE:
                raise bundle.BundleError(
                    "GOLDEN_MISMATCH",
                    f"{name} scores {found.probability:.5f} here, {expected:.5f} when it was made.",
                )


def _load(directory: Path, raw: Any) -> keras.Model:
    options = architectures.Options(size=int(raw["input_size"]), width=float(raw.get("width", 1)))
    try:
        model = architectures.build(raw["architecture"], options)
    except KeyError as error:
        raise bundle.BundleError("UNKNOWN_ARCHITECTURE", str(error.args[0])) from error
    except architectures.OptionsError as error:
        raise bundle.BundleError("IMPOSSIBLE_OPTIONS", str(error)) from error
    try:
        model.load_weights(directory / bundle.WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise bundle.BundleError(
            "WEIGHTS_UNREADABLE", f"The weights do not fit: {error}"
        ) from error
    model.trainable = False
    return model
