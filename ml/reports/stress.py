"""How much a score moves when the film changes and the finding does not."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.contracts import FilmError, FilmLimits
from ml.inference import read_film
from ml.pixels import normalise, preprocess
from ml.quality import assess
from ml.reports.evaluation import EvaluationError
from ml.reports.stress_changes import CHANGES
from ml.reports.stress_encodings import BASE_ENCODING, ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ml.contracts import Classifier, FloatArray, GateFinding, Progress
    from ml.datasets import FilmSet, LabelledFilm
    from ml.reports.stress_changes import Film

    # What became of a film: its score, or the code of the refusal.
    Outcome = float | str

ENCODINGS_WITHIN = 0.02
# Of 0 or 1: a calibrated probability hardly moves there, whatever the logit does.
NEAR_AN_END = 0.01
THREADS = 4
_DIGITS = 6
_STRENGTHS = [(change, strength) for change in CHANGES for strength in change.strengths]


@dataclass(frozen=True, slots=True)
class _Read:
    """A film's inputs: as it is, then by `_STRENGTHS`, then by `ENCODINGS`; codes where refused.

    `code` says why there are none: unreadable, or refused as it is.
    """

    film: LabelledFilm
    inputs: Sequence[FloatArray | str] = ()
    code: str = ""
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class _Scored:
    label: int
    outcomes: list[Outcome]


def stress(
    classifier: Classifier,
    films: FilmSet,
    *,
    progress: Progress,
    limits: FilmLimits | None = None,
    most: int | None = None,
) -> dict[str, Any]:
    """Score every film as it is, under each change and in each encoding.

    A changed film that the gate refuses is counted by code and gets no score, as in use. A film
    that is unreadable, or refused as it is, is counted and left out. most: films of each label,
    the first by name. Raises EvaluationError when a score is not finite or no film is left.
    """
    chosen = _first(films.films, most)
    scored: list[_Scored] = []
    unreadable, refused = Counter[str](), Counter[str]()
    for read in _reads(films, chosen, limits or FilmLimits(), classifier.info.input_size, progress):
        if read.code:
            (unreadable if read.unreadable else refused)[read.code] += 1
        else:
            scored.append(_Scored(read.film.label, _score(classifier, read.inputs)))
    if not scored:
        raise EvaluationError("No film could be scored as it is, so nothing can be compared.")
    return {
        "model": {
            "name": classifier.info.name,
            "version": classifier.info.version,
            "digest": classifier.info.digest,
        },
        "threshold": classifier.info.threshold,
        "films": {
            "given": len(chosen),
            "compared": len(scored),
            "pneumonia": sum(film.label for film in scored),
            "unreadable_by_code": dict(sorted(unreadable.items())),
            "not_assessable_by_code": dict(sorted(refused.items())),
        },
        **_compared(scored, classifier.info.threshold),
    }


def _first(films: Sequence[LabelledFilm], most: int | None) -> list[LabelledFilm]:
    taken = Counter[int]()
    chosen: list[LabelledFilm] = []
    for film in films:
        taken[film.label] += 1
        if most is None or taken[film.label] <= most:
            chosen.append(film)
    return chosen


def _reads(
    films: FilmSet,
    chosen: Sequence[LabelledFilm],
    limits: FilmLimits,
    size: int,
    progress: Progress,
) -> Iterator[_Read]:
    """A few films at a time: each has some fifty inputs."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(chosen), THREADS):
            group = chosen[start : start + THREADS]
            yield from pool.map(lambda film: _read(films, film, limits, size), group)
            progress("films", start + len(group), len(chosen))


def _read(films: FilmSet, film: LabelledFilm, limits: FilmLimits, size: int) -> _Read:
    try:
        image = normalise(films.read(film.name), limits)
    except FilmError as error:
        return _Read(film, code=str(error.code), unreadable=True)
    finding = assess(image)
    if finding is not None:
        return _Read(film, code=str(finding.code))
    seed = int.from_bytes(hashlib.sha256(film.name.encode()).digest()[:8])
    changed = [
        _gated(change.apply(image, strength, np.random.default_rng(seed)), size)
        for change, strength in _STRENGTHS
    ]
    encoded = [_encoded(encode(image), limits, size) for encode in ENCODINGS.values()]
    return _Read(film, [preprocess(image, size), *changed, *encoded])


def _gated(image: Film, size: int) -> FloatArray | str:
    return _input(assess(image) or preprocess(image, size))


def _encoded(data: bytes, limits: FilmLimits, size: int) -> FloatArray | str:
    try:
        return _input(read_film(data, limits, size))
    except FilmError as error:
        return error.code


def _input(found: FloatArray | GateFinding) -> FloatArray | str:
    return found if isinstance(found, np.ndarray) else found.code


def _score(classifier: Classifier, inputs: Sequence[FloatArray | str]) -> list[Outcome]:
    arrays = [found for found in inputs if not isinstance(found, str)]
    scores = iter([found.probability for found in classifier.classify(np.stack(arrays))])
    outcomes = [found if isinstance(found, str) else next(scores) for found in inputs]
    if not all(isinstance(outcome, str) or math.isfinite(outcome) for outcome in outcomes):
        raise EvaluationError("The model gave a score that is not a finite number.")
    return outcomes


def _compared(scored: Sequence[_Scored], threshold: float) -> dict[str, Any]:
    labels = np.array([film.label == 1 for film in scored])
    as_is, *others = zip(*(film.outcomes for film in scored), strict=True)
    changed, encoded = others[: len(_STRENGTHS)], others[len(_STRENGTHS) :]
    before = np.array(as_is, np.float64)
    base = encoded[list(ENCODINGS).index(BASE_ENCODING)]
    return {
        "unchanged": {
            **_truth(labels, before >= threshold),
            "near_an_end": int(np.sum(np.minimum(before, 1 - before) < NEAR_AN_END)),
        },
        "changes": [
            {
                "change": change.name,
                "strength": strength,
                "told": change.told.format(strength),
                "unit": change.unit,
                **_row(labels, before, outcomes, threshold),
            }
            for (change, strength), outcomes in zip(_STRENGTHS, changed, strict=True)
        ],
        "encodings": [
            {"encoding": name, "against": BASE_ENCODING, **_agreement(base, outcomes)}
            for name, outcomes in zip(ENCODINGS, encoded, strict=True)
        ],
    }


def _row(
    labels: NDArray[np.bool_],
    before: NDArray[np.float64],
    outcomes: Sequence[Outcome],
    threshold: float,
) -> dict[str, Any]:
    passed = np.array([not isinstance(outcome, str) for outcome in outcomes])
    after = np.array([outcome for outcome in outcomes if not isinstance(outcome, str)], np.float64)
    moved = after - before[passed]
    relabelled = (after >= threshold) != (before[passed] >= threshold)
    return {
        "scored": len(after),
        "not_assessable": len(outcomes) - len(after),
        "not_assessable_by_code": _codes(outcomes),
        "median": _number(np.median, np.abs(moved)),
        "p95": _number(lambda change: np.percentile(change, 95), np.abs(moved)),
        "maximum": _number(np.max, np.abs(moved)),
        "mean_signed": _number(np.mean, moved),
        "relabelled": int(relabelled.sum()),
        "relabelled_share": _number(np.mean, relabelled),
        **_truth(labels[passed], after >= threshold),
    }


def _truth(labels: NDArray[np.bool_], called: NDArray[np.bool_]) -> dict[str, float | None]:
    return {
        "accuracy": _number(np.mean, labels == called),
        "sensitivity": _number(np.mean, called[labels]),
        "specificity": _number(np.mean, ~called[~labels]),
    }


def _agreement(base: Sequence[Outcome], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A film that is refused in one encoding and not in the other is no agreement."""
    pairs = list(zip(base, outcomes, strict=True))
    apart = [
        abs(one - other)
        for one, other in pairs
        if not isinstance(one, str) and not isinstance(other, str)
    ]
    split = sum(isinstance(one, str) != isinstance(other, str) for one, other in pairs)
    return {
        "scored": len(apart),
        "not_assessable_by_code": _codes(outcomes),
        "maximum": _number(np.max, np.array(apart)),
        "within": ENCODINGS_WITHIN,
        "agrees": bool(apart) and max(apart) <= ENCODINGS_WITHIN and not split,
    }


def _codes(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return dict(sorted(Counter(str(code) for code in outcomes if isinstance(code, str)).items()))


def _number(statistic: Any, values: NDArray[Any]) -> float | None:
    """Rounded, and None of no values: JSON has no NaN."""
    return round(float(statistic(values)), _DIGITS) if len(values) else None
