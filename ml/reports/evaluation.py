"""Evaluate a bundle on a folder of labelled films."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.contracts import FilmError, FilmLimits, GateFinding
from ml.inference import read_film
from ml.metrics.bootstrap import Scored, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml.contracts import Classifier, FloatArray, Progress
    from ml.datasets import FilmSet, LabelledFilm

BATCH = 32
THREADS = 4


class EvaluationError(ValueError):
    """The films cannot be evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One film, read: its input, or the code that says why it has none."""

    film: LabelledFilm
    array: FloatArray | None = None
    code: str = ""
    unreadable: bool = False


def evaluate(
    classifier: Classifier,
    films: FilmSet,
    *,
    gate: bool,
    progress: Progress,
    limits: FilmLimits | None = None,
) -> dict[str, Any]:
    """Metrics at the bundle's decision point, each as value with a 95 % bootstrap interval.

    Without `gate` every readable film is scored; with it, films that the gate refuses are
    counted by code instead. Resampled by patient where the set names patients, else by film.
    Raises EvaluationError when a score is not finite or when nothing of a label was scored.
    """
    scored: list[tuple[LabelledFilm, float]] = []
    refused: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    for batch in _batches(classifier, films, limits or FilmLimits(), progress, gate=gate):
        for film in batch:
            if film.array is None:
                tally = unreadable if film.unreadable else refused
                tally[film.code] = tally.get(film.code, 0) + 1
        scored += _score(classifier, [film for film in batch if film.array is not None])
    return {
        **_measured(classifier, scored),
        "unreadable": sum(unreadable.values()),
        "unreadable_by_code": unreadable,
        "not_assessable": sum(refused.values()),
        "not_assessable_by_code": refused,
        "gate": gate,
        "resampled_by": "patient" if films.names_patients else "film",
        "model": {
            "name": classifier.info.name,
            "version": classifier.info.version,
            "digest": classifier.info.digest,
        },
    }


def _measured(
    classifier: Classifier, scored: Sequence[tuple[LabelledFilm, float]]
) -> dict[str, Any]:
    labels = np.array([film.label == 1 for film, _score in scored], bool)
    scores = np.array([score for _film, score in scored], np.float64)
    if not np.isfinite(scores).all():
        raise EvaluationError("The model gave a score that is not a finite number.")
    if labels.all() or not labels.any():
        raise EvaluationError("There must be at least one scored film of each label.")
    groups = [film.patient or film.name for film, _score in scored]
    threshold = classifier.info.threshold
    metrics = measure(Scored(labels, scores, groups), threshold)
    return {
        "n": len(scored),
        **{name: interval.as_json() for name, interval in metrics.items()},
        "threshold": threshold,
    }


def _score(classifier: Classifier, batch: Sequence[_Read]) -> list[tuple[LabelledFilm, float]]:
    if not batch:
        return []
    inputs = np.stack([read.array for read in batch if read.array is not None])
    found = classifier.classify(inputs)
    return [(read.film, score.probability) for read, score in zip(batch, found, strict=True)]


def _batches(
    classifier: Classifier, films: FilmSet, limits: FilmLimits, progress: Progress, *, gate: bool
) -> Iterator[list[_Read]]:
    """Films read ahead in threads while the model computes."""
    size = classifier.info.input_size
    total = len(films.films)
    with ThreadPoolExecutor(THREADS) as pool:
        starts = range(0, total, BATCH)
        groups = [films.films[start : start + BATCH] for start in starts]
        waiting = [
            pool.submit(_read, films, film, limits, size, gate=gate)
            for group in groups[:2]
            for film in group
        ]
        for number, group in enumerate(groups):
            mine, waiting = waiting[: len(group)], waiting[len(group) :]
            for film in groups[number + 2] if number + 2 < len(groups) else ():
                waiting.append(pool.submit(_read, films, film, limits, size, gate=gate))
            yield [future.result() for future in mine]
            progress("films", min((number + 1) * BATCH, total), total)


def _read(
    films: FilmSet, film: LabelledFilm, limits: FilmLimits, size: int, *, gate: bool
) -> _Read:
    try:
        found = read_film(films.read(film.name), limits, size, gate=gate)
    except FilmError as error:
        return _Read(film, code=error.code, unreadable=True)
    if isinstance(found, GateFinding):
        return _Read(film, code=found.code)
    return _Read(film, found)
