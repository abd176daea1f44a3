"""What every engine owes before it is ready: a bundle that it can run, and the golden films' scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml import bundle
from ml.architectures import ARCHITECTURES
from ml.contracts import ClassifierInfo, FilmLimits, GateFinding, Prediction
from ml.explain import activation_maps
from ml.inference import read_film
from ml.pixels import PREPROCESSING_ID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle import Manifest
    from ml.calibration import Calibration
    from ml.contracts import Classifier, FloatArray

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
TOLERANCES = {FLOAT32: 1e-4, BFLOAT16: 0.01}  # on a score


def identify(manifest: Manifest, engine: str) -> ClassifierInfo:
    """Who the model is. Raises BundleError where this code cannot run it."""
    raw = manifest.raw
    if raw["preprocessing_id"] != PREPROCESSING_ID:
        raise bundle.BundleError(
            "PREPROCESSING_MISMATCH",
            f"The model wants films as {raw['preprocessing_id']}, not {PREPROCESSING_ID}.",
        )
    if raw["architecture"] not in ARCHITECTURES:
        raise bundle.BundleError(
            "UNKNOWN_ARCHITECTURE",
            f"{raw['architecture']!r} is none of {', '.join(ARCHITECTURES)}.",
        )
    return ClassifierInfo(
        name=raw["name"],
        version=str(raw["version"]),
        digest=manifest.digest,
        preprocessing_id=raw["preprocessing_id"],
        input_size=int(raw["input_size"]),
        threshold=manifest.threshold,
        explains=ARCHITECTURES[raw["architecture"]].explains,
        engine=engine,
    )


def predictions(
    logits: FloatArray, evidence: FloatArray | None, calibration: Calibration
) -> list[Prediction]:
    """From what a network gives, (n, 1) and (n, h, w, 1) or None, to one prediction a film."""
    scores = [float(x) for x in calibration.probabilities(logits[:, 0])]
    if evidence is None:
        return [Prediction(score) for score in scores]
    maps = activation_maps(evidence, calibration)
    return [Prediction(score, plane) for score, plane in zip(scores, maps, strict=True)]


def golden_films(directory: Path, manifest: Manifest) -> Iterator[tuple[str, FloatArray]]:
    """Name and preprocessed film. Raises BundleError where the gate refuses one."""
    for name in manifest.golden_scores:
        data = (directory / bundle.GOLDEN / name).read_bytes()
        film = read_film(data, FilmLimits(), int(manifest.raw["input_size"]))
        if isinstance(film, GateFinding):
            raise bundle.BundleError("GOLDEN_REFUSED", f"The gate refuses {name}: {film.code}.")
        yield name, film


def prove(
    classifier: Classifier, directory: Path, manifest: Manifest, precision: str = FLOAT32
) -> None:
    """The golden films must score as they did when the bundle was made. Raises BundleError."""
    for name, film in golden_films(directory, manifest):
        expected = manifest.golden_scores[name]
        (found,) = classifier.classify(film[np.newaxis])
        # A comparison with NaN is False, so ask for what must hold.
        if not abs(found.probability - expected) <= TOLERANCES[precision]:
            raise bundle.BundleError(
                "GOLDEN_MISMATCH",
                f"{name} scores {found.probability:.5f} here, {expected:.5f} when it was made.",
            )
