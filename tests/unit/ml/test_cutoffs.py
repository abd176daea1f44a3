"""The table of cut-offs: the rates of each, their order, and other prevalences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.metrics.bootstrap import Scored, measure
from ml.metrics.cutoffs import GRID, RATES, at_prevalence, cutoff_table


def scored(seed: int, n: int = 200, sick: float = 0.6) -> Scored:
    """Films of two or three a patient, with overlapping scores."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < sick
    labels[:2] = True, False
    probabilities = 1 / (1 + np.exp(-rng.normal(labels * 3.0 - 1.5, 1.5)))
    return Scored(labels, probabilities, [str(film * 2 // 5) for film in range(n)])


def test_known_rates() -> None:
    labels = np.array([True] * 4 + [False] * 6)
    probabilities = np.array([0.9, 0.8, 0.7, 0.2, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1])
    films = Scored(labels, probabilities, [str(film) for film in range(10)])
    row = next(row for row in cutoff_table(films, [0.7], resamples=50) if row["cutoff"] == 0.7)
    values = {name: row[name]["value"] for name in RATES}
    assert values == pytest.approx(
        {"sensitivity": 3 / 4, "specificity": 5 / 6, "ppv": 3 / 4, "npv": 5 / 6, "flag_rate": 0.4}
    )


def test_a_row_is_what_the_metrics_say_at_that_threshold() -> None:
    films = scored(1)
    (row,) = (row for row in cutoff_table(films, [0.37], seed=4) if row["cutoff"] == 0.37)
    found = measure(films, 0.37, seed=4)
    for rate, metric in {
        "sensitivity": "recall",
        "specificity": "specificity",
        "ppv": "precision",
    }.items():
        assert row[rate] == pytest.approx(found[metric].as_json())


def test_rows_are_the_grid_and_what_was_asked_for_in_order() -> None:
    rows = cutoff_table(scored(2), [0.5, 0.123], resamples=10)
    assert [row["cutoff"] for row in rows] == sorted({*GRID, 0.123})
    assert GRID[:3] == (0.01, 0.05, 0.1)
    assert GRID[-3:] == (0.9, 0.95, 0.99)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rates_move_one_way_with_the_cutoff(seed: int) -> None:
    rows = cutoff_table(scored(seed), resamples=200)
    for end in ("value", "low", "high"):
        for falling in ("sensitivity", "flag_rate"):
            assert (np.diff([row[falling][end] for row in rows]) <= 0).all()
        assert (np.diff([row["specificity"][end] for row in rows]) >= 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), sick=st.floats(0.1, 0.9))
def test_at_its_own_prevalence_bayes_changes_nothing(seed: int, sick: float) -> None:
    films = scored(seed, sick=sick)
    for row in cutoff_table(films, resamples=10):
        found = at_prevalence(row, float(films.labels.mean()))
        for name, value in found.items():
            expected = row[name]["value"]
            assert value is None if expected is None else value == pytest.approx(expected)


def test_ppv_falls_and_npv_rises_where_disease_is_rarer() -> None:
    row = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.8}}
    assert at_prevalence(row, 0.1) == pytest.approx({"ppv": 0.09 / 0.27, "npv": 0.72 / 0.73})
    assert at_prevalence(row, 0.0) == {"ppv": 0.0, "npv": 1.0}


def test_what_is_undefined_is_null() -> None:
    films = Scored(np.array([True, False] * 20), np.full(40, 0.5), [str(n) for n in range(40)])
    first, *_, last = cutoff_table(films, resamples=20)
    assert first["npv"] == last["ppv"] == {"value": None, "low": None, "high": None}
    assert at_prevalence(last, 0.2) == {"ppv": None, "npv": pytest.approx(0.8)}
    json.dumps([first, last], allow_nan=False)


@pytest.mark.parametrize("prevalence", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(prevalence: float) -> None:
    row = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.8}}
    with pytest.raises(ValueError, match="prevalence"):
        at_prevalence(row, prevalence)


def test_films_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        cutoff_table(Scored(np.array([True, False]), np.array([np.nan, 0.5]), ["a", "b"]))
    with pytest.raises(ValueError, match="both labels"):
        cutoff_table(Scored(np.array([True, True]), np.array([0.4, 0.5]), ["a", "b"]))
    with pytest.raises(ValueError, match="cut-off"):
        cutoff_table(scored(1), [float("nan")])
