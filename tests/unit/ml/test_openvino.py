"""OpenVINO: exported once, verified when read, the scores of Keras, and no TensorFlow beside it."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml import bundle
from ml.bundle import BundleError
from ml.engines import load
from ml.engines.export import SUMS, WEIGHTS, open_export
from tests.films import as_png8, chest
from tests.unit.ml.bundles import fill_a_kernel, rewrite, small_bundle

pytestmark = pytest.mark.model
ROOT = Path(__file__).resolve().parents[3]
READY = """
import json, sys
from pathlib import Path
import worker.tasks
from ml import engines
classifier = engines.load(Path(sys.argv[1]), sys.argv[2], cache=Path(sys.argv[3]))
unwanted = ["tensorflow", "keras", "openvino_telemetry"]
found = [name for name in unwanted if sys.modules.get(name)]
print(json.dumps({"engine": classifier.info.engine, "imported": found}))
"""


def start(directory: Path, cache: Path, home: Path) -> subprocess.Popen[str]:
    """A process with all that a worker imports, ready to classify with OpenVINO."""
    command = [sys.executable, "-c", f"import django; django.setup()\n{READY}"]
    return subprocess.Popen(  # noqa: S603 - our own code
        [*command, str(directory), "openvino", str(cache)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "pneumo_site.settings", "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def weights_in(cache: Path) -> Path:
    (path,) = cache.glob(f"*/{WEIGHTS}")
    return path


@pytest.fixture
def full_cache(committed_bundle: Path, openvino_cache: Path, tmp_path: Path) -> Path:
    """A copy of a cache with the committed bundle's export, that a test may damage."""
    open_export(committed_bundle, bundle.verify(committed_bundle), openvino_cache)
    return Path(shutil.copytree(openvino_cache, tmp_path / "cache"))


def test_two_processes_at_once_make_one_export_and_import_no_tensorflow(
    committed_bundle: Path, openvino_cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    started = [start(committed_bundle, tmp_path / "cache", home) for _ in range(2)]
    for process in started:
        said, complaints = process.communicate(timeout=300)
        assert process.returncode == 0, complaints
        found = json.loads(said)
        assert found["engine"].startswith("openvino ")
        assert found["imported"] == []
    folders = [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert folders[0].startswith(bundle.load_manifest(committed_bundle).digest)
    assert not (home / "intel").exists(), "OpenVINO's telemetry has left its mark"


def test_a_whole_export_is_not_made_again(
    committed_bundle: Path, full_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.engines.export._make", None)
    assert load(committed_bundle, "openvino", cache=full_cache).info.explains


@pytest.mark.parametrize("name", [WEIGHTS, "network.xml", SUMS])
def test_a_damaged_export_is_made_again(
    name: str,
    committed_bundle: Path,
    full_cache: Path,
    openvino_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = weights_in(openvino_cache).parent

    def copy(_directory: Path, out: Path) -> None:
        shutil.copytree(whole, out, dirs_exist_ok=True)

    monkeypatch.setattr("ml.engines.export._run_child", copy)
    path = weights_in(full_cache).with_name(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = open_export(committed_bundle, bundle.verify(committed_bundle), full_cache)
    assert found.weights == weights_in(openvino_cache).read_bytes()
    assert path.read_bytes() == (whole / name).read_bytes()


def test_an_export_that_stopped_half_way_is_cleared(
    committed_bundle: Path, full_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = weights_in(full_cache).parent
    stale = folder.with_name(f"{folder.name}.abc.partial")
    shutil.move(folder, stale)
    kept = stale.with_name("kept")
    shutil.copytree(stale, kept)
    monkeypatch.setattr(
        "ml.engines.export._run_child",
        lambda _directory, out: shutil.copytree(kept, out, dirs_exist_ok=True),
    )
    open_export(committed_bundle, bundle.verify(committed_bundle), full_cache)
    assert not stale.exists()
    assert folder.is_dir()


def test_a_damaged_bundle_is_refused_though_its_export_is_whole(
    bundle_copy: Path, full_cache: Path
) -> None:
    path = bundle_copy / bundle.WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    for engine in ("openvino", "auto"):
        with pytest.raises(BundleError) as caught:
            load(bundle_copy, engine, cache=full_cache)
        assert caught.value.code == "DIGEST_MISMATCH"


def test_another_golden_film_is_refused(bundle_copy: Path, full_cache: Path) -> None:
    """An export of the right bundle that scores wrongly must not serve."""
    path = next((bundle_copy / bundle.GOLDEN).glob("*.png"))
    path.write_bytes(as_png8(chest(1, haze=0.4, size=(256, 256))))
    old = bundle.load_manifest(bundle_copy).digest
    rewrite(bundle_copy)
    folder = weights_in(full_cache).parent
    folder.rename(
        folder.with_name(folder.name.replace(old, bundle.load_manifest(bundle_copy).digest))
    )
    with pytest.raises(BundleError) as caught:
        load(bundle_copy, "openvino", cache=full_cache)
    assert caught.value.code == "GOLDEN_MISMATCH"


def test_an_unknown_architecture_is_refused_before_anything_is_exported(
    bundle_copy: Path, openvino_cache: Path, tmp_path: Path
) -> None:
    rewrite(bundle_copy, architecture="a-network-from-elsewhere")
    with pytest.raises(BundleError) as caught:
        load(bundle_copy, "openvino", cache=tmp_path / "cache")
    assert caught.value.code == "UNKNOWN_ARCHITECTURE"
    assert not (tmp_path / "cache").exists()


def test_weights_that_are_not_finite_are_never_exported(
    bundle_copy: Path, openvino_cache: Path, tmp_path: Path
) -> None:
    """OpenVINO clamps NaN to a number, which would look like a score."""
    fill_a_kernel(bundle_copy, np.nan)
    with pytest.raises(BundleError, match="not finite") as caught:
        load(bundle_copy, "openvino", cache=tmp_path / "cache")
    assert caught.value.code == "EXPORT_FAILED"
    assert not list((tmp_path / "cache").glob("*/"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_film_that_is_not_finite_gives_no_number(
    value: float, committed_bundle: Path, full_cache: Path
) -> None:
    film = np.full((1, 224, 224, 1), 0.5, np.float32)
    film[0, 100, 100, 0] = value
    (found,) = load(committed_bundle, "openvino", cache=full_cache).classify(film)
    assert not math.isfinite(found.probability)


def test_it_scores_as_keras_does(committed_bundle: Path, full_cache: Path) -> None:
    films = np.stack(
        [np.resize(chest(n, haze=n / 7, size=(224, 224)) / 65535, (224, 224, 1)) for n in range(8)]
    ).astype(np.float32)
    ours, keras = (
        load(committed_bundle, engine, cache=full_cache).classify(films)
        for engine in ("openvino", "keras")
    )
    for one, other in zip(ours, keras, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
        assert one.activation_map is not None
        assert other.activation_map is not None
        np.testing.assert_allclose(one.activation_map, other.activation_map, atol=1e-3)


def test_a_network_without_a_map_runs_as_well(
    committed_bundle: Path, openvino_cache: Path, tmp_path: Path
) -> None:
    directory = small_bundle(committed_bundle, tmp_path / "small", "cnn_lstm")
    classifier = load(directory, "openvino", cache=tmp_path / "cache")
    assert not classifier.info.explains
    (found,) = classifier.classify(np.zeros((1, 64, 64, 1), np.float32))
    assert 0 <= found.probability <= 1
    assert found.activation_map is None
