"""Real workers and sweepers on the test's own database and broker, for signals to be sent to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.processes import die_with_parent
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
WORKER = [sys.executable, "-m", "celery", "-A", "pneumo_site", "worker", "--loglevel", "INFO"]
SWEEPER = [sys.executable, str(ROOT / "manage.py"), "sweeper"]
DRAIN_SECONDS = 90


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


class Stack:
    """Starts processes with the fake model and short leases; ends them all, whatever happens."""

    def __init__(self, folder: Path, broker_url: str, **changes: str) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.env = {
            **os.environ,
            "DEBUG": "1",
            "DATABASE_URL": database_url(),
            "REDIS_URL": broker_url,
            # The folder of films is the test's own; see the fixture in conftest.py.
            "PNEUMO_DATA_DIR": str(settings.DATA_DIR),
            "PNEUMO_ENGINE": "fake",
            "PNEUMO_FAKE_MS": "120",
            "PNEUMO_BATCH_SIZE": "4",
            "PNEUMO_LEASE": "2s",
            "PNEUMO_POLL_INTERVAL": "0.5s",
            "PNEUMO_SWEEP_INTERVAL": "0.3s",
            **changes,
        }

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        log = self._folder / f"process-{len(self._processes)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (no threads here)
            )
        self._processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(WORKER)

    def sweeper(self) -> subprocess.Popen[bytes]:
        return self.start(SWEEPER)

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self._folder.glob("process-*.log"))
        )

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = DRAIN_SECONDS) -> None:
        try:
            wait_for(ready, seconds, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@contextlib.contextmanager
def stack(folder: Path, broker_url: str, **changes: Any) -> Iterator[Stack]:
    running = Stack(folder, broker_url, **changes)
    try:
        yield running
    finally:
        running.close()
