"""What a call costs the database server, and what it costs its caller."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from django.db import connection

from bench.simulation.times import Step

if TYPE_CHECKING:
    from collections.abc import Callable

_FLUSHES = 60
_NOISE = 100  # bytes of log a call, which PostgreSQL writes for itself now and then


class Meter:
    """Watches the one server process behind Django's connection (PostgreSQL on Linux)."""

    def __init__(self, megabytes_a_second: float) -> None:
        self._bytes_a_ms = megabytes_a_second * 1000
        self._backend = int(_asked("SELECT pg_backend_pid()"))
        self.flush_ms = _flush_ms()

    def step(self, call: Callable[[], object], count: int) -> Step:
        """The step of one of `count` calls."""
        written, used = _log_bytes(), cpu_seconds(self._backend)
        wall = median(wall_ms(call, count))
        cores_ms = (cpu_seconds(self._backend) - used) * 1000 / count
        logged = (_log_bytes() - written) / count
        log_ms = logged / self._bytes_a_ms if logged > _NOISE else 0.0
        flush_ms = self.flush_ms if log_ms else 0.0
        return Step(cores_ms, log_ms, max(0.0, wall - cores_ms - log_ms - flush_ms))


def wall_ms(call: Callable[[], object], count: int) -> list[float]:
    each = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        each.append((time.perf_counter() - begun) * 1000)
    return each


def cpu_seconds(pid: int) -> float:
    """Of the process's main thread; PostgreSQL's and Redis's work is done in it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _asked(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (value,) = cursor.fetchone()
    return value


def _log_bytes() -> int:
    return int(_asked("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


def _flush_ms() -> float:
    """How much longer a commit takes that waits for the disk."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_flush AS SELECT 1 AS n")
        found = []

        def change() -> None:
            cursor.execute("UPDATE bench_flush SET n = n + 1")

        for setting in ("on", "off"):
            cursor.execute(f"SET synchronous_commit = {setting}")
            found.append(median(wall_ms(change, _FLUSHES)))
        cursor.execute("RESET synchronous_commit")
        cursor.execute("DROP TABLE bench_flush")
    durable, quick = found
    return max(0.0, durable - quick)
