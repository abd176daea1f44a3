"""Comparisons of two models on the same films: known values, symmetry, behaviour under the null."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from ml.metrics.bootstrap import Scored, measure
from ml.metrics.paired import Difference, delong, holm, mcnemar, paired_bootstrap
from ml.metrics.scores import METRICS

seeds = st.integers(0, 10_000)


def films(
    seed: int, n: int = 80, *, skill: tuple[float, float] = (1.5, 1.0), levels: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and two correlated scores in [0, 1]; with `levels`, in steps, so that there are ties."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.6
    labels[:4] = True, True, False, False
    shared = rng.normal(size=n)
    found = [1 / (1 + np.exp(-(labels * s + shared + rng.normal(size=n)))) for s in skill]
    if levels:
        found = [np.round(score * levels) / levels for score in found]
    return labels, found[0], found[1]


def as_scored(labels: np.ndarray, score: np.ndarray, a_patient: int = 1) -> Scored:
    return Scored(labels, score, [str(film // a_patient) for film in range(len(labels))])


def by_pairs(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Difference and variance from every pair of films, as DeLong 1988 writes them."""
    kernels = []
    for score in (first, second):
        sick, well = score[labels][:, None], score[~labels][None, :]
        kernels.append((sick > well) + 0.5 * (sick == well))
    areas = [kernel.mean() for kernel in kernels]
    of_sick = np.cov(np.stack([kernel.mean(1) for kernel in kernels]))
    of_well = np.cov(np.stack([kernel.mean(0) for kernel in kernels]))
    covariance = of_sick / labels.sum() + of_well / (~labels).sum()
    contrast = np.array([1, -1])
    return areas[0] - areas[1], float(contrast @ covariance @ contrast)


@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("seed", range(5))
def test_delong_is_that_of_the_definition(seed: int, levels: int) -> None:
    labels, first, second = films(seed, levels=levels)
    value, variance = by_pairs(labels, first, second)
    found = delong(labels, first, second)
    assert found.value == pytest.approx(value)
    assert found.value == pytest.approx(
        roc_auc_score(labels, first) - roc_auc_score(labels, second)
    )
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * variance**0.5)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(value) / variance**0.5))


def test_delong_by_hand() -> None:
    """Areas 1 and 3/4; per film the first wins 1/2, 0 and 0, 1/2 more: variance 1/16 + 1/16."""
    labels = np.array([True, True, False, False])
    found = delong(labels, np.array([3.0, 4, 1, 2]), np.array([2.0, 4, 1, 3]))
    half = 1.959964 * (1 / 8) ** 0.5
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25 - half, 0.25 + half))
    assert found.p == pytest.approx(2 * stats.norm.sf(0.25 * 8**0.5))


@settings(max_examples=50, deadline=None)
@given(seed=seeds, levels=st.sampled_from([0, 4, 20]))
def test_the_other_way_round_the_sign_turns(seed: int, levels: int) -> None:
    labels, first, second = films(seed, levels=levels)
    one, other = delong(labels, first, second), delong(labels, second, first)
    assert other == Difference(-one.value, -one.high, -one.low, one.p)


@settings(max_examples=50, deadline=None)
@given(seed=seeds, levels=st.sampled_from([0, 4, 20]))
def test_only_the_order_of_scores_counts(seed: int, levels: int) -> None:
    labels, first, second = films(seed, levels=levels)
    stretched = delong(labels, np.exp(3 * first), 7 * second - 100)
    assert stretched == delong(labels, first, second)


@pytest.mark.parametrize("score", [[1.0, 2, 3, 4], [4.0, 3, 2, 1], [1.0, 1, 1, 1]])
def test_a_model_does_not_differ_from_itself(score: list[float]) -> None:
    labels = np.array([False, False, True, True])
    same = np.array(score)
    assert delong(labels, same, same) == Difference(0.0, 0.0, 0.0, 1.0)


def test_without_variance_a_difference_is_certain() -> None:
    labels = np.array([False, False, True, True])
    right = np.array([1.0, 2, 3, 4])
    assert delong(labels, right, -right) == Difference(1.0, 1.0, 1.0, 0.0)


def test_p_values_of_equally_good_models_are_uniform() -> None:
    found = [delong(*films(seed, 300, skill=(1.5, 1.5))).p for seed in range(600)]
    assert stats.kstest(found, "uniform").pvalue > 0.05
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.02)


def test_a_better_model_is_found_better() -> None:
    labels, first, second = films(0, 500, skill=(2.5, 1.0))
    found = delong(labels, first, second)
    assert found.low > 0
    assert found.p < 0.001


def test_the_bootstrap_agrees_with_delong_on_single_films() -> None:
    labels, first, second = films(3, 400)
    expected = delong(labels, first, second)
    found = paired_bootstrap(as_scored(labels, first), as_scored(labels, second))
    assert set(found) == set(METRICS)
    assert found["roc_auc"].value == pytest.approx(expected.value)
    assert found["roc_auc"].low == pytest.approx(expected.low, abs=0.01)
    assert found["roc_auc"].high == pytest.approx(expected.high, abs=0.01)


def test_the_bootstrap_takes_each_model_at_its_own_threshold() -> None:
    labels, first, second = films(4)
    one, other = as_scored(labels, first), as_scored(labels, second)
    found = paired_bootstrap(one, other, (0.3, 0.7), resamples=20)
    for name in METRICS:
        apart = measure(one, 0.3, resamples=1)[name].value
        apart -= measure(other, 0.7, resamples=1)[name].value
        assert found[name].value == pytest.approx(apart)


def test_the_bootstrap_keeps_the_films_of_a_patient_together() -> None:
    """Ten copies of each film under one patient tell no more than one film each."""
    labels, first, second = films(5, 60)
    once = paired_bootstrap(as_scored(labels, first), as_scored(labels, second))["roc_auc"]
    copied = [np.repeat(values, 10) for values in (labels, first, second)]
    many = paired_bootstrap(
        as_scored(copied[0], copied[1], a_patient=10), as_scored(copied[0], copied[2], a_patient=10)
    )["roc_auc"]
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.1)


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_the_bootstrap_the_other_way_round(seed: int) -> None:
    labels, first, second = films(seed, 40)
    one, other = as_scored(labels, first, 2), as_scored(labels, second, 2)
    there = paired_bootstrap(one, other, (0.4, 0.6), resamples=100)
    back = paired_bootstrap(other, one, (0.6, 0.4), resamples=100)
    for name in METRICS:
        assert (back[name].value, back[name].low, back[name].high) == pytest.approx(
            (-there[name].value, -there[name].high, -there[name].low)
        )


def test_the_bootstrap_refuses_other_films() -> None:
    labels, first, second = films(1)
    with pytest.raises(ValueError, match="same films"):
        paired_bootstrap(as_scored(labels, first), as_scored(~labels, second))
    with pytest.raises(ValueError, match="same films"):
        paired_bootstrap(as_scored(labels, first), as_scored(labels, second, a_patient=2))
    with pytest.raises(ValueError, match="one score"):
        paired_bootstrap(as_scored(labels, first), as_scored(labels, second[:-1]))


def test_delong_refuses_what_it_cannot_compare() -> None:
    labels, first, second = films(1)
    with pytest.raises(ValueError, match="one score"):
        delong(labels, first, second[:-1])
    with pytest.raises(ValueError, match="both labels"):
        delong(np.ones_like(labels), first, second)
    with pytest.raises(ValueError, match="two films"):
        delong(np.arange(len(labels)) == 0, first, second)
    second[3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        delong(labels, first, second)


@settings(max_examples=100, deadline=None)
@given(both=st.integers(0, 5), first=st.integers(0, 60), second=st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_discordant_films(
    both: int, first: int, second: int
) -> None:
    n = both + first + second
    labels = np.arange(n) % 3 == 0
    wrong_by_first, wrong_by_second = np.zeros(n, bool), np.zeros(n, bool)
    wrong_by_second[:first] = True
    wrong_by_first[first : first + second] = True
    found = mcnemar(labels, labels ^ wrong_by_first, labels ^ wrong_by_second)
    assert (found.only_first, found.only_second) == (first, second)
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert found.p == pytest.approx(expected)


def test_mcnemar_of_thousands_of_films() -> None:
    labels = np.ones(6000, bool)
    called = np.arange(6000) < 3100
    assert mcnemar(labels, called, ~called).p == pytest.approx(stats.binomtest(3100, 6000).pvalue)


def test_mcnemar_refuses_scores_and_other_films() -> None:
    labels = np.array([True, False])
    with pytest.raises(ValueError, match="True or False"):
        mcnemar(labels, labels, np.array([np.nan, 1.0]))
    with pytest.raises(ValueError, match="each film"):
        mcnemar(labels, labels, np.array([True]))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= found <= 1 for raw, found in zip(p_values, adjusted, strict=True))
    in_order = [found for _raw, found in sorted(zip(p_values, adjusted, strict=True))]
    assert in_order == sorted(adjusted)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])
