"""What a training ran on, and in which precision it pays to run."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from ml.engines.devices import cores

AUTO = "auto"


def has_gpu() -> bool:
    """Whether the Keras backend computes on one. Each backend names a tensor's place its own way."""
    place = str(getattr(keras.ops.zeros(1), "device", "")).lower()
    return "gpu" in place or "cuda" in place


def policy(precision: str) -> str:
    """The Keras policy: half precision on a GPU; on a CPU it was measured to gain nothing."""
    if precision != AUTO:
        return precision
    return "mixed_float16" if has_gpu() else "float32"


def described() -> dict[str, Any]:
    """For the run: a number without its hardware says little of time."""
    backend = keras.backend.backend()
    return {
        "device": "GPU" if has_gpu() else "CPU",
        "cores": cores(),
        "machine": platform.machine(),
        "backend": f"{backend} {_version(backend)}",
        "keras": keras.version(),
    }


def _version(package: str) -> str:
    """TensorFlow without a GPU is another package of the same content."""
    try:
        return version(package)
    except PackageNotFoundError:
        return version(f"{package}-cpu")
