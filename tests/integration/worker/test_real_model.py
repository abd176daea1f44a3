"""The worker with the committed Keras bundle: same scores as the command line, no harm by damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

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

pytestmark = [pytest.mark.model, pytest.mark.django_db]
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


def test_stores_what_the_command_line_prints(
    submit: Callable[..., Study], committed_bundle: Path, settings: Any
) -> None:
    version = register(committed_bundle, settings)
    for film in SAMPLES:
        submit([film.read_bytes()])

    classifier = Runtime().classifier()
    assert classifier is not None
    assert classifier.info.digest == version.digest
    assert run_batch(classifier=classifier, worker="w1") == len(SAMPLES)

    stored = Result.objects.order_by("job__image").values_list("probability", flat=True)
    assert list(stored) == pytest.approx(predicted(committed_bundle, SAMPLES), abs=1e-4)
    assert invariants.breaches(drained=True) == []


def test_a_damaged_bundle_costs_no_film_anything(
    submit: Callable[..., Study],
    bundle_copy: Path,
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
