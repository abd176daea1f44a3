"""Real processes, real signals: nothing accepted is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection

from diagnosis.models import AuditEvent, Job, Result
from diagnosis.states import ACTIVE_JOB, JobStatus
from tests import films, servers
from tests.binaries import Unavailable
from tests.faults.stack import stack

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.faults.stack import Stack

FILMS = 30
pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def broker() -> Iterator[servers.RedisServer]:
    """Valkey beside SQLite, Redis beside PostgreSQL: the two set-ups that are shipped."""
    with _server() as server:
        yield server


@contextmanager
def _server() -> Iterator[servers.RedisServer]:
    choose = servers.valkey if connection.vendor == "sqlite" else servers.redis
    try:
        with choose() as server:
            yield server
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def thirty(submit: Any, broker: servers.RedisServer, settings: Any, real_bell: None) -> None:
    """Thirty films in fifteen studies, each of which has rung the bell."""
    settings.BROKER_URL = broker.url
    for seed in range(FILMS // 2):
        submit([films.as_png8(films.chest(2 * seed + i, size=(200, 180))) for i in (0, 1)])


def workers_of_set_up() -> int:
    return 1 if connection.vendor == "sqlite" else 2


def ended() -> bool:
    return not Job.objects.filter(status__in=ACTIVE_JOB).exists()


def in_mid_film() -> bool:
    return (
        Job.objects.filter(status=JobStatus.RUNNING).exists()
        and Job.objects.filter(status=JobStatus.SUCCEEDED).count() >= 2
    )


def leases(process: subprocess.Popen[bytes]) -> int:
    """How many films this worker holds; its name there contains its process id."""
    mine = Job.objects.filter(status=JobStatus.RUNNING, worker__contains=f"-{process.pid}-")
    return mine.count()


def stopped(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> bool:
    """Stop the process while the condition holds; one caught elsewhere is woken for another try."""
    if not condition():
        return False
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)  # until the stop has taken effect
    if condition():
        return True
    process.send_signal(signal.SIGCONT)
    return False


def asleep_without_a_lock(process: subprocess.Popen[bytes]) -> bool:
    """Stop the process in mid-film, outside of any transaction.

    One inside a transaction would stop every writer of an SQLite file (its limit, and the reason
    why more than one box takes PostgreSQL), and there it would lose its session, and so write
    nothing late. One between two batches, with its films recorded, has no lease to lose.
    """
    return stopped(process, lambda: leases(process) > 0 and not holds_a_lock())


def kill_in_mid_film(running: Stack, workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGKILL to a worker that holds films.

    It is stopped first, for then at most one write is under way: of two leases one is lost.
    """

    def killed(worker: subprocess.Popen[bytes]) -> bool:
        if not stopped(worker, lambda: leases(worker) >= 2):
            return False
        worker.kill()
        return True

    running.wait(lambda: any(killed(worker) for worker in workers), "a worker in mid-film")


def holds_a_lock() -> bool:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
                " OR state = 'active' AND datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
            return bool(cursor.fetchone()[0])
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.2)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        probe.rollback()
        return False


def assert_all_done_once(running: Stack) -> None:
    statuses = set(Job.objects.values_list("status", flat=True))
    assert statuses == {JobStatus.SUCCEEDED}, running.logs()
    assert Result.objects.count() == FILMS
    assert Result.objects.values("job__image").distinct().count() == FILMS
    call_command("sweeper", "--once", "--orphan-age", "0")
    call_command("check_invariants", "--drained")


def crashed() -> bool:
    return Job.objects.filter(crashes__gte=1).exists()


def test_a_worker_killed_in_mid_film(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        running.worker()  # as the supervisor would
        running.wait(ended, "the end of every film")
        assert crashed()
        assert_all_done_once(running)


def test_worker_and_broker_killed_at_once(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        broker.kill()
        running.worker()
        running.wait(ended, "the end of every film")
        assert crashed()
        assert_all_done_once(running)


def test_worker_and_broker_killed_at_once_and_the_broker_back_later(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        broker.kill()
        running.worker()
        # Before the end: a film that lost its lease must now wait for its second try.
        running.wait(crashed, "the reaper")
        broker.start()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)


def test_the_broker_killed_in_mid_run(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        workers = [running.worker() for _ in range(workers_of_set_up())]
        running.wait(in_mid_film, "a film in analysis")
        broker.kill()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        # A dead broker delays no worker's end by more than one pause between two tries.
        running.wait(lambda: all(w.poll() is not None for w in workers), "the workers' end", 40)
        assert "mingle" not in running.logs()  # nor do they talk to each other over it


def test_the_broker_gone_before_the_worker_starts(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    broker.kill()
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        for _ in range(workers_of_set_up()):
            running.worker()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)


def test_a_stopped_worker_hands_its_films_back_unharmed(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        leaving = running.worker()
        running.wait(in_mid_film, "a film in analysis")
        leaving.send_signal(signal.SIGTERM)
        running.wait(lambda: leaving.poll() is not None, "the worker's end", 30)
        assert leaving.returncode == 0, running.logs()
        assert not Job.objects.filter(status=JobStatus.RUNNING).exists()
        running.worker()
        running.wait(ended, "the end of every film")
        assert set(Job.objects.values_list("crashes", "errors")) == {(0, 0)}
        assert_all_done_once(running)


def test_a_worker_asleep_past_its_lease_is_refused_when_it_wakes(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        sleeper = running.worker()
        running.wait(in_mid_film, "a film in analysis")
        running.wait(lambda: asleep_without_a_lock(sleeper), "a stop between two writes")
        running.wait(lambda: Job.objects.filter(crashes=1).exists(), "the reaper")
        running.worker()
        running.wait(ended, "the end of every film")
        sleeper.send_signal(signal.SIGCONT)
        late = AuditEvent.objects.filter(action="JOB_LATE_WRITE", outcome="REFUSED")
        running.wait(late.exists, "the refusal of the late write", 30)
        assert_all_done_once(running)


def test_a_hang_ends_the_process_and_costs_the_film_one_crash(
    submit: Any, tmp_path: Path, broker: servers.RedisServer
) -> None:
    submit()
    changes = {"PNEUMO_FAKE_MS": "600000", "PNEUMO_HARD_LIMIT": "3s"}
    with stack(tmp_path, broker.url, **changes) as running:
        hung = running.worker()
        running.sweeper()
        running.wait(lambda: hung.poll() is not None, "the worker's end", 30)
        running.wait(lambda: Job.objects.filter(crashes=1).exists(), "the reaper", 30)
    job = Job.objects.get()
    assert job.status == JobStatus.QUEUED
    assert job.not_before - job.created_at > timedelta(seconds=1)
