"""python -m ml.engines.export_child BUNDLE FOLDER: write the network there in OpenVINO's format."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ml import bundle
from ml.engines.export import STRUCTURE
from ml.engines.networks import load_network
from ml.engines.openvino_runtime import import_openvino


def export(directory: Path, out: Path) -> None:
    import_openvino()  # before Keras does
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    network = load_network(directory, bundle.load_manifest(directory).raw)
    # OpenVINO's clamps would turn NaN into a number, and a broken network would score films.
    if not all(np.isfinite(weight.numpy()).all() for weight in network.weights):
        raise ValueError("a weight is not finite")
    for layer in network.layers:
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True  # OpenVINO has no form for TensorFlow's loop
    network.export(str(out / STRUCTURE), format="openvino", verbose=False)


if __name__ == "__main__":
    # Keras's OpenVINO backend exports as well, without TensorFlow, but what it writes needs
    # almost three times as long for a film (MobileNetV2, Keras 3.15).
    os.environ["KERAS_BACKEND"] = "tensorflow"
    export(Path(sys.argv[1]), Path(sys.argv[2]))
