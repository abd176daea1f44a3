"""A contestant's processes: started, frozen, measured and ended together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Memory:
    """MB of all processes together. `resident` counts shared pages in each, `proportional` once."""

    resident: float
    proportional: float


class Guardian:
    """Tells `bench.peers.guardian` what to end should this process be killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.peers.guardian"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Group:
    """One command and all that it forks, in a session of their own.

    talks: it answers lines; else what it prints goes to the log, where it blocks nobody.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        log: Path,
        guardian: Guardian,
        talks: bool,
    ) -> None:
        self._guardian = guardian
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as told:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else told,
                stderr=told,
                start_new_session=True,
                text=True,
            )
        guardian.tell(f"+{self._process.pid}")

    def ask(self, words: str) -> Any:
        """One line to it, one line of JSON from it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        raise RuntimeError(self._told("it ended"))

    def wait_until(self, ready: Callable[[], bool]) -> float:
        """Seconds from its start until `ready()`. RuntimeError when it ends before."""

        def ready_or_ended() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(self._told("it ended at start"))
            return ready()

        wait_for(ready_or_ended, START_SECONDS, f"readiness of {self.log.stem}")
        return time.monotonic() - self.started

    def freeze(self) -> None:
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def memory(self) -> Memory:
        return memory_of(session_of(self._process.pid))

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGCONT):
            self._signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.communicate()
        self._guardian.tell(f"-{self._process.pid}")

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _told(self, what: str) -> str:
        return f"{self.log.stem}: {what}:\n{self.log.read_text(errors='replace')[-3000:]}"


def session_of(leader: int) -> Iterator[int]:
    """The processes that belong to the session."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                yield int(stat.parent.name)


def memory_of(processes: Iterator[int]) -> Memory:
    resident = proportional = 0
    for pid in processes:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB$", text, re.MULTILINE))
            resident += int(found["Rss"])
            proportional += int(found["Pss"])
    return Memory(resident / 1000, proportional / 1000)
