"""Real workers and sweepers on the test's own database and broker, for signals to be sent to."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from diagnosis.models import Image, Job, Result
from diagnosis.states import ACTIVE_JOB, JobStatus
from tests.faults.web import ANY_DISK
from tests.processes import die_with_parent
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
WORKER = [sys.executable, "-m", "celery", "-A", "pneumo_site", "worker", "--loglevel", "INFO"]
SWEEPER = [sys.executable, "manage.py", "sweeper"]
ODD = [sys.executable, "-m", "tests.faults.odd"]
ODD_WORKER = [*ODD, *WORKER[2:]]
ODD_SWEEPER = [*ODD, *SWEEPER[1:]]
WEB = [sys.executable, "-m", "gunicorn", "pneumo_site.wsgi", "--no-control-socket"]
DRAIN_SECONDS = 90
LEASE = timedelta(seconds=2)
FULL = os.environ.get("PNEUMO_FAULTS") == "full"  # `make test-faults`; else the short form


def database_url() -> str:
    """The URL of the database that this test is connected to."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    user = quote(found["USER"]) + (f":{quote(found['PASSWORD'])}" if found["PASSWORD"] else "")
    host = str(found["HOST"])
    if host.startswith("/"):
        return f"postgresql://{user}@/{found['NAME']}?host={quote(host)}"
    return f"postgresql://{user}@{host}:{found['PORT']}/{found['NAME']}"


@dataclass
class Kept:
    """A process that is started again whenever it has ended, as the supervisor does."""

    command: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]
    since: float  # by time.monotonic


def web_command(port: int) -> list[str]:
    size = ["--workers", "2", "--threads", "4", "--graceful-timeout", "5"]
    return [*WEB, *size, "--bind", f"127.0.0.1:{port}"]


class Stack:
    """Starts processes with the fake model and short leases; ends them all, whatever happens."""

    def __init__(self, folder: Path, broker_url: str, **changes: str) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._kept: list[Kept] = []
        self.env = {
            **os.environ,
            "DEBUG": "1",
            "DATABASE_URL": database_url(),
            "REDIS_URL": broker_url,
            # The folder of films is the test's own; see the fixture in conftest.py.
            "PNEUMO_DATA_DIR": str(settings.DATA_DIR),
            **ANY_DISK,
            "PNEUMO_ENGINE": "fake",
            "PNEUMO_FAKE_MS": "120",
            "PNEUMO_BATCH_SIZE": "4",
            "PNEUMO_LEASE": f"{LEASE.total_seconds():g}s",
            "PNEUMO_POLL_INTERVAL": "0.5s",
            "PNEUMO_SWEEP_INTERVAL": "0.3s",
            **changes,
        }

    def start(self, command: Sequence[str], **env: str) -> subprocess.Popen[bytes]:
        """In a group of its own, so that a signal to the group reaches its children, too."""
        log = self._folder / f"process-{len(self._processes):03}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=ROOT,
                env=self.env | env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (no threads here)
            )
        self._processes.append(process)
        return process

    def keep(self, command: Sequence[str], **env: str) -> Kept:
        """Start it, and again in `tend` and `wait` whenever it has ended."""
        kept = Kept(command, env, self.start(command, **env), time.monotonic())
        self._kept.append(kept)
        return kept

    def tend(self) -> None:
        for kept in self._kept:
            if kept.process.poll() is not None:
                kept.process = self.start(kept.command, **kept.env)
                kept.since = time.monotonic()

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(WORKER)

    def sweeper(self) -> subprocess.Popen[bytes]:
        return self.start(SWEEPER)

    def said(self, words: str) -> bool:
        """Whether any process has."""
        logs = self._folder.glob("process-*.log")
        return any(words in path.read_text(errors="replace") for path in logs)

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self._folder.glob("process-*.log"))
        )

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = DRAIN_SECONDS) -> None:
        def tended() -> bool:
            self.tend()
            return ready()

        try:
            wait_for(tended, seconds, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also one that is stopped
            process.wait()


@contextlib.contextmanager
def stack(folder: Path, broker_url: str, **changes: Any) -> Iterator[Stack]:
    running = Stack(folder, broker_url, **changes)
    try:
        yield running
    finally:
        running.close()


def workers_of_set_up() -> int:
    return 1 if connection.vendor == "sqlite" else 2


def ended() -> bool:
    return not Job.objects.filter(status__in=ACTIVE_JOB).exists()


def in_mid_film() -> bool:
    return (
        Job.objects.filter(status=JobStatus.RUNNING).exists()
        and Job.objects.filter(status=JobStatus.SUCCEEDED).count() >= 2
    )


def crashed() -> bool:
    return Job.objects.filter(crashes__gte=1).exists()


def leases(process: subprocess.Popen[bytes]) -> int:
    """How many films this worker holds; its name there contains its process id."""
    mine = Job.objects.filter(status=JobStatus.RUNNING, worker__contains=f"-{process.pid}-")
    return mine.count()


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
    with contextlib.closing(
        sqlite3.connect(connection.settings_dict["NAME"], timeout=0.2)
    ) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        probe.rollback()
        return False


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


def assert_all_done_once(running: Stack) -> None:
    statuses = set(Job.objects.values_list("status", flat=True))
    assert statuses == {JobStatus.SUCCEEDED}, running.logs()
    assert Result.objects.count() == Image.objects.count()
    assert Result.objects.values("job__image").distinct().count() == Image.objects.count()
    assert_sound()


def assert_sound() -> None:
    """Drained, and nothing lost, doubled or left over."""
    call_command("sweeper", "--once", "--orphan-age", "0")
    call_command("check_invariants", "--drained")
