"""Evaluation: every film counted, every metric as scikit-learn has it, patients resampled whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ml import cli
from ml.cli import serving
from ml.contracts import Prediction
from ml.contracts.fake import FakeClassifier
from ml.datasets import DatasetError, open_films
from ml.metrics.bootstrap import Scored, measure
from ml.metrics.scores import METRICS, weighted_metrics
from ml.metrics.thresholds import choose_thresholds
from ml.reports.evaluation import EvaluationError, evaluate
from tests.films import as_jpeg, as_png8, as_png16, chest, text_named_jpg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import FloatArray


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def scores(seed: int, n: int = 300, levels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and overlapping scores; with `levels`, scores in steps, so that there are ties."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.6
    labels[:2] = True, False
    probabilities = 1 / (1 + np.exp(-rng.normal(labels * 2.0 - 1.0, 1.2)))
    if levels:
        probabilities = np.round(probabilities * levels) / levels
    return labels, probabilities


@pytest.mark.parametrize("levels", [0, 7])
@pytest.mark.parametrize("seed", range(4))
def test_metrics_are_those_of_scikit_learn(seed: int, levels: int) -> None:
    labels, probabilities = scores(seed, levels=levels)
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(labels))).astype(float)
    found = weighted_metrics(labels, probabilities, 0.4, weights)
    called = probabilities >= 0.4
    for row, weight in enumerate(weights):
        expected = {
            "accuracy": sk.accuracy_score(labels, called, sample_weight=weight),
            "precision": sk.precision_score(labels, called, sample_weight=weight),
            "recall": sk.recall_score(labels, called, sample_weight=weight),
            "specificity": sk.recall_score(~labels, ~called, sample_weight=weight),
            "f1": sk.f1_score(labels, called, sample_weight=weight),
            "roc_auc": sk.roc_auc_score(labels, probabilities, sample_weight=weight),
            "pr_auc": sk.average_precision_score(labels, probabilities, sample_weight=weight),
            "brier": sk.brier_score_loss(labels, probabilities, sample_weight=weight),
        }
        for name, value in expected.items():
            assert found[name][row] == pytest.approx(value, abs=1e-12), name


def test_ece_is_the_mean_gap_between_score_and_truth() -> None:
    labels = np.array([True] * 3 + [False] + [True] * 1 + [False] * 3)
    probabilities = np.array([0.9] * 4 + [0.1] * 4)
    found = weighted_metrics(labels, probabilities, 0.5, np.ones((1, 8)))
    assert found["ece"][0] == pytest.approx(0.15)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        weighted_metrics(np.array([True, False]), np.array([np.nan, 0.1]), 0.5, np.ones((1, 2)))


def test_intervals_hold_the_value_and_repeat() -> None:
    labels, probabilities = scores(3)
    scored = Scored(labels, probabilities, [str(n) for n in range(len(labels))])
    once, again = measure(scored, 0.5), measure(scored, 0.5)
    assert set(once) == set(METRICS)
    for name, interval in once.items():
        assert interval == again[name]
        assert interval.low < interval.high
        if name != "ece":  # biased upwards in every resample
            assert interval.low <= interval.value <= interval.high


def test_patients_are_resampled_whole() -> None:
    """Ten copies of each film under one patient tell no more than one film each."""
    labels, probabilities = scores(5, n=60)
    single = Scored(labels, probabilities, [str(n) for n in range(60)])
    patients = [str(n % 60) for n in range(600)]
    tenfold = Scored(np.tile(labels, 10), np.tile(probabilities, 10), patients)
    loose = Scored(tenfold.labels, tenfold.probabilities, [str(n) for n in range(600)])

    def width(scored: Scored) -> float:
        found = measure(scored, 0.5)["accuracy"]
        return found.high - found.low

    assert width(tenfold) == pytest.approx(width(single), rel=0.1)
    assert width(loose) < 0.5 * width(single)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([0, 5, 20]))
def test_operating_points_keep_their_promises(seed: int, levels: int) -> None:
    labels, probabilities = scores(seed, n=200, levels=levels)
    points = choose_thresholds(labels, probabilities)
    assert points.rule_out <= points.decision <= points.rule_in
    assert (probabilities[labels] >= points.rule_out).mean() >= 0.99
    assert (probabilities[~labels] < points.rule_in).mean() >= 0.95

    def balanced(threshold: float) -> float:
        called = probabilities >= threshold
        return float(called[labels].mean() + (~called[~labels]).mean())

    assert balanced(points.decision) >= max(balanced(p) for p in probabilities) - 1e-12


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-0.9, 0.9), levels=st.sampled_from([0, 20]))
def test_hard_films_move_the_decision_and_break_no_promise(
    seed: int, shift: float, levels: int
) -> None:
    labels, probabilities = scores(seed, n=200, levels=levels)
    hard_labels, hard_scores = scores(seed + 1, n=100)
    hard_scores = np.clip(hard_scores + shift, 0, 1)
    points = choose_thresholds(labels, probabilities, (hard_labels, hard_scores))
    assert points.decision == choose_thresholds(hard_labels, hard_scores).decision
    assert points.rule_out <= points.decision <= points.rule_in
    assert (probabilities[labels] >= points.rule_out).mean() >= 0.99
    assert (probabilities[~labels] < points.rule_in).mean() >= 0.95


def test_without_crossing_hard_films_leave_the_outer_points_alone() -> None:
    labels, probabilities = scores(1, n=2000)
    own = choose_thresholds(labels, probabilities)
    moved = choose_thresholds(labels, probabilities, (labels, np.clip(probabilities + 0.02, 0, 1)))
    assert moved.decision > own.decision
    assert (moved.rule_out, moved.rule_in) == (own.rule_out, own.rule_in)


def test_hard_films_of_one_label_are_refused() -> None:
    labels, probabilities = scores(1)
    with pytest.raises(ValueError, match="both labels"):
        choose_thresholds(labels, probabilities, (labels[labels], probabilities[labels]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six films of three patients, in three formats."""
    for label, haze in (("NORMAL", 0.0), ("PNEUMONIA", 0.8)):
        (tmp_path / label).mkdir()
        for number, encode in enumerate((as_jpeg, as_png8, as_png16)):
            film = chest(number, haze=haze, size=(200, 180))
            (tmp_path / label / f"film{number}").write_bytes(encode(film))
    return tmp_path


def test_every_film_is_scored_or_counted(folder: Path) -> None:
    (folder / "NORMAL" / "not-a-film.jpg").write_bytes(text_named_jpg())
    report = evaluate(FakeClassifier(), open_films(folder), gate=False, progress=quiet)
    assert report["n"] == 6
    assert report["unreadable"] == 1
    assert report["unreadable_by_code"] == {"UNSUPPORTED_TYPE": 1}
    assert report["resampled_by"] == "film"
    assert {"value", "low", "high"} == set(report["roc_auc"])
    json.dumps(report, allow_nan=False)


def test_the_gate_leaves_films_out_and_says_so(folder: Path) -> None:
    (folder / "NORMAL" / "small").write_bytes(as_png8(chest(9, size=(90, 90))))
    films = open_films(folder)
    without = evaluate(FakeClassifier(), films, gate=False, progress=quiet)
    gated = evaluate(FakeClassifier(), films, gate=True, progress=quiet)
    assert (without["n"], without["not_assessable"]) == (7, 0)
    assert (gated["n"], gated["not_assessable_by_code"]) == (6, {"TOO_SMALL": 1})


def test_patients_come_from_a_manifest(folder: Path) -> None:
    rows = [
        f"{label}/film{n},{label}-{n // 2}" for label in ("NORMAL", "PNEUMONIA") for n in range(3)
    ]
    (folder / "manifest.csv").write_text("\n".join(["path,patient_id", *rows]) + "\n")
    films = open_films(folder)
    assert [film.patient for film in films.films][:3] == ["NORMAL-0", "NORMAL-0", "NORMAL-1"]
    report = evaluate(FakeClassifier(), films, gate=False, progress=quiet)
    assert report["resampled_by"] == "patient"


def test_a_manifest_that_names_no_film_is_refused(folder: Path) -> None:
    (folder / "manifest.csv").write_text("path,patient_id\nelsewhere/x.png,1\n")
    with pytest.raises(DatasetError, match="none of the films"):
        open_films(folder)


def test_a_folder_of_one_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "NORMAL").mkdir()
    (tmp_path / "NORMAL" / "a.png").write_bytes(as_png8(chest(1)))
    with pytest.raises(DatasetError, match="both"):
        open_films(tmp_path)


class BrokenClassifier(FakeClassifier):
    """A model whose weights are spoilt."""

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        return [Prediction(float("nan")) for _ in batch]


def test_a_broken_model_is_an_error_not_a_report(folder: Path) -> None:
    with pytest.raises(EvaluationError, match="finite"):
        evaluate(BrokenClassifier(), open_films(folder), gate=False, progress=quiet)


def test_predict_prints_one_line_a_film(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "load", lambda _folder: FakeClassifier())
    bad, small = folder / "text.jpg", folder / "small.png"
    bad.write_bytes(text_named_jpg())
    small.write_bytes(as_png8(chest(9, size=(90, 90))))
    good = folder / "NORMAL" / "film0"
    status = cli.main(["predict", str(good), str(small), str(bad), str(folder / "gone")])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 1
    assert lines[0]["label"] in {"NORMAL", "PNEUMONIA"}
    assert 0 <= lines[0]["probability"] <= 1
    assert [line["not_assessable"] for line in lines] == [None, "TOO_SMALL", None, None]
    assert [line["error"] for line in lines] == [None, None, "UNSUPPORTED_TYPE", "FILE_UNREADABLE"]
    assert all(line["label"] is line["probability"] is None for line in lines[1:])


def test_predict_never_labels_a_score_that_is_no_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "load", lambda _folder: BrokenClassifier())
    assert cli.main(["predict", str(folder / "NORMAL" / "film0")]) == 1
    line = json.loads(capsys.readouterr().out)
    assert (line["error"], line["label"], line["probability"]) == ("NON_FINITE", None, None)


def test_evaluate_writes_its_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "load", lambda _folder: FakeClassifier())
    out = folder / "reports" / "out.json"
    assert cli.main(["evaluate", "--data", str(folder), "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert {"n", "threshold", *METRICS} <= report.keys()
