"""Engines: what runs a bundle. Each takes a folder and gives a verified, warm `Classifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.bundle import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import Classifier

ENGINES = ("auto", "keras")


def load(directory: Path, engine: str = "auto") -> Classifier:
    """Verify the bundle, load it, and prove it on its golden films.

    engine: "auto" or "keras". Raises BundleError with a code; ValueError for an unknown engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")
    from ml.engines.keras import KerasClassifier

    return KerasClassifier(directory)


__all__ = ["ENGINES", "BundleError", "load"]
