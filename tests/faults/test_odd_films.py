"""Films that kill or hang whoever analyses them: they end, and their neighbours are unharmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import AuditEvent, Job, Result
from diagnosis.models.clock import db_now
from diagnosis.services.films import digest_of
from diagnosis.states import JobStatus
from tests import films
from tests.faults.stack import (
    DRAIN_SECONDS,
    FULL,
    ODD_WORKER,
    SWEEPER,
    assert_all_done_once,
    assert_sound,
    crashed,
    ended,
    stack,
    workers_of_set_up,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests import servers
    from tests.faults.stack import Stack

FILMS = 8
STARTS = 4  # one in company, three alone
PAUSES = 2 + 8 + 32  # seconds between them
HANGS = ["hang-in-decode", "hang-in-model"]
pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def odd_film(submit: Any, tmp_path: Path) -> Path:
    """One of eight films that wait in two studies, and it alone lies in this file."""
    contents = [films.as_png8(films.chest(seed, size=(200, 180))) for seed in range(FILMS)]
    submit(contents[:4])
    submit(contents[4:])
    path = tmp_path / "odd.png"
    path.write_bytes(contents[5])
    return path


def start(running: Stack) -> None:
    running.keep(SWEEPER)
    for _ in range(workers_of_set_up()):
        running.keep(ODD_WORKER)


def wait_for_the_end(running: Stack) -> None:
    """The short form skips the pauses between the starts of a film."""

    def over() -> bool:
        paused = Job.objects.filter(status=JobStatus.QUEUED, not_before__gt=db_now())
        if not FULL and paused.exists():
            paused.update(not_before=db_now())
        return ended()

    running.wait(over, "the end of every film", DRAIN_SECONDS + (PAUSES if FULL else 0))


def assert_it_alone_has_failed(running: Stack, film: Path) -> None:
    odd = Job.objects.get(image__sha256=digest_of(film.read_bytes()))
    assert (odd.status, odd.code) == (JobStatus.FAILED, "POISON"), running.logs()
    started = AuditEvent.objects.filter(action="JOB_CLAIM", object_id=str(odd.pk))
    assert odd.attempt == started.count() <= STARTS
    neighbours = Job.objects.exclude(pk=odd.pk)
    assert set(neighbours.values_list("status", flat=True)) == {JobStatus.SUCCEEDED}
    assert Result.objects.count() == FILMS - 1
    assert_sound()


@pytest.mark.parametrize("broker_is_there", [True, False] if FULL else [False])
def test_a_film_that_kills_its_process(
    odd_film: Path,
    tmp_path: Path,
    broker: servers.RedisServer,
    broker_is_there: bool,  # noqa: FBT001 (pytest's way to give it)
) -> None:
    if not broker_is_there:
        broker.kill()
    changes = {"ODD_FAULT": "kill-in-model", "ODD_FILM": str(odd_film), "PNEUMO_BATCH_SIZE": "8"}
    with stack(tmp_path, broker.url, **changes) as running:
        start(running)
        wait_for_the_end(running)
        # It was in the batch of eight, and none of the others was started with it again.
        assert max(Job.objects.exclude(code="POISON").values_list("crashes", flat=True)) == 1
        assert_it_alone_has_failed(running, odd_film)


@pytest.mark.parametrize("fault", HANGS if FULL else HANGS[1:])
def test_a_film_that_always_hangs(
    odd_film: Path, tmp_path: Path, broker: servers.RedisServer, fault: str
) -> None:
    changes = {"ODD_FAULT": fault, "ODD_FILM": str(odd_film), "PNEUMO_HARD_LIMIT": "2s"}
    with stack(tmp_path, broker.url, **changes) as running:
        start(running)
        wait_for_the_end(running)
        assert_it_alone_has_failed(running, odd_film)


@pytest.mark.parametrize("fault", HANGS if FULL else HANGS[:1])
def test_a_film_that_hangs_once(
    odd_film: Path, tmp_path: Path, broker: servers.RedisServer, fault: str
) -> None:
    changes = {"ODD_FAULT": fault, "ODD_FILM": str(odd_film), "PNEUMO_HARD_LIMIT": "2s"}
    with stack(tmp_path, broker.url, **changes) as running:
        start(running)
        running.wait(crashed, "the end of a worker")
        odd_film.unlink()
        wait_for_the_end(running)
        assert_all_done_once(running)
