"""The hard validation: trials that spread networks apart which all do well on films as they are.

A trial is a view of the validation films, or a part of them: the odd ones by appearance, the small
ones by true size, for each cluster of appearance its pneumonias against the normal films of all
others, where whoever tells clusters apart instead of disease fails, and the deceptive films, which at
a glance look like the other label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.metrics.bootstrap import RESAMPLES, Interval, patient_weights, percentile_interval
from ml.metrics.scores import ranked, weighted_metrics
from ml.training import views
from ml.training.clusters import clusters_of, glances
from ml.training.split import TRAIN, VALIDATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contracts import FloatArray
    from ml.metrics.scores import BoolArray, Float64Array
    from ml.training.corpus import Corpus
    from ml.training.scoring import Scores

ODD_SHARE = SMALL_SHARE = 0.2
DECEPTIVE_SHARE = 0.25
DECEPTIVE_VIEWS = (
    views.CLEAN,
    views.CHANGED,
    views.OTHER_STYLE,
    views.OTHER_SPECTRUM,
    views.OTHER_SITE,
)
_GLANCE_STRENGTH = 0.0005
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
    train = corpus.where(TRAIN)
    seen = glances(corpus.pixels, train)
    clusters = clusters_of(seen, train)[corpus.where(VALIDATION)]
    parts = {"odd films": _odd(corpus, seen), "small films": _small(corpus)}
    for number in np.unique(clusters):
        parts[f"pneumonia in cluster {number} only"] = truth == (clusters == number)
    deceptive = _deceptive(corpus, seen)
    found = [Trial(name, name, everything) for name in views.HARD]
    found += [Trial(name, views.CLEAN, counts) for name, counts in parts.items()]
    found += [Trial(f"deceptive, {name}", name, deceptive) for name in DECEPTIVE_VIEWS]
    return [t for t in found if t.counts.all() or _is_enough(truth[t.counts])]


def _is_enough(truth: BoolArray) -> bool:
    return min(int(truth.sum()), int((~truth).sum())) >= LEAST


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
        truth, ranked(scores[VALIDATION, trial.view]), 0.5, weights * trial.counts
    )
    area: Float64Array = found["roc_auc"]
    return area


def _odd(corpus: Corpus, seen: FloatArray) -> BoolArray:
    """The films farthest in appearance from the training films, the same share of each label."""
    distance = np.abs(seen[corpus.where(VALIDATION)]).mean(1)
    return _most(distance, corpus.truth(VALIDATION), ODD_SHARE)


def _deceptive(corpus: Corpus, seen: FloatArray) -> BoolArray:
    """The films that a regression on 32 px thumbnails takes most for the other label.

    Learnt on the training part. It reaches ROC AUC 0.99 on all validation films here: a glance at
    framing and exposure nearly tells the label, so only films where it does not can show more.
    """
    glance = LogisticRegression(C=_GLANCE_STRENGTH, class_weight="balanced", max_iter=3000)
    glance.fit(seen[corpus.where(TRAIN)], corpus.truth(TRAIN))
    truth = corpus.truth(VALIDATION)
    towards = glance.decision_function(seen[corpus.where(VALIDATION)])
    return _most(np.where(truth, -towards, towards), truth, DECEPTIVE_SHARE)


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
