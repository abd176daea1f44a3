"""The database restarts, or somebody holds it: a coded 503 meanwhile, and everything goes on after."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection

from diagnosis.models import Study, WorkerHeartbeat
from tests import servers
from tests.binaries import Unavailable
from tests.faults.proof import assert_whole, start_workers
from tests.faults.stack import FULL, database_url, ended, stack, workers_of_set_up
from tests.faults.web import Client, Web, install, manage, order, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.stack import Stack

pytestmark = pytest.mark.faults
HELD_SECONDS = 10.0 if FULL else 3.0
AWAY = (503, "DATABASE_UNAVAILABLE")
# What keeps every other writer out, in the middle of a transaction.
HOLD = {
    "sqlite": (
        "import sqlite3, sys, time\n"
        "held = sqlite3.connect(sys.argv[1][len('sqlite:///'):], isolation_level=None)\n"
        "held.execute('BEGIN EXCLUSIVE')\n"
    ),
    "postgresql": (
        "import psycopg, sys, time\n"
        "held = psycopg.connect(sys.argv[1])\n"
        "held.execute('LOCK TABLE diagnosis_study, diagnosis_job IN ACCESS EXCLUSIVE MODE')\n"
    ),
}
THEN = "print('held', flush=True)\ntime.sleep(float(sys.argv[2]))\n"


@pytest.fixture
def own_postgres() -> Iterator[servers.PostgresServer]:
    """Not that of the tests, whose connection is not to be cut."""
    try:
        with servers.postgres() as server:
            yield server
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def redis() -> Iterator[servers.RedisServer]:
    with servers.redis() as server:
        yield server


def ask(database: servers.PostgresServer, sql: str) -> set[Any]:
    with psycopg.connect(database.url) as asking:
        return {row[0] for row in asking.execute(sql)}


# It has a database of its own, so that one run of the tests is enough; see tests/database_only.py.
def test_postgresql_restarted_in_mid_film(
    own_postgres: servers.PostgresServer, redis: servers.RedisServer, tmp_path: Path
) -> None:
    database = own_postgres
    with stack(tmp_path, redis.url, DATABASE_URL=database.url) as running:
        token = install(running.env)
        processes = [running.sweeper(), running.worker(), running.worker()]
        with Web(tmp_path, running.env) as web:
            client = Client(web.port, token)
            sent = [order(seed) for seed in range(12)]
            assert {client.submit(each).status for each in sent[:-1]} == {201}
            statuses = "SELECT status FROM diagnosis_job"
            running.wait(lambda: ask(database, statuses) >= {"RUNNING", "SUCCEEDED"}, "a film")
            database.kill(signal.SIGQUIT)
            assert client.submit(sent[-1]).coded == AWAY
            page = client.get("/", Cookie="sessionid=" + "a" * 32)
            assert page.status == 503
            assert "The database does not answer." in page.text
            assert "Traceback" not in page.text
            assert client.get("/readyz").status == 503
            database.start()
            running.wait(lambda: client.submit(sent[-1]).status in {200, 201}, "a submission")
            running.wait(lambda: ask(database, statuses) == {"SUCCEEDED"}, "the end of every film")
        assert all(process.poll() is None for process in processes), running.logs()
        assert ask(database, "SELECT count(*) FROM diagnosis_result") == {len(sent)}
        manage(running.env, "sweeper", "--once", "--orphan-age", "0")
        manage(running.env, "check_invariants", "--drained")


@pytest.fixture
def running(tmp_path: Path, broker: servers.RedisServer, model_version: Any) -> Iterator[Stack]:
    with stack(tmp_path, broker.url) as started:
        started.sweeper()
        yield started


@contextmanager
def held() -> Iterator[None]:
    """Another process holds the database; it has let go at the end."""
    command = [sys.executable, "-c", HOLD[connection.vendor] + THEN, database_url()]
    with subprocess.Popen(  # noqa: S603
        [*command, str(HELD_SECONDS)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        assert holder.wait() == 0


@pytest.mark.django_db(transaction=True)
def test_a_database_that_somebody_holds(running: Stack, tmp_path: Path, token: str) -> None:
    start_workers(running)
    running.wait(lambda: WorkerHeartbeat.objects.count() == workers_of_set_up(), "the workers")
    sent = [order(seed) for seed in range(6)]
    with Web(tmp_path, running.env) as web:
        client = Client(web.port, token)
        assert client.submit(sent[0]).status == 201
        with held():
            asked = [client.send(each) for each in sent[1:]]
            answers = [read(each) for each in asked]
        assert all(each.status == 201 or each.coded == AWAY for each in answers)
        assert {client.submit(each).status for each in sent} <= {200, 201}
        running.wait(ended, "the end of every film")
    assert Study.objects.count() == len(sent)
    assert_whole(running, len(sent))
