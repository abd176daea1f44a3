"""A bundle is what its manifest says, or it is refused with a code."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ml import bundle
from ml.bundle import BundleError
from ml.pixels import PREPROCESSING_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refusal(directory: Path) -> str:
    with pytest.raises(BundleError) as caught:
        bundle.verify(directory)
    return caught.value.code


def change(directory: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit the manifest and leave the files alone."""
    path = directory / bundle.MANIFEST
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))


def test_the_committed_bundle_is_whole_and_says_what_it_is(committed_bundle: Path) -> None:
    manifest = bundle.verify(committed_bundle)
    data = (committed_bundle / bundle.MANIFEST).read_bytes()
    assert manifest.digest == hashlib.sha256(data).hexdigest()
    raw = manifest.raw
    assert raw["preprocessing_id"] == PREPROCESSING_ID
    assert raw["intended_use"]["age_years"] == [1, 5]
    assert committed_bundle.name == f"{raw['name']}-{raw['version']}"
    split = committed_bundle / "split.csv"
    assert raw["training"]["split"]["sha256"] == hashlib.sha256(split.read_bytes()).hexdigest()


def test_the_committed_model_clears_its_bar(committed_bundle: Path) -> None:
    raw = bundle.load_manifest(committed_bundle).raw
    assert raw["metrics"]["validation_clean"]["roc_auc"]["value"] >= 0.99
    points = [raw["operating_points"][name]["threshold"] for name in bundle.OPERATING_POINTS]
    assert points == sorted(points)


def test_the_committed_bundle_is_small(committed_bundle: Path) -> None:
    size = sum(path.stat().st_size for path in committed_bundle.rglob("*") if path.is_file())
    assert size <= 12_000_000


@pytest.mark.parametrize("name", ["weights.weights.h5", "split.csv", "golden/normal-1.png"])
def test_one_flipped_bit_is_found(bundle_copy: Path, name: str) -> None:
    data = bytearray((bundle_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle_copy / name).write_bytes(data)
    assert refusal(bundle_copy) == "DIGEST_MISMATCH"


@pytest.mark.parametrize("name", ["weights.weights.h5", "golden/normal-1.png"])
def test_a_missing_file_is_found(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).unlink()
    assert refusal(bundle_copy) == "FILE_MISSING"


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "MANIFEST_MISSING"


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_a_manifest_that_is_not_json_is_refused(bundle_copy: Path, text: str) -> None:
    (bundle_copy / bundle.MANIFEST).write_text(text)
    assert refusal(bundle_copy) == "MANIFEST_CORRUPT"


def test_another_format_is_refused(bundle_copy: Path) -> None:
    change(bundle_copy, lambda raw: raw.update(format=99))
    assert refusal(bundle_copy) == "MANIFEST_FORMAT"


@pytest.mark.parametrize("key", ["calibration", "operating_points", "golden", "intended_use"])
def test_a_manifest_that_lacks_a_part_is_refused(bundle_copy: Path, key: str) -> None:
    change(bundle_copy, lambda raw: raw.pop(key))
    assert refusal(bundle_copy) == "MANIFEST_INCOMPLETE"


def test_weights_without_a_digest_are_refused(bundle_copy: Path) -> None:
    change(bundle_copy, lambda raw: raw["files"].pop(bundle.WEIGHTS))
    assert refusal(bundle_copy) == "MANIFEST_INCOMPLETE"


def test_a_path_out_of_the_bundle_is_refused(bundle_copy: Path) -> None:
    outside = bundle_copy.parent / "outside"
    outside.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    change(bundle_copy, lambda raw: raw["files"].update({"../outside": digest}))
    assert refusal(bundle_copy) == "PATH_OUTSIDE"


def test_reading_a_bundle_needs_no_tensorflow() -> None:
    """The registration command runs where TensorFlow is not installed."""
    code = "import sys, ml.bundle, ml.inference; sys.exit('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our own code
    assert done.returncode == 0
