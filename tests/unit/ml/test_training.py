"""Whole trainings on drawn films, in seconds: what they write, that they repeat and resume."""

from __future__ import annotations

import csv
import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.ml.drawn_set import FILMS, SIZE, draw_set, quiet
from tests.unit.ml.drawn_set import small_plan as plan

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.training.run import Run

pytestmark = [
    pytest.mark.model,
    # Keras 3.15 against numpy 2: its own conversion to an array
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("films") / "data")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    from ml.training.run import train

    return train(plan(data, epochs=3), tmp_path_factory.mktemp("runs") / "cnn", quiet)


def weights(run: Run) -> list[np.ndarray[Any, Any]]:
    from ml.training.entrants import open_entrant

    found: list[np.ndarray[Any, Any]] = open_entrant(run.folder).load().get_weights()
    return found


def auc_on_training_films(run: Run, data: Path) -> float:
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant
    from ml.training.films import Epoch
    from ml.training.fit import mean_auc, raw_logits

    entrant = open_entrant(run.folder)
    corpus = open_parted(data, entrant.parts(), quiet)
    where = corpus.where("train")
    logits = raw_logits(entrant.load(), Epoch(corpus.at(entrant.size), where, 8))
    return mean_auc(corpus.targets.values[where], logits)


def settle_normalisation(backbone: keras.Model, data: Path) -> None:
    import keras

    from ml.training.corpus import open_corpus

    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    films = open_corpus(plan(data), quiet).at(SIZE)[..., None].repeat(3, -1)
    backbone(films.astype(np.float32) / 127.5 - 1, training=True)


def test_a_run_tells_how_it_came_about(run: Run) -> None:
    raw = json.loads((run.folder / "run.json").read_text())
    assert raw["finished"] is True
    assert [row["epoch"] for row in raw["history"]] == [1, 2, 3]
    judged = [row["val_loss"] + row["changed_loss"] for row in raw["history"]]
    assert raw["best_epoch"] == int(np.argmin(judged)) + 1
    assert sum(raw["split"][p]["films"] for p in ("train", "validation", "test")) == 2 * FILMS
    assert raw["command"].startswith("python -m ml train --arch cnn --data data --epochs 3")
    assert "--width 0.25" in raw["command"]
    assert raw["hardware"]["device"] in {"CPU", "GPU"}
    for figure in ("curves.png", "histograms.png"):
        assert (run.folder / figure).read_bytes().startswith(b"\x89PNG")
    assert not (run.folder / "checkpoint.npz").exists()


def test_the_split_is_a_file_by_patient_and_its_digest_is_named(run: Run) -> None:
    from ml.training.split import split_digest

    table = (run.folder / "split.csv").read_bytes()
    assert run.raw["split"]["sha256"] == split_digest(table)
    parts: dict[str, set[str]] = {}
    for row in csv.DictReader(table.decode().splitlines()):
        label, name = row["path"].split("/")
        parts.setdefault(f"{label}-{int(name.split('.')[0]) // 2}", set()).add(row["part"])
    assert len(parts) == FILMS
    assert all(len(found) == 1 for found in parts.values())
    assert {part for found in parts.values() for part in found} == {"train", "validation", "test"}


def test_the_same_command_on_a_finished_run_changes_nothing(data: Path, run: Run) -> None:
    from ml.training.run import train

    before = (run.folder / "weights.weights.h5").read_bytes()
    again = train(plan(data, epochs=3), run.folder, quiet)
    assert again.raw["history"] == run.raw["history"]
    assert (run.folder / "weights.weights.h5").read_bytes() == before


def test_another_plan_is_refused_in_its_folder(data: Path, run: Run) -> None:
    from ml.training.run import RunError, train

    with pytest.raises(RunError, match="another plan"):
        train(plan(data, epochs=3, seed=2), run.folder, quiet)


def test_a_killed_training_goes_on_to_the_same_weights(
    data: Path, run: Run, tmp_path: Path
) -> None:
    from ml.training.run import train

    def stop_in_the_second(what: str, _done: int, _total: int) -> None:
        if what == "epoch 2 of 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(plan(data, epochs=3), tmp_path / "cut", stop_in_the_second)
    told: list[str] = []
    resumed = train(
        plan(data, epochs=3), tmp_path / "cut", lambda what, _done, _total: told.append(what)
    )
    assert "epoch 1 of 3" not in told
    assert len(resumed.raw["history"]) == 3
    for whole, again in zip(weights(run), weights(resumed), strict=True):
        np.testing.assert_allclose(again, whole, atol=1e-5)


def test_training_stops_where_it_stalls_and_keeps_the_best_epoch(
    data: Path, tmp_path: Path
) -> None:
    from ml.training.run import train

    found = train(plan(data, epochs=9, patience=1, rate=0.5), tmp_path / "run", quiet)
    epochs = len(found.raw["history"])
    assert epochs < 9
    assert found.raw["best_epoch"] == epochs - 1


def test_a_loss_that_is_not_finite_stops_the_training(data: Path, tmp_path: Path) -> None:
    from ml.training.run import train

    with pytest.raises(ValueError, match="diverged"):
        train(plan(data, rate=1e30), tmp_path / "run", quiet)


def test_a_warm_head_knows_its_films_before_the_first_epoch(data: Path, tmp_path: Path) -> None:
    import keras

    from ml.training.layers import OFF
    from ml.training.run import train

    keras.utils.set_random_seed(3)
    backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None)
    settle_normalisation(backbone, data)  # or its features would be the same for every film
    backbone.save_weights(tmp_path / "backbone.weights.h5")
    chosen = {"architecture": "mobilenetv2", "width": 1.0, "augmentation": OFF, "jitter": 1.6}
    weights_file = tmp_path / "backbone.weights.h5"
    run = train(
        plan(data, epochs=0, weights=weights_file, warm_head=1, **chosen), tmp_path / "run", quiet
    )
    assert run.raw["head_strength"] > 0
    assert run.raw["best_epoch"] == 0
    assert auc_on_training_films(run, data) > 0.8
    assert "--no-augmentation --jitter 1.6 --warm-head 1" in run.raw["command"]
    assert not list(run.folder.glob("features-*"))


def test_a_cluster_that_is_left_out_is_neither_learnt_nor_validated(data: Path) -> None:
    from ml.training.corpus import open_corpus

    whole = open_corpus(plan(data), quiet)
    cut = open_corpus(plan(data, leave_out=0), quiet)
    assert cut.clusters is not None
    for part in ("train", "validation"):
        assert not (cut.clusters[cut.where(part)] == 0).any()
        assert set(cut.where(part)) <= set(whole.where(part))
        assert not set(cut.groups(part)) & set(cut.groups("left_out"))
    assert (cut.clusters[cut.where("left_out")] == 0).all()
    assert len(cut.where("left_out")) > 0
    assert list(cut.where("test")) == list(whole.where("test"))


@pytest.mark.parametrize("size", [96, 224])
def test_the_split_does_not_depend_on_the_networks_size(data: Path, size: int) -> None:
    from ml.training.corpus import open_corpus

    parts = open_corpus(plan(data, size=size), quiet).parts
    assert list(parts) == list(open_corpus(plan(data), quiet).parts)


@pytest.mark.parametrize("head", ["subtype", "findings"])
def test_other_heads_learn(data: Path, tmp_path: Path, head: str) -> None:
    from ml.training.run import train

    table = tmp_path / "findings.csv"
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["path", "patient_id", "pneumonia", "effusion", "mass"])
        for label in ("NORMAL", "PNEUMONIA"):
            for n in range(FILMS):
                ill = int(label == "PNEUMONIA")
                # a third of the effusions is unknown; nobody was looked at for a mass
                effusion = "" if n % 3 == 0 else ill
                out.writerow([f"{label}/{n}.jpg", f"{label}-{n // 2}", ill, effusion, ""])
    findings = table if head == "findings" else None
    run = train(
        plan(data, head=head, findings=findings, epochs=1), tmp_path / "run", quiet, eager=True
    )
    outputs = ["pneumonia", "effusion", "mass"] if findings else ["normal", "bacteria", "virus"]
    assert run.raw["outputs"] == outputs
    assert np.isfinite(run.raw["history"][0]["val_loss"])
    assert run.raw["parameters"] > 0


def test_normalisation_statistics_of_given_weights_never_move(data: Path, tmp_path: Path) -> None:
    import keras

    from ml.architectures import Options, build
    from ml.training.fit import Fit, Lesson
    from ml.training.targets import BINARY, Targets

    backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None)
    backbone.save_weights(tmp_path / "backbone.weights.h5")
    model = build("mobilenetv2", Options(SIZE, weights=tmp_path / "backbone.weights.h5"))
    moving = [v for v in model.variables if "moving" in v.path]
    before = [keras.ops.convert_to_numpy(v) for v in moving]
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE), dtype=np.uint8)
    truth = (np.arange(8) % 2).astype(np.float32)[:, None]
    lesson = Lesson(pixels, Targets(BINARY, ("pneumonia",), truth), np.arange(8), np.arange(8))
    Fit(model, lesson, plan(data, epochs=1), tmp_path, eager=True).run(quiet)
    assert len(moving) > 50
    for variable, value in zip(moving, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def test_augmentation_is_never_active_at_inference(run: Run) -> None:
    from ml.training.entrants import open_entrant
    from ml.training.layers import Augmentation, training_network

    model = open_entrant(run.folder).load()
    films = np.random.default_rng(0).random((4, SIZE, SIZE, 1)).astype(np.float32)
    net = training_network(model, Augmentation(), seed=1)
    first, _evidence = model.predict_on_batch(films)
    np.testing.assert_allclose(net.predict_on_batch(films), first, atol=1e-6)
    assert not np.allclose(net(films, training=True), first, atol=1e-4)
    assert "random" not in " ".join(layer.name for layer in model.layers)


def test_a_graded_epoch_holds_films_almost_as_they_are_and_much_changed_ones() -> None:
    from ml.training.augment import STRONG
    from ml.training.films import Epoch

    pixels = np.random.default_rng(1).integers(0, 256, (64, SIZE, SIZE), dtype=np.uint8)
    pixels = np.repeat(np.repeat(pixels[:, ::4, ::4], 4, 1), 4, 2)  # coarse: no change by a shift
    jitter = dataclasses.replace(STRONG, flip_p=0.0)
    epoch = Epoch(pixels, np.arange(64), 64, jitter, seed=1, graded=True)
    ((films, _where),) = epoch.batches()
    change = np.abs(films[..., 0] * 255 - pixels).mean((1, 2))
    assert change.min() < 5
    assert change.max() > 25


def test_no_share_of_a_jitter_changes_nothing() -> None:
    from ml.training.augment import STRONG, augment

    film = np.random.default_rng(2).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    still = dataclasses.replace(STRONG, flip_p=0.0).times(0.0)
    np.testing.assert_array_equal(augment(film, still, np.random.default_rng(3)), film)
