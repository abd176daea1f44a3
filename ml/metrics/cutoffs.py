"""What each cut-off on the probability would give, for choosing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml.metrics.bootstrap import RESAMPLES, patient_weights, percentile_interval
from ml.metrics.scores import check_films

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.metrics.bootstrap import Scored
    from ml.metrics.scores import BoolArray, Float64Array

GRID = (0.01, *(step / 20 for step in range(1, 20)), 0.99)
RATES = ("sensitivity", "specificity", "ppv", "npv", "flag_rate")


def cutoff_table(
    scored: Scored, at: Sequence[float] = (), *, seed: int = 0, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """A row for each cut-off of `GRID` and of ``at``, rising: ``cutoff`` and `RATES` as intervals.

    A film is flagged where its probability >= the cut-off; ``flag_rate`` is the share flagged.
    Intervals are 95 % over whole patients; null where undefined (PPV where nothing is flagged).
    Raises ValueError for a non-finite score or cut-off and for films of one label only.
    """
    check_films(scored.labels, scored.probabilities)
    cuts = np.unique([*GRID, *at])
    if not np.isfinite(cuts).all():
        raise ValueError("a cut-off is not finite")
    called = (scored.probabilities[:, None] >= cuts).astype(np.float64)
    point = _rates(scored.labels, called, np.ones((1, len(called))))
    drawn = [
        _rates(scored.labels, called, weights)
        for weights in patient_weights(scored.groups, seed, resamples)
    ]

    def cell(name: str, column: int) -> dict[str, float | None]:
        values = [rates[name][:, column] for rates in drawn]
        return percentile_interval(float(point[name][0, column]), values).as_json()

    return [
        {"cutoff": float(cut), **{name: cell(name, column) for name in RATES}}
        for column, cut in enumerate(cuts)
    ]


def at_prevalence(row: Mapping[str, Any], prevalence: float) -> dict[str, float | None]:
    """PPV and NPV of a row of the table where ``prevalence`` of the films show pneumonia.

    By Bayes from the row's sensitivity and specificity, which must hold there too; null where
    undefined. Raises ValueError unless 0 <= prevalence <= 1.
    """
    if not 0 <= prevalence <= 1:
        raise ValueError("a prevalence lies between 0 and 1")
    sensitivity, specificity = row["sensitivity"]["value"], row["specificity"]["value"]
    sick, well = prevalence, 1 - prevalence
    return {
        "ppv": _share(sensitivity * sick, (1 - specificity) * well),
        "npv": _share(specificity * well, (1 - sensitivity) * sick),
    }


def _share(right: float, wrong: float) -> float | None:
    return right / (right + wrong) if right + wrong > 0 else None


def _rates(
    labels: BoolArray, called: Float64Array, weights: Float64Array
) -> dict[str, Float64Array]:
    """`RATES` for each row of weights (r, n) and each column of ``called`` (n, c): (r, c)."""
    positive, negative = (weights @ labels)[:, None], (weights @ ~labels)[:, None]
    flagged = weights @ called
    hits = (weights * labels) @ called
    cleared = negative - (flagged - hits)
    everything = positive + negative
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "sensitivity": hits / positive,
            "specificity": cleared / negative,
            "ppv": hits / flagged,
            "npv": cleared / (everything - flagged),
            "flag_rate": flagged / everything,
        }
