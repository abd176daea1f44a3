"""Engines: what runs a bundle. Each takes a folder and gives a verified, warm `Classifier`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ml import bundle
from ml.bundle import BundleError
from ml.engines import devices, openvino_runtime
from ml.engines.proof import FLOAT32, TOLERANCES

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import Classifier

logger = logging.getLogger(__name__)

AUTO, KERAS, OPENVINO = "auto", "keras", "openvino"
ENGINES = (AUTO, KERAS, OPENVINO)
PRECISIONS = tuple(TOLERANCES)


def load(
    directory: Path,
    engine: str = AUTO,
    *,
    cache: Path | None = None,
    precision: str = FLOAT32,
) -> Classifier:
    """Verify the bundle, load it, and prove it on its golden films.

    engine: one of ENGINES. cache: folder of OpenVINO's exports; without one, auto is Keras.
    precision: other than float32 on OpenVINO only, and only where it was approved. Raises
    BundleError with a code; ValueError for an unknown engine.
    """
    chosen, why = choose(engine, cache, precision)
    logger.info("engine: %s (%s)", chosen, why)
    if chosen == KERAS:
        return _keras(directory)
    bundle.verify(directory)  # a damaged one is no reason to try another engine
    try:
        return _openvino(directory, cache, precision)
    except (BundleError, ImportError, RuntimeError) as error:
        if engine != AUTO or precision != FLOAT32:
            raise
        logger.warning("engine: keras instead of openvino: %s", error)
        return _keras(directory)


def prepare(directory: Path, engine: str = AUTO, *, cache: Path, precision: str = FLOAT32) -> None:
    """Make ahead of the first start what the engine needs from a bundle.

    Raises BundleError; under auto, a failure is logged and left to Keras.
    """
    from ml.engines.export import open_export

    if choose(engine, cache, precision)[0] != OPENVINO:
        return
    try:
        _require_openvino()
        open_export(directory, bundle.verify(directory), cache)
    except BundleError as error:
        if engine != AUTO:
            raise
        logger.warning("%s", error)


def choose(engine: str, cache: Path | None, precision: str) -> tuple[str, str]:
    """The engine to use, and why. Raises ValueError and BundleError for what cannot be."""
    for given, known, what in (
        (engine, ENGINES, "engine"), (precision, PRECISIONS, "precision"),
    ):  # fmt: skip
        if given not in known:
            raise ValueError(f"unknown {what} {given!r}; known: {', '.join(known)}")
    if engine == KERAS and precision != FLOAT32:
        raise BundleError("PRECISION_UNSUPPORTED", f"Keras runs in {FLOAT32} only.")
    if engine != AUTO:
        return engine, "as set"
    if precision != FLOAT32:
        return OPENVINO, f"for {precision}"
    return _choose_by_machine(cache)


def _choose_by_machine(cache: Path | None) -> tuple[str, str]:
    if devices.has_gpu_for_tensorflow():
        return KERAS, "there is a GPU"
    if cache is None:
        return KERAS, "no folder for exports was given"
    if not openvino_runtime.is_installed():
        return KERAS, "no GPU, and OpenVINO is not installed"
    return OPENVINO, "no GPU"


def _keras(directory: Path) -> Classifier:
    from ml.engines.keras import KerasClassifier

    return KerasClassifier(directory)


def _openvino(directory: Path, cache: Path | None, precision: str) -> Classifier:
    if cache is None:
        raise ValueError("OpenVINO needs a folder for its exports")
    _require_openvino()
    from ml.engines.openvino import load as load_openvino

    return load_openvino(directory, cache, precision)


def _require_openvino() -> None:
    if not openvino_runtime.is_installed():
        raise BundleError("ENGINE_MISSING", "OpenVINO is not installed.")


__all__ = ["ENGINES", "PRECISIONS", "BundleError", "choose", "load", "prepare"]
