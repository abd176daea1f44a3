"""The worker with the committed bundle: same scores as the command line, no harm by damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from diagnosis.models import Job, ModelVersion, Result
from diagnosis.queries import invariants
from diagnosis.states import JobStatus
from ml import bundle
from worker.pipeline import run_batch
from worker.process import WorkerProcess
from worker.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diagnosis.models import Study

# Loading a model takes longer than a session may stand idle in a transaction.
pytestmark = [pytest.mark.model, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[3]
# JPEG, 8-bit and 16-bit PNG; a DICOM's own birth date would outgrow the model's age rule
SAMPLES = [ROOT / "samples" / name for name in ("film-01.jpg", "film-04.png", "film-09.png")]


def register(directory: Path, settings: Any) -> ModelVersion:
    settings.MODEL_DIR = directory.parent
    call_command("register_model", directory.name, "--activate", stdout=sys.stderr)
    return ModelVersion.objects.get(digest=bundle.verify(directory).digest)


def predicted(directory: Path, films: Sequence[Path]) -> list[float]:
    """What the command line prints for these films."""
    command = [sys.executable, "-m", "ml", "predict", "--bundle", str(directory), *map(str, films)]
    done = subprocess.run(  # noqa: S603
        command, check=True, cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    return [json.loads(line)["probability"] for line in done.stdout.splitlines()]


@pytest.fixture(params=["keras", "openvino"])
def engine(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.ENGINE = request.param
    if request.param == "openvino":
        settings.ENGINE_CACHE = request.getfixturevalue("openvino_cache")
    return str(request.param)


def test_stores_what_the_command_line_prints(
    submit: Callable[..., Study], committed_bundle: Path, engine: str, settings: Any
) -> None:
    version = register(committed_bundle, settings)
    for film in SAMPLES:
        submit([film.read_bytes()])

    classifier = Runtime().classifier()
    assert classifier is not None
    assert classifier.info.digest == version.digest
    assert classifier.info.engine.startswith(engine)
    assert run_batch(classifier=classifier, worker="w1") == len(SAMPLES)

    stored = Result.objects.order_by("job__image").values_list("probability", flat=True)
    assert list(stored) == pytest.approx(predicted(committed_bundle, SAMPLES), abs=1e-4)
    assert invariants.breaches(drained=True) == []


def test_registering_makes_the_export_that_the_worker_loads(
    committed_bundle: Path,
    openvino_cache: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ENGINE, settings.ENGINE_CACHE = "openvino", openvino_cache
    register(committed_bundle, settings)
    monkeypatch.setattr("ml.engines.export._make", None)
    classifier = Runtime().classifier()
    assert classifier is not None
    assert classifier.info.engine.startswith("openvino")


def test_a_model_that_cannot_be_exported_is_not_registered_for_openvino(
    committed_bundle: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise bundle.BundleError("EXPORT_FAILED", "no")

    monkeypatch.setattr("ml.engines.openvino_runtime.is_installed", lambda: True)
    monkeypatch.setattr("ml.engines.export.open_export", fail)
    settings.ENGINE = "openvino"
    with pytest.raises(CommandError, match="EXPORT_FAILED: no"):
        register(committed_bundle, settings)
    assert not ModelVersion.objects.exists()


def test_bfloat16_without_a_check_analyses_nothing(
    committed_bundle: Path, openvino_cache: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ENGINE_CACHE, settings.PRECISION = openvino_cache, "bfloat16"
    register(committed_bundle, settings)
    assert Runtime().classifier() is None
    assert "not ready: the model cannot be loaded: BundleError: " in caplog.text


def test_a_damaged_bundle_costs_no_film_anything(
    submit: Callable[..., Study],
    bundle_copy: Path,
    engine: str,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    register(bundle_copy, settings)
    for film in SAMPLES:
        submit([film.read_bytes()])
    weights = bundle_copy / bundle.WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    worker = WorkerProcess()
    assert worker.answer_bell() == 0
    assert Runtime().classifier() is None
    assert "not ready: the model cannot be loaded" in caplog.text
    assert set(Job.objects.values_list("status", "attempt")) == {(JobStatus.QUEUED, 0)}

    weights.write_bytes(whole)
    assert worker.answer_bell() == len(SAMPLES)
    ended = Job.objects.values_list("status", "errors", "crashes")
    assert set(ended) == {(JobStatus.SUCCEEDED, 0, 0)}
    assert invariants.breaches(drained=True) == []
