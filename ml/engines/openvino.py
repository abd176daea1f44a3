"""OpenVINO on a CPU: the bundle's digests, its export, golden films; TensorFlow is never imported."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from ml import bundle
from ml.calibration import Calibration
from ml.contracts import Prediction
from ml.engines import precisions
from ml.engines.export import open_export
from ml.engines.openvino_runtime import import_openvino
from ml.engines.proof import BFLOAT16, FLOAT32, identify, predictions, prove

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.bundle import Manifest
    from ml.contracts import FloatArray
    from ml.engines.export import Export

_HINTS = {FLOAT32: "f32", BFLOAT16: "bf16"}


class OpenVinoClassifier:
    """One bundle, compiled but not proved; `load` gives it proved. See `ml.contracts.Classifier`.

    Films run one by one: they use all cores so, a batch is no faster, and a score cannot depend
    on its neighbours.
    """

    def __init__(self, manifest: Manifest, export: Export, precision: str) -> None:
        self.info = identify(manifest, f"openvino {version('openvino')}, {precision}")
        self._calibration = Calibration(**manifest.raw["calibration"])
        openvino = import_openvino()
        core = openvino.Core()
        if precision == BFLOAT16 and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise bundle.BundleError("PRECISION_UNSUPPORTED", "This processor has no bfloat16.")
        self.processor = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
        weights = np.frombuffer(export.weights, np.uint8)
        network = core.read_model(export.structure, openvino.Tensor(weights))
        size = self.info.input_size
        # Activations with a gradient of their own leave it behind as further outputs.
        for further in network.results[2 if self.info.explains else 1 :]:
            network.remove_result(further)
        network.reshape([1, size, size, 1])
        self._network = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "PERFORMANCE_HINT": "LATENCY",
                # Pinned threads of two processes would share the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        return [self._classify(film) for film in batch]

    def _classify(self, film: FloatArray) -> Prediction:
        # OpenVINO's clamps would turn it into a number.
        if not np.isfinite(film).all():
            return Prediction(float("nan"))
        found = self._network(np.ascontiguousarray(film[np.newaxis], np.float32))
        evidence = found[1] if self.info.explains else None
        (prediction,) = predictions(found[0], evidence, self._calibration)
        return prediction


def load(directory: Path, cache: Path, precision: str = FLOAT32) -> OpenVinoClassifier:
    """Verify the bundle, open or make its export, and prove it on its golden films.

    Raises BundleError; a lower precision must have been approved (`ml.engines.precisions`).
    """
    manifest, classifier, export = compile_bundle(directory, cache, precision)
    if precision != FLOAT32:
        precisions.require_approval(export, precision, classifier.processor)
    prove(classifier, directory, manifest, precision)
    return classifier


def compile_bundle(
    directory: Path, cache: Path, precision: str
) -> tuple[Manifest, OpenVinoClassifier, Export]:
    """A verified bundle that is not proved yet. Raises BundleError."""
    manifest = bundle.verify(directory)
    identify(manifest, "openvino")
    export = open_export(directory, manifest, cache)
    return manifest, OpenVinoClassifier(manifest, export, precision), export
