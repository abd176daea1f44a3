"""The supervisor: restarts with back-off, reasons, order of stopping, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pneumo_site.demo.supervisor import (
    FIRST_DELAY,
    HEALTHY_AFTER,
    LONGEST_DELAY,
    Service,
    Supervisor,
    describe,
    next_delay,
)
from tests.processes import is_gone
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
FOREVER = "import signal; signal.pause()"


def python(name: str, code: str, patience: float = 5.0) -> Service:
    return Service(name, [sys.executable, "-c", code], patience)


class Told(list[str]):
    """What the operator was told."""

    def ends_of(self, name: str) -> int:
        return sum(line.startswith(f"{name} ended") for line in self)


@pytest.fixture
def told() -> Told:
    return Told()


def supervise(services: list[Service], logs: Path, told: Told) -> Supervisor:
    return Supervisor(services, logs=logs, tell=told.append)


def run_until(supervisor: Supervisor, condition: Callable[[], bool], limit: float = 15) -> None:
    """Supervise until the condition holds; fail after `limit` seconds."""
    end = time.monotonic() + limit
    supervisor.run(until=lambda: condition() or time.monotonic() > end)
    assert condition(), "not within the time limit"


def test_delays_double_up_to_a_limit_and_start_over_after_a_healthy_run() -> None:
    delays = [0.0]
    for _ in range(10):
        delays.append(next_delay(delays[-1], ran_for=0.1))
    assert delays[1:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert max(delays) == delays[-1] == LONGEST_DELAY
    assert next_delay(LONGEST_DELAY, ran_for=HEALTHY_AFTER) == FIRST_DELAY


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit status 0"), (3, "exit status 3"), (-9, "SIGKILL")]
)
def test_says_how_a_process_ended(status: int, words: str) -> None:
    assert describe(status) == words


def test_starts_again_what_was_killed_and_says_why(tmp_path: Path, told: Told) -> None:
    supervisor = supervise([python("one", FOREVER), python("two", FOREVER)], tmp_path, told)
    one, two = supervisor.children
    try:
        run_until(supervisor, lambda: one.pid is not None and two.pid is not None)
        first, other = one.pid, two.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        run_until(supervisor, lambda: one.pid not in {None, first})
        assert two.pid == other, "the neighbour was left alone"
        assert told.ends_of("one") == 1
        assert "SIGKILL" in told[0]
        assert str(tmp_path / "one.log") in told[0]
    finally:
        supervisor.stop()


def test_tells_the_last_words_of_a_process_that_fails(tmp_path: Path, told: Told) -> None:
    code = "import sys; print('the reason', file=sys.stderr); sys.exit(4)"
    supervisor = supervise([python("bad", code)], tmp_path, told)
    try:
        run_until(supervisor, lambda: told.ends_of("bad") == 2)
    finally:
        supervisor.stop()
    assert "exit status 4" in told[0]
    assert "the reason" in told[0]
    assert "in 0.5 s" in told[0]
    assert "in 1 s" in told[1]


def test_lists_its_processes_for_others(tmp_path: Path, told: Told) -> None:
    supervisor = supervise([python("one", FOREVER)], tmp_path, told)
    try:
        run_until(supervisor, (tmp_path / "pids").exists)
        assert (tmp_path / "pids").read_text() == f"one {supervisor.children[0].pid}\n"
    finally:
        supervisor.stop()
    assert not (tmp_path / "pids").exists()


def test_stops_the_last_first_and_each_in_order(tmp_path: Path, told: Told) -> None:
    note = tmp_path / "order"
    code = (
        "import signal, sys, pathlib\n"
        "def end(*_):\n"
        f"    pathlib.Path({str(note)!r}).open('a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    services = [Service(name, [sys.executable, "-c", code, name]) for name in ("a", "b", "c")]
    supervisor = supervise(services, tmp_path, told)
    logs = [child.log for child in supervisor.children]
    try:
        run_until(
            supervisor, lambda: all(log.exists() and "ready" in log.read_text() for log in logs)
        )
    finally:
        supervisor.stop()
    assert note.read_text() == "c b a "


def test_kills_what_will_not_stop_with_all_its_children(tmp_path: Path, told: Told) -> None:
    code = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
        "print(child.pid, flush=True)\n"
        "while True: signal.pause()"
    )
    supervisor = supervise([python("deaf", code, patience=0.2)], tmp_path, told)
    child = supervisor.children[0]
    try:
        run_until(supervisor, lambda: child.log.exists() and child.log.read_text().endswith("\n"))
        pid, grandchild = child.pid, int(child.log.read_text())
        assert pid is not None
    finally:
        supervisor.stop()
    wait_for(lambda: is_gone(pid) and is_gone(grandchild), 10, "the end of both")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parent-death signal: Linux only")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from pneumo_site.demo.supervisor import Service, Supervisor\n"
        f"service = Service('one', [sys.executable, '-c', {FOREVER!r}])\n"
        f"Supervisor([service], logs=Path({str(tmp_path)!r}), tell=print).run(lambda: False)"
    )
    pids = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as parent:  # noqa: S603
        try:
            wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"), 15, "a child")
        finally:
            parent.kill()
    child = int(pids.read_text().split()[1])
    wait_for(lambda: is_gone(child), 10, "the child's end")


def test_a_long_log_is_set_aside(tmp_path: Path, told: Told) -> None:
    log = tmp_path / "one.log"
    log.write_bytes(b"x" * (6 * 1024 * 1024))
    supervisor = supervise([python("one", "print('new')")], tmp_path, told)
    try:
        run_until(supervisor, lambda: told.ends_of("one") > 0)
    finally:
        supervisor.stop()
    assert log.stat().st_size < 1000
    assert (tmp_path / "one.log.1").stat().st_size > 5 * 1024 * 1024
