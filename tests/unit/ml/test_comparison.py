"""Runs on drawn films, compared and packaged by the commands that a user gives."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.cli import main
from tests.unit.ml.drawn_set import draw_golden, draw_set, quiet

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
FACTS = {
    "name": "drawn",
    "version": "1",
    "intended_use": {"text": "Tests.", "age_years": [1, 5], "views": ["AP"]},
    "licence": "none",
    "data": "drawn films",
}
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
    from ml.training.plan import Plan
    from ml.training.run import train

    root = tmp_path_factory.mktemp("compare")
    data = draw_set(root / "data")
    draw_golden(root / "golden")
    (root / "facts.json").write_text(json.dumps(FACTS))
    for name, options in RUNS.items():
        plan = Plan(data=data, epochs=1, size=48, width=0.25, batch_size=8, **options)
        train(plan, root / name, quiet, eager=True)
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
    ],
)
def test_what_cannot_be_compared_is_said(
    room: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert call(room, *words) == 2
    assert message in capsys.readouterr().err


def package(room: Path, name: str, out: str) -> int:
    words = [room / name, "--data", room / "data", "--facts", room / "facts.json"]
    words += ["--golden", room / "golden", "--out", room / out]
    return main(["package", *map(str, words)])


def test_a_run_becomes_a_bundle_that_serves(room: Path) -> None:
    from ml.bundle import verify
    from ml.engines import load

    assert package(room, "cnn", "bundle") == 0
    raw = verify(room / "bundle").raw
    points = raw["operating_points"]
    order = [points[name]["threshold"] for name in ("rule_out", "decision", "rule_in")]
    assert order == sorted(order)
    digests = {name: point["data_sha256"] for name, point in points.items()}
    assert digests["rule_out"] == digests["rule_in"] != digests["decision"]
    assert "collimated" in points["decision"]["chosen_on"]
    table = json.loads((room / "bundle" / "cutoffs.json").read_text())
    assert set(order) <= {row["cutoff"] for row in table["as_sent"]["rows"]}
    assert raw["training"]["command"].startswith("python -m ml train --arch cnn")
    assert load(room / "bundle").info.explains is True


def test_a_bundle_can_be_compared_with_runs_and_packaged_anew(room: Path) -> None:
    from ml.bundle import verify
    from ml.training.entrants import open_entrant

    assert package(room, "cnn", "first") == 0
    assert package(room, "first", "second") == 0
    first, second = verify(room / "first").raw, verify(room / "second").raw
    assert first["golden"] == second["golden"]
    assert first["training"]["run"] == second["training"]["run"]
    entrant, run = open_entrant(room / "first"), open_entrant(room / "cnn")
    assert (entrant.split_sha256, entrant.parameters) == (run.split_sha256, run.parameters)


def test_only_a_binary_head_becomes_a_bundle(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package(room, "three-way", "never") == 2
    assert "binary head" in capsys.readouterr().err
    assert not (room / "never").exists()


def test_weights_that_are_not_finite_are_never_compared(room: Path) -> None:
    import h5py

    shutil.copytree(room / "cnn", room / "broken")
    with h5py.File(room / "broken" / "weights.weights.h5", "r+") as file:
        found: list[Any] = []
        file.visititems(lambda _n, item: found.append(item) if hasattr(item, "shape") else None)
        for item in found:
            item[...] = np.nan
    assert call(room, "cnn", room / "broken") == 2


def test_a_folder_that_is_no_bundle_is_not_overwritten(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (room / "precious").mkdir()
    (room / "precious" / "notes.txt").write_text("keep")
    assert package(room, "cnn", "precious") == 2
    assert (room / "precious" / "notes.txt").read_text() == "keep"
