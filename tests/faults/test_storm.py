"""Processes die at random under load: what was acknowledged is there, once, and is analysed."""

from __future__ import annotations

import os
import random
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as site_settings

from diagnosis.models import Image, Job, Study
from tests.faults.stack import FULL, assert_all_done_once, ended, stack, workers_of_set_up
from tests.faults.storm import Storm, reruns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests import servers

SECONDS, KILLS, STUDIES = (60, 50, 600) if FULL else (5, 6, 20)
KINDS = {"web", "worker", "sweeper", "broker"}
PATIENCE = 400.0  # seconds; a busy machine starts processes slowly
LONGEST_RERUN = timedelta(seconds=60)
pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def acknowledged(file: Path) -> dict[str, str]:
    """Study by Idempotency-Key."""
    if not file.exists():
        return {}
    return dict(line.split() for line in file.read_text().splitlines())


def assert_nothing_is_lost_or_doubled(told: dict[str, str]) -> None:
    assert len(set(told.values())) == len(told)
    studies = Study.objects.values_list("idempotency_key", "uid", "patient__mrn")
    stored = [(key, str(uid), mrn) for key, uid, mrn in studies]
    assert sorted(stored) == sorted((key, uid, f"MRN-{key}") for key, uid in told.items())
    assert Image.objects.count() == Job.objects.count() == len(told)
    keys = set(Image.objects.values_list("storage_key", flat=True))
    assert {path.name for path in site_settings.FILM_DIR.glob("*/*")} == keys


def test_storm(
    token: str,
    tmp_path: Path,
    broker: servers.RedisServer,
    record_property: Callable[[str, object], None],
) -> None:
    seed = int(os.environ.get("PNEUMO_FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    file = tmp_path / "acknowledged"
    with stack(tmp_path, broker.url, PNEUMO_FAKE_MS="40") as running:
        storm = Storm(running, broker, random.Random(seed), workers=workers_of_set_up())  # noqa: S311
        program = [sys.executable, "-m", "tests.faults.load", str(storm.port), str(file)]
        load = running.start(program, LOAD_TOKEN=token)
        started = time.monotonic()

        def enough() -> bool:
            assert load.poll() is None, running.logs()
            if time.monotonic() - started < SECONDS or storm.kills.total() < KILLS:
                return False
            return storm.kills.keys() == KINDS and len(acknowledged(file)) >= STUDIES

        storm.rage(enough, PATIENCE)
        load.terminate()
        running.wait(lambda: load.poll() is not None, "the last acknowledgement")
        assert load.returncode == 0, running.logs()
        running.wait(ended, "the end of every film")
        told, again = acknowledged(file), reruns(storm.deaths)
        slowest = max(again, default=timedelta(0))
        words = (
            f"seed {seed}, {storm.kills.total()} kills {dict(storm.kills)}, and "
            f"{dict(storm.others)}; {len(told)} studies, {len(again)} re-runs, the slowest "
            f"{slowest.total_seconds():.1f} s after its worker's death"
        )
        record_property("storm", words)
        print(words)  # noqa: T201 (pytest shows it where the test fails)
        assert_all_done_once(running)
    assert_nothing_is_lost_or_doubled(told)
    assert slowest <= LONGEST_RERUN
