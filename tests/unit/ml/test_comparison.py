"""Runs on drawn films, compared and packaged by the commands that a user gives."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.cli import main
from tests.unit.ml.drawn_set import draw_runs, package, quiet

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
RUNS: dict[str, dict[str, Any]] = {
    "cnn": {"architecture": "cnn"},
    "cnn_lstm": {"architecture": "cnn_lstm"},
    "three-way": {"architecture": "cnn", "head": "subtype"},
    "without-0": {"architecture": "cnn", "leave_out": 0},
    "other-split": {"architecture": "cnn", "split_seed": 2},
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films, and a run of each of `RUNS`."""
    root = tmp_path_factory.mktemp("compare")
    draw_runs(root, RUNS)
    return root


FEATURES = "cnn+other-features-forest"


@pytest.fixture(scope="module")
def out(room: Path) -> Path:
    shutil.copytree(room / "cnn", room / "other-features")
    words = ["features", room / "cnn", room / "other-features", "--classifier", "svm", "forest"]
    words += ["--data", room / "data", "--out", room]
    assert main(list(map(str, words))) == 0
    names = ("cnn", "cnn_lstm", "three-way", room / FEATURES)
    assert call(room, *names, "--left-out", room / "without-0") == 0
    return room / "report"


def call(room: Path, *words: object) -> int:
    named = [str(room / word) if word in RUNS else str(word) for word in words]
    folders = ["--data", room / "data", "--out", room / "report", "--work", room / "work"]
    return main(["compare", *named, *map(str, folders)])


def report_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return found


def test_one_json_holds_what_the_pages_show(out: Path) -> None:
    report = report_of(out)
    markdown = (out / "comparison.md").read_text()
    page = (out / "comparison.html").read_text()
    for entry in report["entrants"]:
        shown = f"{entry['metrics']['test_clean']['accuracy']['value']:.3f}"
        for text in (markdown, page):
            assert entry["name"] in text
            assert shown in text
            assert "Research use only, not a diagnosis." in text
    assert "<script" not in page
    assert "http" not in page
    for figure in ("hard", "scores", "cost", "curves", "confusion", "training"):
        assert (out / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert f"{figure}.png" in markdown


def test_every_metric_has_an_interval_that_holds_it(out: Path) -> None:
    from ml.metrics.scores import METRICS

    assert {"accuracy", "log_loss", "pr_auc", "ece"} <= set(METRICS)
    for entry in report_of(out)["entrants"]:
        for found in entry["metrics"].values():
            assert set(found) == set(METRICS)
            for value in found.values():
                if value["value"] is not None and value["low"] is not None:
                    assert value["low"] <= value["value"] + 1e-9
                    assert value["value"] <= value["high"] + 1e-9


def test_confusion_and_pairs_count_the_test_films(out: Path) -> None:
    report = report_of(out)
    films = report["split"]["test"]["films"]
    for entry in report["entrants"]:
        assert sum(entry["confusion"].values()) == films
    assert len(report["pairs"]) == 6
    for pair in report["pairs"]:
        assert pair["accuracy"]["only_first"] + pair["accuracy"]["only_second"] <= films
        assert pair["roc_auc"]["p_holm"] >= pair["roc_auc"]["p"]


def test_no_network_without_a_map_or_with_three_answers_is_champion(out: Path) -> None:
    chosen = report_of(out)["champion"]
    assert chosen["name"] == "cnn"
    assert chosen["verdicts"]["cnn_lstm"] == "no exact activation map"
    assert chosen["verdicts"][FEATURES] == "no exact activation map"
    assert chosen["verdicts"]["three-way"] == "not a yes-or-no head"


def test_classifiers_on_features_keep_scores_and_nothing_to_load(room: Path, out: Path) -> None:
    from ml.training.entrants import open_entrant

    for name in (FEATURES, FEATURES.replace("forest", "svm")):
        files = {path.name for path in (room / name).iterdir()}
        assert files == {"run.json", "split.csv", f"{name}-scores.npz"}
        assert not open_entrant(room / name).is_network
    (entry,) = [e for e in report_of(out)["entrants"] if e["name"] == FEATURES]
    assert entry["milliseconds_per_film"] is None
    assert entry["hard"]["roc_auc"]["value"] > 0.5
    assert package(room, FEATURES, "never") == 2
    assert not (room / "never").exists()


def test_a_left_out_cluster_is_measured_on_its_own_films(room: Path, out: Path) -> None:
    (row,) = report_of(out)["left_out"]
    run = json.loads((room / "without-0" / "run.json").read_text())
    assert row["cluster"] == 0
    assert row["films"] == run["split"]["left_out"]["films"] > 0


def test_the_films_that_were_missed_stay_out_of_the_report(room: Path, out: Path) -> None:
    assert (room / "work" / "cnn-missed.png").exists()
    assert not list(out.glob("*missed*"))


def test_scores_are_kept_for_the_same_weights_only(room: Path) -> None:
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant
    from ml.training.scoring import score

    shutil.copytree(room / "cnn", room / "again" / "cnn")
    entrant = open_entrant(room / "again" / "cnn")
    corpus = open_parted(room / "data", entrant.parts(), quiet)
    told: list[str] = []
    first = score(entrant, corpus, room / "kept", lambda what, _d, _t: told.append(what))
    scored_once = len(told)
    score(entrant, corpus, room / "kept", lambda what, _d, _t: told.append(what))
    assert len(told) == scored_once > 0
    shutil.copy(room / "other-split" / "weights.weights.h5", entrant.weights)
    second = score(entrant, corpus, room / "kept", quiet)
    assert not np.allclose(first["test", "clean"], second["test", "clean"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cnn", "other-split"), "one split"),
        (("cnn", "cnn"), "same folder name"),
        (("cnn", "without-0"), "left-out"),
        (("cnn", "--left-out", "cnn_lstm"), "left no cluster out"),
        (("cnn", "/nowhere"), "There is no run in nowhere"),
        (
            ("cnn_lstm", "--left-out", "cnn"),
            "left no cluster out",
        ),  # said before anything is scored
    ],
)
def test_what_cannot_be_compared_is_said(
    room: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert call(room, *words) == 2
    assert message in capsys.readouterr().err


def test_films_and_report_are_kept_apart(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [room / "cnn", "--data", room / "data", "--out", room / "mixed"]
    assert main(["compare", *map(str, words), "--work", str(room / "mixed" / "work")]) == 2
    assert "outside --out" in capsys.readouterr().err
    assert not (room / "mixed").exists()


def test_films_that_the_split_names_must_be_there(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(room / "data", tmp_path / "data")
    (tmp_path / "data" / "NORMAL" / "0.jpg").unlink()
    words = [room / "cnn", "--data", tmp_path / "data", "--out", tmp_path / "report"]
    assert main(["compare", *map(str, words), "--work", str(tmp_path / "work")]) == 2
    assert "1 films of the split are not in the data" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cnn_lstm", "without-0", FEATURES])
def test_features_are_taken_of_whole_runs_with_a_map(
    room: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    words = ["features", room / name, "--data", room / "data", "--out", tmp_path / "out"]
    assert main(list(map(str, words))) == 2
    assert f"{name} has no map to take features from" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_scores_far_apart_are_told_apart_in_a_left_out_cluster(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.reports import left_out
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant

    entrant = open_entrant(room / "without-0")
    corpus = open_parted(room / "data", entrant.parts(), quiet)
    corpus = dataclasses.replace(corpus, parts=np.full(len(corpus.parts), "left_out"))
    huge = np.where(corpus.truth("left_out"), 900.0, 800.0)  # a sigmoid would round both to 1
    scores = {("left_out", view): huge for view in ("clean", "changed")}
    monkeypatch.setattr(left_out, "score", lambda *_words: scores)
    row = left_out.left_out_row(entrant, corpus, room, quiet)
    assert row["roc_auc"] == {"clean": 1.0, "changed": 1.0}


def test_points_that_coincide_are_both_named(out: Path) -> None:
    from ml.reports.comparison_tables import _cutoffs

    report = report_of(out)
    (entry,) = [e for e in report["entrants"] if e["name"] == report["champion"]["name"]]
    cut = entry["operating_points"]["decision"]
    entry["operating_points"] = {"rule_out": cut, "decision": cut, "rule_in": 2.0}
    _title, _columns, rows = _cutoffs(report)
    assert [row[1] for row in rows if row[1]] == ["rule_out, decision"]


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "run"],
        ["features", "run"],
        ["stress"],
        ["train", "--arch", "cnn"],
        ["package", "run", "--facts", "facts.json", "--golden", "golden"],
    ],
)
def test_an_out_that_is_a_file_is_said_before_anything_is_done(
    room: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*words, "--data", "nowhere", "--out", str(room / "facts.json")])
    assert "facts.json is a file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["predict", "film.png"], ["stress", "--out", "report"]])
def test_a_folder_that_is_no_bundle_is_said(
    room: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    data = [] if words[0] == "predict" else ["--data", str(room / "data")]
    assert main([*words, *data, "--bundle", str(room / "data")]) == 2
    assert "There is no manifest.json in data" in capsys.readouterr().err


def test_weights_that_are_not_finite_are_never_compared(room: Path) -> None:
    import h5py

    shutil.copytree(room / "cnn", room / "broken")
    with h5py.File(room / "broken" / "weights.weights.h5", "r+") as file:
        found: list[Any] = []
        file.visititems(lambda _n, item: found.append(item) if hasattr(item, "shape") else None)
        for item in found:
            item[...] = np.nan
    assert call(room, "cnn", room / "broken") == 2
