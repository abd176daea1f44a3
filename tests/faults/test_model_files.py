"""A model that is gone, damaged or broken: nothing is claimed, no film pays, and then it drains."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

from diagnosis.models import AuditEvent, Job
from diagnosis.models.clock import db_now
from diagnosis.states import JobStatus
from ml import bundle
from tests.faults.stack import assert_sound, ended, stack
from tests.unit.ml.bundles import fill_a_kernel

if TYPE_CHECKING:
    from datetime import datetime

    from tests import servers
    from tests.faults.stack import Stack

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FILMS = ["film-01.jpg", "film-04.png", "film-09.png"]
pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def real_model(submit: Any, bundle_copy: Path, settings: Any) -> Path:
    """The committed bundle, active, and a few films that wait for it."""
    settings.MODEL_DIR, settings.ENGINE = bundle_copy.parent, "keras"
    call_command("register_model", bundle_copy.name, "--activate")
    for name in FILMS:
        submit([(SAMPLES / name).read_bytes()])
    return bundle_copy


def start(folder: Path, broker: servers.RedisServer) -> Any:
    changes = {"PNEUMO_ENGINE": "keras", "PNEUMO_MODEL_DIR": str(folder), "PNEUMO_LEASE": "30s"}
    return stack(folder, broker.url, **changes)


def assert_all_done_at_once(running: Stack, since: datetime) -> None:
    """Each film was claimed once, after `since`, and has its score."""
    done = Job.objects.filter(status=JobStatus.SUCCEEDED)
    assert done.count() == len(FILMS), running.logs()
    assert set(done.values_list("attempt", "crashes", "errors")) == {(1, 0, 0)}
    claimed = AuditEvent.objects.filter(action="JOB_CLAIM").values_list("at", flat=True)
    assert len(claimed) == len(FILMS)
    assert min(claimed) >= since
    assert_sound()


def test_weights_that_are_gone_or_have_one_wrong_byte(
    real_model: Path, tmp_path: Path, broker: servers.RedisServer
) -> None:
    weights = real_model / bundle.WEIGHTS
    whole = weights.read_bytes()
    weights.unlink()
    with start(tmp_path, broker) as running:
        running.sweeper()
        running.worker()
        running.wait(lambda: running.said("is missing or unreadable"), "the first complaint")
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        running.wait(lambda: running.said("is not the file that"), "the second complaint")
        restored = db_now()
        weights.write_bytes(whole)
        running.wait(ended, "the end of every film")
        assert_all_done_at_once(running, restored)


def test_weights_that_are_not_numbers(
    real_model: Path, tmp_path: Path, broker: servers.RedisServer
) -> None:
    broken = Path(shutil.copytree(real_model, real_model.parent / "broken"))
    fill_a_kernel(broken, math.nan)
    call_command("register_model", broken.name, "--activate")
    with start(tmp_path, broker) as running:
        running.sweeper()
        running.worker()
        running.wait(lambda: running.said("scores nan here"), "the golden films' complaint")
        changed = db_now()
        call_command("register_model", real_model.name, "--activate")
        running.wait(ended, "the end of every film")
        assert_all_done_at_once(running, changed)
