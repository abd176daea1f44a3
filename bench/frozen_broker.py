"""python -m bench.frozen_broker: what a submission costs while the broker is frozen (Linux).

A web process, its database and its broker of their own; clients submit at a steady pace, first with
the broker well, then with it stopped. Bound: the 99th percentile rises by at most 1.5 s.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import servers
from tests.faults import web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS = 4
PAUSE = 0.4  # seconds between two submissions of one client
BOUND = 1.5


@dataclass(frozen=True)
class Measured:
    """The answers of one phase: how many of each status, and the seconds that each took."""

    statuses: Counter[int]
    seconds: list[float]

    def percentile(self, percent: int) -> float:
        ordered = sorted(self.seconds)
        return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def measure(submit: Callable[[], int], seconds: float, clients: int = CLIENTS) -> Measured:
    """Submit from so many clients for so many seconds; `submit` returns the HTTP status."""
    ends, pause = time.monotonic() + seconds, threading.Event()

    def work() -> list[tuple[int, float]]:
        answers = []
        while time.monotonic() < ends:
            start = time.monotonic()
            answers.append((submit(), time.monotonic() - start))
            pause.wait(PAUSE)
        return answers

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(work) for _ in range(clients)]
        answers = [answer for each in running for answer in each.result()]
    return Measured(Counter(status for status, _ in answers), [took for _, took in answers])


def table(before: Measured, frozen: Measured) -> str:
    lines = ["| broker | submissions | answers | p50 s | p99 s |", "|---|---:|---|---:|---:|"]
    for name, each in (("well", before), ("frozen", frozen)):
        answers = ", ".join(f"{count} x {status}" for status, count in each.statuses.items())
        lines.append(
            f"| {name} | {len(each.seconds)} | {answers} "
            f"| {each.percentile(50):.3f} | {each.percentile(99):.3f} |"
        )
    added = frozen.percentile(99) - before.percentile(99)
    return "\n".join([*lines, "", f"Added p99: {added:.3f} s (bound: {BOUND} s)."])


@contextlib.contextmanager
def installation(*, postgres: bool) -> Iterator[tuple[web.Client, servers.RedisServer]]:
    """A client of a web process that has everything of its own, and its broker."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pn-bench-")))
        broker = stack.enter_context(servers.redis() if postgres else servers.valkey())
        database = (
            stack.enter_context(servers.postgres()).url
            if postgres
            else f"sqlite:///{folder / 'bench.sqlite3'}"
        )
        env = {
            **os.environ,
            "DEBUG": "1",
            "PNEUMO_ENGINE": "fake",
            "PNEUMO_DATA_DIR": str(folder),
            "DATABASE_URL": database,
            "REDIS_URL": broker.url,
        }
        token = web.install(env)
        served = stack.enter_context(web.Web(folder, env))
        yield web.Client(served.port, token), broker


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.frozen_broker", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each phase")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite; with Redis")
    options = parser.parse_args()
    film = web.drawn()
    with installation(postgres=options.postgres) as (client, broker):

        def submit() -> int:
            return client.submit(web.Order(film)).status

        measure(submit, 2)  # warms up
        before = measure(submit, options.seconds)
        broker.freeze()
        frozen = measure(submit, options.seconds)
    database = "PostgreSQL and Redis" if options.postgres else "SQLite and Valkey"
    cores = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    print(f"{database}, {CLIENTS} clients, {options.seconds:g} s a phase, {cores}.\n")
    print(table(before, frozen))
    return 0 if frozen.percentile(99) - before.percentile(99) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
