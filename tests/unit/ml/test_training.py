"""A whole training on drawn films, in seconds: what it writes must load, repeat and resume."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.films import as_jpeg, as_png8, chest

if TYPE_CHECKING:
    import keras

    from ml.bundle import Manifest
    from tests.films import Film

pytestmark = [
    pytest.mark.model,
    # Keras 3.15 against numpy 2: its own conversion to an array
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIZE = 64
FILMS = 40


def drawn(seed: int, haze: float, side: int = 160) -> Film:
    """A drawn chest behind shadows of its own: drawn alone, all would be near-duplicates."""
    shadows = np.random.default_rng(seed).uniform(0.6, 1.0, (5, 5))
    grown = np.kron(shadows, np.ones((side // 5 + 1, side // 5 + 1)))[:side, :side]
    return (chest(seed, haze=haze, size=(side, side)) * grown).astype(np.uint16)


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn films, golden films and a random backbone."""
    import keras

    root = tmp_path_factory.mktemp("training")
    for label, haze in (("NORMAL", 0.0), ("PNEUMONIA", 0.9)):
        folder = root / "data" / label
        folder.mkdir(parents=True)
        for number in range(FILMS):
            film = drawn(number + int(haze * 1000), haze)
            (folder / f"{number}.jpg").write_bytes(as_jpeg(film))
    with (root / "data" / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "patient_id"])
        for label in ("NORMAL", "PNEUMONIA"):
            writer.writerows([f"{label}/{n}.jpg", f"{label}-{n // 2}"] for n in range(FILMS))
    (root / "golden").mkdir()
    for number in range(2):
        film = drawn(500 + number, 0.5 * number)
        (root / "golden" / f"{number}.png").write_bytes(as_png8(film))
    keras.utils.set_random_seed(3)
    backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None)
    backbone.save_weights(root / "backbone.weights.h5")
    return root


def train(room: Path, name: str, epochs: int, work: str | None = None) -> Manifest:
    from ml.training.finetune import Schedule
    from ml.training.transfer import Plan, Trainer

    plan = Plan(
        data=room / "data",
        weights=room / "backbone.weights.h5",
        golden=room / "golden",
        out=room / name,
        work=room / (work or f"work-{name}"),
        size=SIZE,
        passes=1,
        schedule=Schedule(epochs=epochs, rate=1e-4, batch_size=16),
        command="test",
    )
    return Trainer(plan, quiet).run()


@pytest.fixture(scope="module")
def manifest(room: Path) -> Manifest:
    return train(room, "bundle", epochs=2)


def test_the_bundle_loads_and_passes_its_golden_films(room: Path, manifest: Manifest) -> None:
    from ml.engines import load

    classifier = load(room / "bundle")
    assert classifier.info.digest == manifest.digest
    assert classifier.info.input_size == SIZE


def test_the_manifest_tells_how_the_model_came_about(manifest: Manifest) -> None:
    training = manifest.raw["training"]
    assert set(training["candidates"]) == {"head", "fine-tuned"}
    best = max(
        training["candidates"],
        key=lambda name: np.mean(list(training["candidates"][name]["validation_roc_auc"].values())),
    )
    assert training["kept"] == best
    parts = training["split"]
    assert sum(parts[p]["films"] for p in ("train", "validation", "test")) == 2 * FILMS
    points = manifest.raw["operating_points"]
    assert (
        points["rule_out"]["threshold"]
        <= points["decision"]["threshold"]
        <= points["rule_in"]["threshold"]
    )
    json.dumps(manifest.raw, allow_nan=False)


def test_no_patient_stands_in_two_parts(room: Path, manifest: Manifest) -> None:
    with (room / "bundle" / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    parts: dict[str, set[str]] = {}
    for row in rows:
        label, number = Path(row["path"]).parts[0], int(Path(row["path"]).stem)
        parts.setdefault(f"{label}-{number // 2}", set()).add(row["part"])
    assert len(parts) == FILMS
    assert all(len(found) == 1 for found in parts.values())
    assert {part for found in parts.values() for part in found} == {"train", "validation", "test"}


def test_kept_passes_serve_only_the_plan_that_made_them(room: Path) -> None:
    """Another seed is another split: its kept features would mix test films into training."""
    from ml.training.finetune import Schedule
    from ml.training.transfer import Plan

    folders = (room / "data", room / "backbone.weights.h5", room / "golden", room, room)
    first = Plan(*folders, seed=1)
    others = [
        Plan(*folders, seed=2),
        Plan(*folders, size=96),
        Plan(*folders, passes=3),
        Plan(*folders, schedule=Schedule(epochs=9)),
        Plan(room / "golden", *folders[1:], seed=1),
    ]
    assert first.key() == Plan(*folders, seed=1, command="told otherwise").key()
    assert len({first.key(), *(plan.key() for plan in others)}) == 6


def small() -> keras.Model:
    """A network that learns in seconds, with the outputs that `Builder` promises."""
    import keras

    keras.utils.set_random_seed(5)
    film = keras.Input((SIZE, SIZE, 1))
    found = keras.layers.Conv2D(8, 8, strides=8, activation="relu")(film)
    evidence = keras.layers.Dense(1)(found)
    return keras.Model(film, [keras.layers.GlobalAveragePooling2D()(evidence), evidence])


def test_fine_tuning_learns_repeats_and_resumes(tmp_path: Path) -> None:
    from ml.training.augment import MILD
    from ml.training.finetune import Films, Schedule, finetune

    labels = np.arange(32) % 2 == 1
    grain = np.random.default_rng(0).integers(0, 50, (32, SIZE, SIZE), dtype=np.uint8)
    films = Films(grain + np.uint8(150) * labels[:, None, None], labels, np.arange(32), MILD)
    schedule = Schedule(epochs=6, rate=5e-2, batch_size=8)

    model = small()
    losses = finetune(model, films, schedule, tmp_path / "whole.npz", quiet)
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]

    def stop_in_the_third(what: str, _done: int, _total: int) -> None:
        if what == "epoch 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(small(), films, schedule, tmp_path / "cut.npz", stop_in_the_third)
    resumed = small()
    assert len(finetune(resumed, films, schedule, tmp_path / "cut.npz", quiet)) == 4
    for whole, again in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(again, whole, atol=1e-5)


def test_normalisation_statistics_never_move(room: Path, tmp_path: Path) -> None:
    import keras

    from ml.architectures import Options, build
    from ml.training.augment import MILD
    from ml.training.finetune import Films, Schedule, finetune

    model = build("mobilenetv2", Options(SIZE, weights=room / "backbone.weights.h5"))
    moving = [v for v in model.variables if "moving" in v.path]
    before = [keras.ops.convert_to_numpy(v) for v in moving]
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE), dtype=np.uint8)
    films = Films(pixels, np.arange(8) % 2 == 1, np.arange(8), MILD)
    finetune(model, films, Schedule(epochs=1, batch_size=8), tmp_path / "c.npz", quiet)
    assert len(moving) > 50
    for variable, value in zip(moving, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


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
