"""Which engine runs a bundle, and what happens when it cannot."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ml import bundle, engines
from ml.bundle import BundleError
from ml.engines import devices, openvino_runtime
from ml.engines.export import open_export

if TYPE_CHECKING:
    from pathlib import Path

MACHINES = {
    frozenset({"gpu", "openvino"}): ("keras", "there is a GPU"),
    frozenset({"gpu"}): ("keras", "there is a GPU"),
    frozenset({"openvino"}): ("openvino", "no GPU"),
    frozenset(): ("keras", "no GPU, and OpenVINO is not installed"),
}


def machine(monkeypatch: pytest.MonkeyPatch, *has: str) -> None:
    monkeypatch.setattr(devices, "has_gpu_for_tensorflow", lambda: "gpu" in has)
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: "openvino" in has)


@pytest.mark.parametrize("has", MACHINES, ids=lambda has: " and ".join(sorted(has)))
def test_auto_follows_the_machine(
    has: frozenset[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine(monkeypatch, *has)
    assert engines.choose("auto", tmp_path, "float32") == MACHINES[has]


def test_a_named_engine_is_taken_whatever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine(monkeypatch, "gpu", "openvino")
    assert engines.choose("openvino", tmp_path, "float32")[0] == "openvino"
    assert engines.choose("keras", None, "float32")[0] == "keras"


def test_without_a_folder_for_exports_auto_is_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "openvino")
    assert engines.choose("auto", None, "float32")[0] == "keras"


def test_lower_precision_is_never_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine(monkeypatch, "gpu", "openvino")
    assert engines.choose("auto", tmp_path, "bfloat16")[0] == "openvino"
    with pytest.raises(BundleError, match="Keras runs in float32 only"):
        engines.choose("keras", tmp_path, "bfloat16")
    with pytest.raises(ValueError, match="unknown precision 'int8'; known: float32, bfloat16"):
        engines.choose("auto", tmp_path, "int8")


def refuse_export(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise BundleError("EXPORT_FAILED", "it cannot be done")

    monkeypatch.setattr("ml.engines.export.open_export", fail)
    monkeypatch.setattr("ml.engines._openvino", fail)


@pytest.mark.model
def test_auto_falls_back_to_keras_and_says_so(
    committed_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine(monkeypatch, "openvino")
    refuse_export(monkeypatch)
    engines.prepare(committed_bundle, "auto", cache=tmp_path)
    found = engines.load(committed_bundle, "auto", cache=tmp_path)
    assert found.info.engine.startswith("keras ")
    assert "keras instead of openvino: it cannot be done" in caplog.text


def test_a_failed_export_is_an_error_where_openvino_was_asked_for(
    committed_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, "openvino")
    refuse_export(monkeypatch)
    with pytest.raises(BundleError, match="it cannot be done"):
        engines.load(committed_bundle, "openvino", cache=tmp_path)
    with pytest.raises(BundleError, match="it cannot be done"):
        engines.prepare(committed_bundle, "openvino", cache=tmp_path)


def test_openvino_that_is_not_installed_is_named(
    committed_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch)
    for call in (engines.load, engines.prepare):
        with pytest.raises(BundleError) as caught:
            call(committed_bundle, "openvino", cache=tmp_path)
        assert caught.value.code == "ENGINE_MISSING"


@pytest.mark.parametrize("has", [("gpu", "openvino"), ()], ids=["GPU", "neither"])
def test_nothing_is_exported_for_keras(
    has: tuple[str, ...], committed_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, *has)
    refuse_export(monkeypatch)
    cache = tmp_path / "cache"
    for engine in ("auto", "keras"):
        engines.prepare(committed_bundle, engine, cache=cache)
    assert not cache.exists()


class Driver:
    """libcuda, as far as it is asked."""

    def __init__(self, *, devices: int = 0, status: int = 0) -> None:
        self.devices, self.status = devices, status

    def cuInit(self, _flags: int) -> int:  # noqa: N802 (the driver's own)
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.devices
        return 0


ONE = Driver(devices=1)


@pytest.mark.parametrize(
    ("driver", "packages", "found"),
    [
        (ONE, ["numpy", "nvidia-cudnn-cu12"], True),
        (ONE, ["numpy", "tensorflow-cpu"], False),
        (Driver(devices=0), ["nvidia-cudnn-cu12"], False),  # CUDA_VISIBLE_DEVICES hides it
        (Driver(devices=1, status=100), ["nvidia-cudnn-cu12"], False),  # it does not start
        (None, ["nvidia-cudnn-cu12"], False),
    ],
)
def test_a_gpu_counts_with_its_driver_and_the_gpu_extra(
    driver: Driver | None, packages: list[str], *, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_library(_name: str) -> Driver:
        if driver is None:
            raise OSError("no such library")
        return driver

    monkeypatch.setattr(ctypes, "CDLL", open_library)
    installed = [SimpleNamespace(name=name) for name in packages]
    monkeypatch.setattr(devices, "distributions", lambda: installed)
    assert devices.has_gpu_for_tensorflow() is found


def test_a_cache_that_cannot_be_written_is_told(
    committed_bundle: Path, openvino_cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError) as caught:
        open_export(committed_bundle, bundle.verify(committed_bundle), tmp_path / "file" / "cache")
    assert caught.value.code == "EXPORT_FAILED"
