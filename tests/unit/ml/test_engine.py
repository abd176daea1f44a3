"""The Keras engine: proved on golden films before it is ready, and never quiet about NaN."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from ml import bundle
from ml.bundle import BundleError
from ml.engines import load
from tests.films import as_png8, chest
from tests.unit.ml.bundles import rewrite

pytestmark = pytest.mark.model


def spoil_weights(directory: Path, value: float) -> None:
    with h5py.File(directory / bundle.WEIGHTS, "r+") as file:
        kernels: list[h5py.Dataset] = []
        file.visititems(
            lambda _name, item: kernels.append(item) if isinstance(item, h5py.Dataset) else None
        )
        for kernel in kernels:
            kernel[...] = np.full(kernel.shape, value, kernel.dtype)


def refusal(directory: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load(directory)
    return caught.value.code


def test_wrong_golden_scores_are_refused(bundle_copy: Path) -> None:
    golden = bundle.load_manifest(bundle_copy).golden_scores
    name, score = next(iter(golden.items()))
    rewrite(bundle_copy, golden={**golden, name: score - math.copysign(2e-4, score - 0.5)})
    assert refusal(bundle_copy) == "GOLDEN_MISMATCH"


def test_another_golden_film_is_refused(bundle_copy: Path) -> None:
    path = next((bundle_copy / bundle.GOLDEN).glob("*.png"))
    path.write_bytes(as_png8(chest(1, haze=0.4, size=(256, 256))))
    rewrite(bundle_copy)
    assert refusal(bundle_copy) == "GOLDEN_MISMATCH"


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_spoilt_weights_are_refused_though_their_digest_is_right(
    bundle_copy: Path, value: float
) -> None:
    spoil_weights(bundle_copy, value)
    rewrite(bundle_copy)
    assert refusal(bundle_copy) == "GOLDEN_MISMATCH"


def test_weights_that_break_later_give_no_number(committed_bundle: Path) -> None:
    """The caller must be able to see it: NaN, not 0.0 and not a label."""
    classifier = load(committed_bundle)
    model = classifier._model  # type: ignore[attr-defined]
    for variable in model.variables:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    (found,) = classifier.classify(np.zeros((1, 224, 224, 1), np.float32))
    assert not math.isfinite(found.probability)


def test_an_unknown_architecture_is_refused(bundle_copy: Path) -> None:
    rewrite(bundle_copy, architecture="a-network-from-elsewhere")
    assert refusal(bundle_copy) == "UNKNOWN_ARCHITECTURE"


def test_another_preprocessing_is_refused(bundle_copy: Path) -> None:
    rewrite(bundle_copy, preprocessing_id="letterbox-9")
    assert refusal(bundle_copy) == "PREPROCESSING_MISMATCH"


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
def test_weights_of_another_network_are_refused(bundle_copy: Path) -> None:
    with h5py.File(bundle_copy / bundle.WEIGHTS, "w") as file:
        file.create_group("layers")
    rewrite(bundle_copy)
    assert refusal(bundle_copy) == "WEIGHTS_UNREADABLE"


def test_an_unknown_engine_is_named(committed_bundle: Path) -> None:
    with pytest.raises(ValueError, match="unknown engine 'abacus'; known: auto, keras, openvino"):
        load(committed_bundle, "abacus")


def test_predict_speaks_json_alone(committed_bundle: Path) -> None:
    """TensorFlow's notices must not stand among the lines that a program reads."""
    film = committed_bundle / bundle.GOLDEN / "normal-1.png"
    done = subprocess.run(  # noqa: S603 - our own interpreter and files
        [sys.executable, "-m", "ml", "predict", "--bundle", str(committed_bundle), str(film)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    expected = bundle.load_manifest(committed_bundle).golden_scores[film.name]
    assert json.loads(line)["probability"] == pytest.approx(expected, abs=1e-4)
