"""Bundles that a test changes or makes up, with honest digests."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import architectures, bundle
from ml.calibration import Calibration
from ml.engines.proof import golden_films

if TYPE_CHECKING:
    from pathlib import Path


def rewrite(directory: Path, **changes: Any) -> None:
    """A manifest with honest digests for files or facts that a test has changed."""
    raw = {**json.loads((directory / bundle.MANIFEST).read_text()), **changes}
    bundle.write_manifest(directory, {k: v for k, v in raw.items() if k not in {"format", "files"}})


def fill_a_kernel(directory: Path, value: float) -> None:
    """A network that still loads, with one value throughout a kernel, and honest digests."""
    import h5py

    with h5py.File(directory / bundle.WEIGHTS, "r+") as file:
        kernels: list[h5py.Dataset] = []
        file.visititems(
            lambda _name, item: kernels.append(item) if isinstance(item, h5py.Dataset) else None
        )
        kernels[0][...] = value
    rewrite(directory)


def flatten(directory: Path, factor: float) -> None:
    """Divide all logits, so that a difference in them moves a score by less."""
    manifest = bundle.load_manifest(directory)
    old = Calibration(**manifest.raw["calibration"])
    new = Calibration(old.temperature * factor, 0.0)
    golden = {}
    for name, score in manifest.golden_scores.items():
        raw = (np.log(score) - np.log1p(-score) - old.bias) * old.temperature
        golden[name] = float(new.probabilities(np.array(raw)))
    rewrite(
        directory,
        calibration={"temperature": new.temperature, "bias": new.bias},
        golden=golden,
    )


def small_bundle(like: Path, directory: Path, architecture: str) -> Path:
    """A bundle of a small network with drawn weights, proved as `like` is."""
    import keras

    keras.utils.set_random_seed(3)
    size, width = 64, 0.25
    network = architectures.build(architecture, architectures.Options(size, width))
    shutil.copytree(like, directory)
    network.save_weights(directory / bundle.WEIGHTS)
    rewrite(directory, architecture=architecture, input_size=size, width=width)
    manifest = bundle.load_manifest(directory)
    calibration = Calibration(**manifest.raw["calibration"])
    golden = {}
    for name, film in golden_films(directory, manifest):
        found = network(film[np.newaxis], training=False)
        logit = keras.ops.convert_to_numpy(found[0] if isinstance(found, list) else found)
        golden[name] = float(calibration.probabilities(logit[:, 0])[0])
    rewrite(directory, golden=golden)
    return directory
