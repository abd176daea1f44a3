"""The private servers: they answer, die, come back on the same address, freeze, and end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests import servers
from tests.binaries import Unavailable
from tests.processes import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Starter = Callable[[], AbstractContextManager[servers.Server]]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["redis", "valkey", "postgres"])
def starter(request: pytest.FixtureRequest) -> Starter:
    kind: Starter = getattr(servers, request.param)
    try:
        with kind():
            return kind
    except Unavailable as error:
        pytest.skip(str(error))


def test_dies_and_comes_back_on_the_same_address(starter: Starter) -> None:
    with starter() as server:
        url = server.url
        server.kill()
        assert not server.is_running()
        assert not server.answers()
        server.start()
        assert server.answers()
        assert server.url == url


def test_a_frozen_server_answers_nothing_until_thawed(starter: Starter) -> None:
    with starter() as server:
        server.freeze()
        assert not server.answers()
        server.thaw()
        assert server.answers()


def test_nothing_is_left_behind(starter: Starter) -> None:
    with starter() as server:
        folder = server.folder
        server.freeze()
    assert not server.is_running()
    assert not folder.exists()


def test_ends_with_a_parent_that_is_killed(starter: Starter) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("parent-death signal: Linux only")
    code = (
        "import sys, signal; from tests import servers\n"
        f"with servers.{starter.__name__}() as server:\n"
        "    print(server.pid, server.folder, flush=True); signal.pause()"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    servers.wait_for(lambda: is_gone(int(pid)), 15, "the server's end")
    shutil.rmtree(folder, ignore_errors=True)


def test_postgres_keeps_committed_rows_over_a_kill() -> None:
    try:
        with servers.postgres() as server:
            with psycopg.connect(server.url) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
            server.kill()
            server.start()
            with psycopg.connect(server.url) as connection:
                assert connection.execute("SELECT value FROM kept").fetchone() == (1,)
    except Unavailable as error:
        pytest.skip(str(error))


def test_postgres_never_runs_as_root() -> None:
    try:
        with servers.postgres() as server:
            assert (server.data / "postmaster.pid").stat().st_uid != 0
    except Unavailable as error:
        pytest.skip(str(error))
