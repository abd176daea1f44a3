"""Calibration: the distortion is found again, with and without a bias, and compared fairly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ml.calibration import Calibration, fit_calibration, fit_temperature
from ml.metrics.reliability import compare, log_loss


def distorted(seed: int, factor: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `factor` times too large, and labels."""
    rng = np.random.default_rng(seed)
    true_logit = rng.normal(0, 2, n)
    return true_logit * factor, rng.random(n) < 1 / (1 + np.exp(-true_logit))


def test_calibration_finds_the_distortion_again() -> None:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-true_logit))
    found = fit_calibration((true_logit - 1.5) * 4, labels)
    assert found.temperature == pytest.approx(4, rel=0.05)
    assert found.bias == pytest.approx(1.5, abs=0.1)


def test_calibration_refuses_scores_that_point_the_wrong_way() -> None:
    labels = np.arange(100) % 2 == 0
    with pytest.raises(ValueError, match="calibrated"):
        fit_calibration(np.where(labels, -1.0, 1.0), labels)


def test_calibration_keeps_nan() -> None:
    assert np.isnan(Calibration(2.0, 1.0).probabilities(np.array([np.nan]))).all()


@pytest.mark.parametrize("factor", [0.01, 0.5, 1, 4, 1000])
def test_temperature_finds_the_factor_again(factor: float) -> None:
    raw, labels = distorted(0, factor)
    found = fit_temperature(raw, labels)
    assert found.temperature == pytest.approx(factor, rel=0.05)
    assert found.bias == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), nudge=st.sampled_from([0.9, 0.99, 1.01, 1.1]))
def test_no_other_temperature_has_a_smaller_log_loss(seed: int, nudge: float) -> None:
    raw, labels = distorted(seed, 3, n=200)
    positive, negative = labels.sum(), (~labels).sum()
    target = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(temperature: float) -> float:
        logits = raw / temperature
        return float((np.logaddexp(0, logits) - target * logits).mean())

    best = fit_temperature(raw, labels).temperature
    assert loss(best) < loss(best * nudge)


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_temperature_is_finite_for_separated_films(scale: float) -> None:
    labels = np.arange(100) % 2 == 0
    found = fit_temperature(np.where(labels, scale, -scale), labels)
    # every film reaches its smoothed target: sigmoid(scale / temperature) = 51 / 52
    assert scale / found.temperature == pytest.approx(np.log(51))


@pytest.mark.parametrize("sick", [-1.0, 0.0])
def test_temperature_refuses_scores_that_tell_nothing(sick: float) -> None:
    labels = np.arange(100) % 2 == 0
    with pytest.raises(ValueError, match="no temperature"):
        fit_temperature(np.where(labels, sick, -sick), labels)


def test_temperature_refuses_a_logit_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature(np.array([np.nan, 1.0, -1.0]), np.array([True, True, False]))


def test_comparison_is_that_of_scikit_learn_and_ranks_the_fits() -> None:
    raw, labels = distorted(2, 4)
    raw = raw + 3
    found = compare(
        labels,
        {
            "raw": raw,
            "temperature": fit_temperature(raw, labels).logits(raw),
            "both": fit_calibration(raw, labels).logits(raw),
        },
    )
    probabilities = Calibration().probabilities(raw)
    assert found["raw"]["log_loss"] == pytest.approx(sk.log_loss(labels, probabilities))
    assert found["raw"]["brier"] == pytest.approx(sk.brier_score_loss(labels, probabilities))
    for error in ("log_loss", "brier", "ece"):
        assert found["both"][error] < found["temperature"][error] < found["raw"][error]


def test_log_loss_of_certain_and_wrong_is_finite() -> None:
    assert log_loss(np.array([True, False]), np.array([-1000.0, -1000.0])) == pytest.approx(500)


def test_comparison_refuses_other_films() -> None:
    with pytest.raises(ValueError, match="one score"):
        compare(np.array([True, False]), {"raw": np.zeros(3)})
