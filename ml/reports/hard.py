"""The hard validation: trials that spread networks apart which all do well on films as they are.

A trial is a view of the validation films, or a part of them: the odd ones by appearance, the small
ones by true size, and for each cluster of appearance its pneumonias against the normal films of
all others, where whoever tells clusters apart instead of disease fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.metrics.bootstrap import RESAMPLES, Interval, patient_weights, percentile_interval
from ml.metrics.scores import weighted_metrics
from ml.quality.appearance import features
from ml.training import views
from ml.training.clusters import clusters_of
from ml.training.split import TRAIN, VALIDATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.metrics.scores import BoolArray, Float64Array
    from ml.training.corpus import Corpus
    from ml.training.scoring import Scores

ODD_SHARE = SMALL_SHARE = 0.2
LEAST = 10  # films of each label, or a trial says nothing


@dataclass(frozen=True, slots=True)
class Trial:
    """A view, and which of the validation films count."""

    name: str
    view: str
    counts: BoolArray  # (n,)


@dataclass(frozen=True, slots=True)
class Hardness:
    """ROC AUC on each trial and their mean; `drawn` is the mean on each resample, for pairing."""

    trials: dict[str, float]
    mean: Interval
    drawn: Float64Array  # (resamples,)


def trials(corpus: Corpus) -> list[Trial]:
    """Every hard view, and the parts that have enough films of both labels."""
    truth = corpus.truth(VALIDATION)
    everything = np.ones(len(truth), bool)
    clusters = clusters_of(corpus.pixels)[corpus.where(VALIDATION)]
    parts = {"odd films": _odd(corpus), "small films": _small(corpus)}
    for number in np.unique(clusters):
        parts[f"pneumonia in cluster {number} only"] = truth == (clusters == number)
    return [Trial(name, name, everything) for name in views.HARD] + [
        Trial(name, views.CLEAN, counts)
        for name, counts in parts.items()
        if min(truth[counts].sum(), (~truth)[counts].sum()) >= LEAST
    ]


def hardness(
    corpus: Corpus, scores: Scores, tried: Sequence[Trial], *, resamples: int = RESAMPLES
) -> Hardness:
    """The same resamples of patients for every entrant of one corpus, so that draws can be paired."""
    truth, groups = corpus.truth(VALIDATION), corpus.groups(VALIDATION)

    def areas(weights: Float64Array) -> Float64Array:
        """(trials, r)"""
        return np.stack([_area(truth, scores, trial, weights) for trial in tried])

    point = areas(np.ones((1, len(truth))))[:, 0]
    drawn = np.concatenate([areas(w).mean(0) for w in patient_weights(groups, 0, resamples)])
    values = {trial.name: float(value) for trial, value in zip(tried, point, strict=True)}
    return Hardness(values, percentile_interval(float(point.mean()), [drawn]), drawn)


def _area(truth: BoolArray, scores: Scores, trial: Trial, weights: Float64Array) -> Float64Array:
    # the rank alone decides, so logits do
    found = weighted_metrics(
        truth, _unit(scores[VALIDATION, trial.view]), 0.5, weights * trial.counts
    )
    area: Float64Array = found["roc_auc"]
    return area


def _unit(logits: Float64Array) -> Float64Array:
    """Logits as numbers in [0, 1] of the same order, also where a sigmoid would round to 1."""
    _, rank = np.unique(logits, return_inverse=True)
    unit: Float64Array = rank / max(1, rank.max())
    return unit


def _odd(corpus: Corpus) -> BoolArray:
    """The films farthest in appearance from the training films, the same share of each label."""
    seen = np.stack([features(film.astype(np.uint16) * np.uint16(257)) for film in corpus.pixels])
    train, held = seen[corpus.where(TRAIN)], seen[corpus.where(VALIDATION)]
    distance = np.abs((held - train.mean(0)) / (train.std(0) + 1e-6)).mean(1)
    return _most(distance, corpus.truth(VALIDATION), ODD_SHARE)


def _small(corpus: Corpus) -> BoolArray:
    """The smallest by true size, of those whose true size is known."""
    films = [corpus.films.films[i] for i in corpus.where(VALIDATION)]
    smallness = np.array([-(film.megapixels or np.inf) for film in films])
    return _most(smallness, corpus.truth(VALIDATION), SMALL_SHARE)


def _most(value: Float64Array, truth: BoolArray, share: float) -> BoolArray:
    """The highest values within each label, so that the trial is not about the label."""
    chosen = np.zeros(len(value), bool)
    for label in (False, True):
        known = np.isfinite(value) & (truth == label)
        if known.any():
            chosen |= known & (value >= np.quantile(value[known], 1 - share))
    return chosen
