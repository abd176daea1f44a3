"""Calls of a training that cannot start or go on, and what they leave behind."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.ml.drawn_set import draw_set, quiet, small_plan

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("films") / "data")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "findings"}, "need each other"),
        ({"findings": "table.csv"}, "need each other"),
        ({"head": "subtype", "warm_head": 1}, "binary head"),
        ({"architecture": "cnn_lstm", "warm_head": 1}, "exact map"),
        ({"epochs": 0}, "teaches nothing"),
        ({"patience": 0}, "--patience must be at least 1"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"rate": 0.0}, "--rate must be above 0"),
        ({"rate": float("nan")}, "--rate must be above 0"),
        ({"jitter": float("inf")}, "--jitter must be"),
        ({"style": 1.5}, "--style is a chance"),
    ],
)
def test_a_plan_that_contradicts_itself_or_teaches_nothing_is_refused(
    data: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    from ml.training.plan import PlanError
    from ml.training.run import train

    if "findings" in options:
        options = {"findings": tmp_path / options["findings"]}
    with pytest.raises(PlanError, match=message):
        train(small_plan(data, **options), tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [{"data": "nowhere"}, {"width": 0.25, "architecture": "vgg16"}])
def test_a_call_that_cannot_start_leaves_no_run(
    data: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    from ml.training.run import train

    if "data" in options:
        options = {"data": tmp_path / "nowhere"}
    with pytest.raises(ValueError, match=r"neither a folder|one width"):
        train(dataclasses.replace(small_plan(data), **options), tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()


def test_a_run_is_a_folder(data: Path, tmp_path: Path) -> None:
    from ml.training.run import RunError, train

    (tmp_path / "run").write_text("notes")
    with pytest.raises(RunError, match="is a file"):
        train(small_plan(data), tmp_path / "run", quiet)


def test_a_training_goes_on_with_the_split_that_it_began_with(data: Path, tmp_path: Path) -> None:
    from ml.training.run import RunError, train

    def stop_in_the_second(what: str, _done: int, _total: int) -> None:
        if what.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_plan(data), tmp_path / "run", stop_in_the_second, eager=True)
    split = tmp_path / "run" / "split.csv"
    begun = split.read_text().replace("train", "test")
    split.write_text(begun)
    with pytest.raises(RunError, match="another split"):
        train(small_plan(data), tmp_path / "run", quiet, eager=True)
    assert split.read_text() == begun


def test_weights_half_written_never_take_the_place_of_whole_ones(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from ml.training.fit import WEIGHTS
    from ml.training.run import train

    def cut_off(_model: keras.Model, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save_weights", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(small_plan(data), tmp_path / "run", quiet, eager=True)
    assert not (tmp_path / "run" / WEIGHTS).exists()


def test_a_film_is_listed_once(data: Path, tmp_path: Path) -> None:
    from ml.datasets import DatasetError, open_listed

    table = tmp_path / "findings.csv"
    table.write_text("path,patient_id,mass\nNORMAL/0.jpg,a,0\nNORMAL/1.jpg,a,0\nNORMAL/0.jpg,b,1\n")
    with pytest.raises(DatasetError, match=r"lists NORMAL/0\.jpg more than once"):
        open_listed(data, table)
