"""The contestants, as the bench sees them: start, rate, one film at a time, freeze, end."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.peers.processes import Group, Guardian
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.peers.processes import Memory
    from bench.peers.scorers import Setup

AT_ONCE = 8
PYTHON = (sys.executable, "-m")
_BOUNDARY = "film-of-the-bench"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every contestant is given."""

    setup: Setup
    films: Sequence[Path]
    folder: Path
    guardian: Guardian


@dataclass(frozen=True, slots=True)
class Round:
    """One round: films a second, and the milliseconds of each film where they have a meaning."""

    rate: float
    each_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Alone:
    """Milliseconds of films that came one at a time, by what was measured."""

    each_ms: Sequence[float]
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)


class Contestant(ABC):
    """Started by `start`, and frozen between rounds by whoever runs them."""

    def __init__(self, name: str, engine: str, around: Surroundings) -> None:
        self.name = name
        self.engine = engine
        self.around = around
        self._group: Group | None = None

    @abstractmethod
    def start(self) -> float:
        """Seconds from the start of its process to its first score."""

    @abstractmethod
    def rate(self, count: int) -> Round: ...

    @abstractmethod
    def alone(self, count: int) -> Alone: ...

    @property
    def group(self) -> Group:
        assert self._group is not None
        return self._group

    def launch(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        talks: bool = False,
    ) -> Group:
        around = self.around
        self._group = Group(
            command,
            {**around.setup.env(self.engine), **(env or {})},
            log=around.folder / f"{self.name.replace(' ', '-')}.log",
            guardian=around.guardian,
            talks=talks,
        )
        return self._group

    def fill(self, count: int) -> None:  # noqa: B027 (most have no queue)
        """Queue the films of the next round; called while it is frozen."""

    def memory(self) -> Memory:
        return self.group.memory()

    def freeze(self) -> None:
        self.group.freeze()

    def thaw(self) -> None:
        self.group.thaw()

    def end(self) -> None:
        if self._group is not None:
            self._group.end()


class RawLoop(Contestant):
    """Read and score in one process: nothing can be faster that does one film after the other."""

    def start(self) -> float:
        films = map(str, self.around.films)
        group = self.launch([*PYTHON, "bench.peers.raw_loop", *films], talks=True)
        group.answer()
        return time.monotonic() - group.started

    def rate(self, count: int) -> Round:
        return Round(count / (sum(self.alone(count).each_ms) / 1000))

    def alone(self, count: int) -> Alone:
        found = self.group.ask(str(count))
        pairs = zip(found["read_ms"], found["score_ms"], strict=True)
        return Alone([read + score for read, score in pairs], found)


class HttpServer(Contestant):
    """A server that takes a film as an upload and answers with its score."""

    def __init__(
        self, name: str, engine: str, around: Surroundings, command: Sequence[str]
    ) -> None:
        super().__init__(name, engine, around)
        self._port = free_port()
        self._command = [word.format(port=self._port) for word in command]
        self._bodies = [_upload(film.read_bytes()) for film in around.films]

    def start(self) -> float:
        return self.launch(self._command).wait_until(self._answers)

    def rate(self, count: int) -> Round:
        begun = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            shares = [range(first, count, AT_ONCE) for first in range(AT_ONCE)]
            each = [ms for share in pool.map(self._send, shares) for ms in share]
        return Round(count / (time.perf_counter() - begun), each)

    def alone(self, count: int) -> Alone:
        return Alone(self._send(range(count)))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
            return bool(self._send(range(1)))
        return False

    def _send(self, numbers: range) -> list[float]:
        """Post these films over one connection; the milliseconds of each."""
        each = []
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        with contextlib.closing(connection):
            for number in numbers:
                begun = time.perf_counter()
                connection.request(
                    "POST", "/predict", self._bodies[number % len(self._bodies)], _HEADERS
                )
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != http.client.OK or "probability" not in json.loads(body):
                    raise RuntimeError(f"{self.name} answered {answer.status}")
                each.append((time.perf_counter() - begun) * 1000)
        return each


_HEADERS = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


def _upload(film: bytes) -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="film"; filename="film.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + film + f"\r\n--{_BOUNDARY}--\r\n".encode()
