"""What becomes a bundle, what does not, and that a call that fails costs nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.cli import main
from tests.unit.ml.drawn_set import draw_runs, package

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
RUNS: dict[str, dict[str, Any]] = {
    "cnn": {"architecture": "cnn"},
    "three-way": {"architecture": "cnn", "head": "subtype"},
    "without-0": {"architecture": "cnn", "leave_out": 0},
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("package")
    draw_runs(root, RUNS)
    return root


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


def test_a_run_that_left_a_cluster_out_becomes_no_bundle(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package(room, "without-0", "never") == 2
    assert "left out a cluster" in capsys.readouterr().err
    assert not (room / "never").exists()


def test_a_bundle_that_fails_leaves_the_former_one(
    room: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.bundle import verify
    from ml.training import package as packaging

    assert package(room, "cnn", "former") == 0
    before = verify(room / "former").digest
    monkeypatch.setattr(packaging, "MOST_BYTES", 1)
    assert package(room, "cnn", "former") == 2
    assert "MiB" in capsys.readouterr().err
    assert verify(room / "former").digest == before
    assert not list(room.glob(".former*"))


def test_a_bundle_can_be_packaged_into_itself(room: Path) -> None:
    from ml.bundle import verify

    assert package(room, "cnn", "itself") == 0
    words = [room / "itself", "--data", room / "data", "--facts", room / "facts.json"]
    words += ["--golden", room / "itself" / "golden", "--out", room / "itself"]
    assert main(["package", *map(str, words)]) == 0
    assert len(verify(room / "itself").golden_scores) == 2


def test_a_bundle_names_no_folder_of_the_machine(room: Path) -> None:
    assert package(room, "cnn", "nameless") == 0
    for name in ("manifest.json", "cutoffs.json"):
        assert str(room) not in (room / "nameless" / name).read_text()
    for path in (*(room / "cnn").glob("*.json"), *(room / "cnn").glob("*.csv")):
        assert str(room) not in path.read_text()


def test_a_bundle_needs_golden_films(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (room / "empty").mkdir()
    words = [room / "cnn", "--data", room / "data", "--facts", room / "facts.json"]
    words += ["--golden", room / "empty", "--out", room / "never"]
    assert main(["package", *map(str, words)]) == 2
    assert "no golden films" in capsys.readouterr().err


def test_half_precision_keeps_counters_whole_and_refuses_what_it_cannot_hold(
    tmp_path: Path,
) -> None:
    import keras

    from ml.training.package import PackageError, save_half

    film = keras.Input((3,))
    model = keras.Model(film, keras.layers.Dense(1)(keras.layers.Normalization()(film)))
    save_half(model, tmp_path / "half.weights.h5")
    model.load_weights(tmp_path / "half.weights.h5")
    model.layers[-1].set_weights([np.full((3, 1), 1e6, np.float32), np.zeros(1, np.float32)])
    with pytest.raises(PackageError, match="half precision cannot hold"):
        save_half(model, tmp_path / "other.weights.h5")


def test_a_folder_that_is_no_bundle_is_not_overwritten(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (room / "precious").mkdir()
    (room / "precious" / "notes.txt").write_text("keep")
    assert package(room, "cnn", "precious") == 2
    assert (room / "precious" / "notes.txt").read_text() == "keep"
