"""Whether a bundle may run in lower precision: golden films and others, scored both ways."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.bundle import OPERATING_POINTS
from ml.contracts import FilmError, FilmLimits, GateFinding
from ml.engines.openvino import compile_bundle
from ml.engines.precisions import approve, compare
from ml.engines.proof import FLOAT32, golden_films
from ml.inference import read_film

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ml.contracts import Classifier, FloatArray, Progress
    from ml.datasets import FilmSet


def check_precision(
    directory: Path, cache: Path, precision: str, films: Iterable[FloatArray]
) -> dict[str, Any]:
    """Approve the precision for this bundle on this processor. Raises BundleError where it may not.

    films: preprocessed, float32 (size, size, 1); the golden films are scored beside them.
    """
    manifest, exact, export = compile_bundle(directory, cache, FLOAT32)
    _, lower, _ = compile_bundle(directory, cache, precision)
    golden = (film for _name, film in golden_films(directory, manifest))
    scores = np.array(
        [[_score(one, film) for one in (exact, lower)] for part in (golden, films) for film in part]
    )
    points = manifest.raw["operating_points"]
    thresholds = [float(points[name]["threshold"]) for name in OPERATING_POINTS]
    found = compare(scores[:, 0], scores[:, 1], thresholds)
    approval = approve(export, precision, lower.processor, found)
    return {"precision": precision, **asdict(found), "approval": str(approval)}


def assessable(films: FilmSet, size: int, progress: Progress) -> Iterator[FloatArray]:
    """The films of a set that would be scored."""
    for number, film in enumerate(films.films, start=1):
        try:
            found = read_film(films.read(film.name), FilmLimits(), size)
        except FilmError:
            continue
        finally:
            progress("films", number, len(films.films))
        if not isinstance(found, GateFinding):
            yield found


def _score(classifier: Classifier, film: FloatArray) -> float:
    (found,) = classifier.classify(film[np.newaxis])
    return found.probability
