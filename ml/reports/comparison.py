"""One report on trained networks of one split: everything in one JSON, which the pages show."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from ml import architectures
from ml.calibration import Calibration, fit_temperature
from ml.metrics import reliability
from ml.metrics.bootstrap import Scored, measure, percentile_interval
from ml.metrics.cutoffs import cutoff_table
from ml.metrics.paired import delong, holm, mcnemar, paired_bootstrap
from ml.reports import champion
from ml.reports.hard import hardness, trials
from ml.training import views
from ml.training.package import CALIBRATED_ON, Operation, choose
from ml.training.scoring import score
from ml.training.split import TEST, VALIDATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.contracts import Progress
    from ml.datasets import LabelledFilm
    from ml.metrics.scores import BoolArray, Float64Array
    from ml.reports.hard import Hardness
    from ml.training.corpus import Corpus
    from ml.training.entrants import Entrant
    from ml.training.scoring import Scores

FORMAT = 1
_CURVE_POINTS = 200
_RELIABILITY_BINS = 10
_DRAWS = 1000  # for each pair
SHOWN = ((VALIDATION, views.CLEAN), (TEST, views.CLEAN), (TEST, views.CHANGED))


class ComparisonError(ValueError):
    """These cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entrant with everything that is measured of it."""

    entrant: Entrant
    scores: Scores
    operation: Operation
    hardness: Hardness

    def scored(self, corpus: Corpus, part: str, view: str) -> Scored:
        probabilities = self.operation.calibration.probabilities(self.scores[part, view])
        return Scored(corpus.truth(part), probabilities, corpus.groups(part))

    @property
    def threshold(self) -> float:
        return self.operation.thresholds.decision


def check(entrants: Sequence[Entrant], left_out: Sequence[Entrant] = ()) -> None:
    """Raise ComparisonError unless the entrants have one split and names of their own."""
    if len({entrant.name for entrant in entrants}) < len(entrants):
        raise ComparisonError("Two runs have the same folder name; rename one.")
    if left := [e.name for e in entrants if e.leave_out is not None]:
        raise ComparisonError(f"{left[0]} left out a cluster; give it with --left-out.")
    if whole := [e.name for e in left_out if e.leave_out is None]:
        raise ComparisonError(f"{whole[0]} left no cluster out; give it among the runs.")
    if len({entrant.split_sha256 for entrant in entrants}) > 1:
        names = ", ".join(f"{e.name}: {e.split_sha256[:12]}" for e in entrants)
        raise ComparisonError(f"Only runs of one split can be compared ({names}).")


def judge(
    entrants: Sequence[Entrant], corpus: Corpus, cache: Path, progress: Progress
) -> list[Judged]:
    """Score every entrant on every view (kept in `cache`), calibrate it, and try it hard."""
    tried = trials(corpus)
    judged = []
    for done, entrant in enumerate(entrants, start=1):
        scores = score(entrant, corpus, cache, progress)
        operation = choose(corpus, scores)
        judged.append(Judged(entrant, scores, operation, hardness(corpus, scores, tried)))
        progress("judged", done, len(entrants))
    return judged


def compare(
    judged: Sequence[Judged], corpus: Corpus, milliseconds: Mapping[str, float]
) -> dict[str, Any]:
    """The report; without NaN. milliseconds: per film, by name, in one sitting;
    a classifier on features has none."""
    best = max(judged, key=lambda one: one.hardness.mean.value)
    chosen = champion.choose([_candidate(one, milliseconds) for one in judged])
    return {
        "format": FORMAT,
        "split": {"sha256": judged[0].entrant.split_sha256, **corpus.counts()},
        "resampled_by": "patient",
        "trials": list(best.hardness.trials),
        "entrants": [
            _entry(one, best, corpus, milliseconds.get(one.entrant.name)) for one in judged
        ],
        "pairs": _pairs(judged, corpus),
        "champion": chosen,
    }


def _candidate(one: Judged, milliseconds: Mapping[str, float]) -> champion.Candidate:
    entrant = one.entrant
    return champion.Candidate(
        name=entrant.name,
        hard_auc=one.hardness.mean.value,
        milliseconds=milliseconds.get(entrant.name, math.inf),
        megabytes=entrant.megabytes,
        explains=architectures.described(entrant.architecture).explains,
        is_binary=entrant.head == "binary",
    )


def _entry(one: Judged, best: Judged, corpus: Corpus, milliseconds: float | None) -> dict[str, Any]:
    entrant = one.entrant
    behind = one.hardness.drawn - best.hardness.drawn
    against_best = percentile_interval(one.hardness.mean.value - best.hardness.mean.value, [behind])
    return {
        "name": entrant.name,
        "architecture": entrant.architecture,
        "source": architectures.described(entrant.architecture).source,
        "size": entrant.size,
        "initialisation": entrant.initialisation,
        "augmentation": entrant.augmentation,
        "epochs": entrant.epochs,
        "best_epoch": entrant.best_epoch,
        "seed": entrant.seed,
        "head": entrant.head,
        "hardware": entrant.hardware,
        "command": entrant.command,
        "training_seconds": entrant.seconds,
        "parameters": entrant.parameters,
        "megabytes": round(entrant.megabytes, 1),
        "milliseconds_per_film": milliseconds,
        "history": list(entrant.history),
        "hard": {
            "roc_auc": one.hardness.mean.as_json(),
            "against_best": against_best.as_json(),
            "trials": one.hardness.trials,
        },
        "operating_points": asdict(one.operation.thresholds),
        "calibration": _calibration(one, corpus),
        "metrics": {f"{part}_{view}": _metrics(one, corpus, part, view) for part, view in SHOWN},
        "confusion": _confusion(one, corpus),
        "curves": _curves(one, corpus),
        "groups": _groups(one, corpus),
        "cutoffs": cutoff_table(
            one.scored(corpus, VALIDATION, views.CLEAN),
            list(asdict(one.operation.thresholds).values()),
        ),
    }


def _metrics(one: Judged, corpus: Corpus, part: str, view: str) -> dict[str, Any]:
    found = measure(one.scored(corpus, part, view), one.threshold)
    return {name: value.as_json() for name, value in found.items()}


def _confusion(one: Judged, corpus: Corpus) -> dict[str, int]:
    scored = one.scored(corpus, TEST, views.CLEAN)
    called = scored.probabilities >= one.threshold
    truth = scored.labels
    return {
        "true_positive": int((called & truth).sum()),
        "false_negative": int((~called & truth).sum()),
        "false_positive": int((called & ~truth).sum()),
        "true_negative": int((~called & ~truth).sum()),
    }


def _curves(one: Judged, corpus: Corpus) -> dict[str, Any]:
    scored = one.scored(corpus, TEST, views.CLEAN)
    fall_out, recall, _ = roc_curve(scored.labels, scored.probabilities)
    precision, sensitivity, _ = precision_recall_curve(scored.labels, scored.probabilities)
    share, mean = calibration_curve(
        scored.labels, scored.probabilities, n_bins=_RELIABILITY_BINS, strategy="quantile"
    )
    return {
        "roc": _thinned(fall_out, recall),
        "precision_recall": _thinned(sensitivity[::-1], precision[::-1]),
        "reliability": _thinned(mean, share),
    }


def _thinned(x: Float64Array, y: Float64Array) -> list[list[float]]:
    """At most `_CURVE_POINTS` points, ends kept."""
    where = np.unique(np.linspace(0, len(x) - 1, min(len(x), _CURVE_POINTS)).astype(int))
    return [[round(float(x[i]), 5), round(float(y[i]), 5)] for i in where]


def _groups(one: Judged, corpus: Corpus) -> list[dict[str, Any]]:
    """Test films by subtype and by true size, where the manifest knows them, with the share called."""
    scored = one.scored(corpus, TEST, views.CLEAN)
    films = [corpus.films.films[i] for i in corpus.where(TEST)]
    called = scored.probabilities >= one.threshold
    found = []
    for name, members in {**_by_subtype(films), **_by_size(films)}.items():
        ill, well = members & scored.labels, members & ~scored.labels
        found.append(
            {
                "group": name,
                "films": int(members.sum()),
                "sensitivity": _share(called[ill]),
                "specificity": _share(~called[well]),
            }
        )
    return found


def _by_subtype(films: Sequence[LabelledFilm]) -> dict[str, BoolArray]:
    kinds = np.array([film.subtype or "" for film in films])
    return {f"subtype {kind}": kinds == kind for kind in sorted(set(kinds) - {""})}


def _by_size(films: Sequence[LabelledFilm]) -> dict[str, BoolArray]:
    """Thirds of the films whose true size is known, and the rest."""
    sizes = np.array([film.megapixels or np.nan for film in films])
    known = np.isfinite(sizes)
    if not known.any():
        return {}
    low, high = np.quantile(sizes[known], [1 / 3, 2 / 3])
    return {
        f"up to {low:.2f} megapixels": known & (sizes <= low),
        f"up to {high:.2f} megapixels": known & (sizes > low) & (sizes <= high),
        f"above {high:.2f} megapixels": known & (sizes > high),
        "true size unknown": ~known,
    }


def _share(true: BoolArray) -> float | None:
    return float(true.mean()) if len(true) else None


def _calibration(one: Judged, corpus: Corpus) -> dict[str, Any]:
    """What each way to calibrate gives on test films; fitted on validation films."""
    truth = np.tile(corpus.truth(VALIDATION), len(CALIBRATED_ON))
    raw = np.concatenate([one.scores[VALIDATION, name] for name in CALIBRATED_ON])
    ways = {"as trained": Calibration(), "temperature and bias": one.operation.calibration}
    with suppress(ValueError):  # scores centred far from 0 have none; the table then lacks the row
        ways["temperature"] = fit_temperature(raw, truth)
    logits = one.scores[TEST, views.CLEAN]
    errors = reliability.compare(
        corpus.truth(TEST), {name: way.logits(logits) for name, way in ways.items()}
    )
    return {name: {**asdict(way), **errors[name]} for name, way in ways.items()}


def _pairs(judged: Sequence[Judged], corpus: Corpus) -> list[dict[str, Any]]:
    """Every two entrants on the test films: DeLong on ROC AUC, McNemar on accuracy, by Holm."""
    truth = corpus.truth(TEST)
    rows, areas, accuracies = [], [], []
    for one, other in combinations(judged, 2):
        mine, theirs = (x.scored(corpus, TEST, views.CLEAN).probabilities for x in (one, other))
        areas.append(asdict(delong(truth, mine, theirs)))
        calls = mcnemar(truth, mine >= one.threshold, theirs >= other.threshold)
        accuracies.append(asdict(calls))
        rows.append(
            {
                "first": one.entrant.name,
                "second": other.entrant.name,
                "patients": _by_patients(one, other, corpus),
            }
        )
    for found in (areas, accuracies):
        for row, adjusted in zip(found, holm([row["p"] for row in found]), strict=True):
            row["p_holm"] = adjusted
    return [
        {**row, "roc_auc": area, "accuracy": accuracy}
        for row, area, accuracy in zip(rows, areas, accuracies, strict=True)
    ]


def _by_patients(one: Judged, other: Judged, corpus: Corpus) -> dict[str, Any]:
    """The same differences with the films of a patient kept together."""
    pair = [x.scored(corpus, TEST, views.CLEAN) for x in (one, other)]
    found = paired_bootstrap(pair[0], pair[1], (one.threshold, other.threshold), resamples=_DRAWS)
    return {name: found[name].as_json() for name in ("roc_auc", "accuracy")}
