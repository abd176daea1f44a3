"""Starts processes, starts again what dies, and stops all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
HEALTHY_AFTER = 30.0
LOG_LIMIT = 5 * 1024 * 1024
TICK = 0.2
LEASH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py"))]


@dataclass(frozen=True)
class Service:
    """A program to keep running; `patience` is how long it may take to stop, in seconds."""

    name: str
    command: Sequence[str]
    patience: float = 10.0


def next_delay(previous: float, ran_for: float) -> float:
    """Seconds to wait before the next start: doubled each time, short again after a healthy run."""
    if ran_for >= HEALTHY_AFTER or previous == 0:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


def describe(status: int) -> str:
    """Popen's return code in words."""
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"


class Child:
    """One service's process, its log, and the time of its next start."""

    def __init__(self, service: Service, log: Path, env: Mapping[str, str]) -> None:
        self.service = service
        self.log = log
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay = 0.0
        self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """In a session of its own: the terminal's Ctrl-C must reach the supervisor alone, which
        then stops its children in order. Call it in the main thread (see leash.py).
        """
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*LEASH, str(os.getpid()), *self.service.command],
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def tend(self) -> str | None:
        """Start what is due; returns a sentence when the process was found dead."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self.start()
            return None
        status = self._process.poll()
        if status is None:
            return None
        self.kill()  # what it may have left of its own children
        self._process = None
        self._delay = next_delay(self._delay, now - self._started)
        self._start_at = now + self._delay
        return (
            f"{self.service.name} ended ({describe(status)}): {self.last_words()} "
            f"Starting it again in {self._delay:g} s."
        )

    def last_words(self) -> str:
        """The last line of its log, which holds no patient data, and where to read the rest."""
        lines = self.log.read_text(encoding="utf-8", errors="replace")[-4000:].split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"{last[:200]} [{self.log}]."

    def terminate(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def join(self) -> None:
        """Wait for the end; what outlasts its patience is killed, with all of its children."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.service.patience)
        self.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Supervisor:
    """Keeps the services running while `run` runs. Later services may need earlier ones."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        logs: Path,
        tell: Callable[[str], None],
        env: Mapping[str, str] = os.environ,
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.children = [Child(service, logs / f"{service.name}.log", env) for service in services]
        self._tell = tell
        self._pids_file = logs / "pids"
        self._wake = threading.Event()

    def run(self, until: Callable[[], bool]) -> None:
        """Main thread only. Returns when `until()`, looked at several times a second."""
        while not until():
            pids = [child.pid for child in self.children]
            for child in self.children:
                if news := child.tend():
                    self._tell(news)
            if pids != [child.pid for child in self.children]:
                self._write_pids()
            self._wake.wait(TICK)

    def stop(self) -> None:
        """Stop all, those first that need the others."""
        for child in reversed(self.children):
            child.terminate()
            child.join()
        self._pids_file.unlink(missing_ok=True)

    def _write_pids(self) -> None:
        """For people and scripts: one `name pid` a line."""
        lines = [f"{child.service.name} {child.pid or '-'}\n" for child in self.children]
        self._pids_file.write_text("".join(lines), encoding="utf-8")
