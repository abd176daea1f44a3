"""OpenVINO on a CPU: the bundle's digests, its export, golden films; TensorFlow is never imported."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import bundle
from ml.calibration import Calibration
from ml.contracts import Prediction
from ml.engines import precisions
from ml.engines.devices import cores
from ml.engines.export import open_export
from ml.engines.openvino_runtime import import_openvino
from ml.engines.proof import BFLOAT16, FLOAT32, identify, predictions, prove

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.bundle import Manifest
    from ml.contracts import FloatArray
    from ml.engines.export import Export

_MOST_STREAMS = 8  # each takes its own memory; larger machines run several workers
_HINTS = {FLOAT32: "f32", BFLOAT16: "bf16"}


class OpenVinoClassifier:
    """One bundle, compiled but not proved; `load` gives it proved. See `ml.contracts.Classifier`.

    Each film is a request of its own, on one core: several side by side are faster than one on all
    cores, which would wait for each other, and a score cannot depend on its neighbours.
    """

    def __init__(self, manifest: Manifest, export: Export, precision: str) -> None:
        streams = min(cores(), _MOST_STREAMS)
        info = identify(manifest, f"openvino {version('openvino')}, {precision}")
        self.info = replace(info, films_at_once=streams)
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
        compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": streams,
                # Pinned threads of two processes would share the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._requests = openvino.AsyncInferQueue(compiled, streams)

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        # Where nothing else is put: OpenVINO's clamps would turn NaN into a number.
        found = [Prediction(float("nan"))] * len(batch)

        def keep(request: Any, number: int) -> None:
            outputs = [np.array(output.data) for output in request.output_tensors]
            evidence = outputs[1] if self.info.explains else None
            (found[number],) = predictions(outputs[0], evidence, self._calibration)

        self._requests.set_callback(keep)
        for number, film in enumerate(batch):
            if np.isfinite(film).all():
                self._requests.start_async(
                    {0: np.ascontiguousarray(film[np.newaxis], np.float32)}, number
                )
        self._requests.wait_all()
        return found


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
