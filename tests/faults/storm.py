"""Random strikes at every kind of process, and what the audit trail says of them afterwards."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

from django.db import connection

from diagnosis.models import AuditEvent, WorkerHeartbeat
from diagnosis.models.clock import db_now
from tests.faults.stack import LEASE, SWEEPER, WORKER, holds_a_lock, leases, stopped, web_command
from tests.servers import free_port

if TYPE_CHECKING:
    import random
    import subprocess
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from tests import servers
    from tests.faults.stack import Kept, Stack

EVERY = 0.8  # seconds between two strikes, on average
LOOK_FOR = 3.0  # seconds in which a strike must find its victim at work
SETTLED = 3.0  # seconds after its start, a sweeper has long been at work


class Storm:
    """Keeps the processes running and strikes at them, by the random generator's choice.

    A web process or worker is struck once it is at work, or it would never get there; and a film
    that was lost before is the first that a new worker takes, and no fault of its own.
    """

    def __init__(
        self, running: Stack, broker: servers.RedisServer, rng: random.Random, *, workers: int
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.deaths: dict[int, datetime] = {}  # of workers, by process id
        self.port = free_port()
        self._running = running
        self._broker = broker
        self._rng = rng
        self._web = running.keep(web_command(self.port))
        self._sweeper = running.keep(SWEEPER)
        self._workers = [running.keep(WORKER) for _ in range(workers)]
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._next = 0.0
        self._deck: list[Callable[[], bool]] = []
        self._strike = self._draw()

    def rage(self, enough: Callable[[], bool], seconds: float) -> None:
        """Strike until it is enough, then make everything good again."""

        def step() -> bool:
            now = time.monotonic()
            self._make_good(now)
            if now >= self._next and (self._strike() or now >= self._next + LOOK_FOR):
                self._next = now + EVERY * self._rng.uniform(0.5, 1.5)
                self._strike = self._draw()
            return enough()

        self._running.wait(step, "the end of the storm", seconds)
        self._make_good(float("inf"))

    def _draw(self) -> Callable[[], bool]:
        """From a shuffled deck, so that no kind waits long for its turn."""
        if not self._deck:
            kills = [self._kill_web, self._kill_sweeper, self._kill_broker]
            rest = [self._end_worker, self._end_web, self._end_sweeper, self._freeze_broker]
            self._deck = [*kills * 2, *[self._kill_worker] * 3, self._freeze_worker, *rest]
            self._rng.shuffle(self._deck)
        return self._deck.pop()

    def _make_good(self, now: float) -> None:
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for _when, mend in due:
            mend()

    def _after(self, low: float, high: float, mend: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + self._rng.uniform(low, high), mend))

    def _kill_worker(self) -> bool:
        process = self._rng.choice(self._workers).process
        if not is_at_work(process):
            return False
        self.deaths[process.pid] = db_now()
        process.kill()
        self.kills["worker"] += 1
        return True

    def _end_worker(self) -> bool:
        process = self._rng.choice(self._workers).process
        if not is_at_work(process):
            return False
        process.terminate()
        self.others["worker ended"] += 1
        return True

    def _freeze_worker(self) -> bool:
        process = self._rng.choice(self._workers).process
        # One inside a transaction would stop every writer of an SQLite file.
        alone = connection.vendor == "sqlite"
        if not stopped(process, lambda: is_at_work(process) and not (alone and holds_a_lock())):
            return False
        span = LEASE.total_seconds()
        self._after(span / 2, 3 * span, lambda: process.send_signal(signal.SIGCONT))
        self.others["worker frozen"] += 1
        return True

    def _kill_web(self) -> bool:
        if not self._web_answers():
            return False
        # All of it, as a power cut would; or the master alone, whose children then leave.
        strike = self._rng.choice([os.killpg, os.kill])
        strike(self._web.process.pid, signal.SIGKILL)
        self.kills["web"] += 1
        return True

    def _end_web(self) -> bool:
        if not self._web_answers():
            return False
        self._web.process.terminate()
        self.others["web ended"] += 1
        return True

    def _web_answers(self) -> bool:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            client.request("GET", "/healthz")
            return client.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def _kill_sweeper(self) -> bool:
        return self._strike_sweeper(signal.SIGKILL, self.kills, "sweeper")

    def _end_sweeper(self) -> bool:
        return self._strike_sweeper(signal.SIGTERM, self.others, "sweeper ended")

    def _strike_sweeper(self, number: signal.Signals, count: Counter[str], name: str) -> bool:
        if not has_settled(self._sweeper):
            return False
        self._sweeper.process.send_signal(number)
        count[name] += 1
        return True

    def _kill_broker(self) -> bool:
        if self._later or not self._broker.is_running():
            return False
        self._broker.kill()
        self._after(0.2, 2.0, self._broker.start)
        self.kills["broker"] += 1
        return True

    def _freeze_broker(self) -> bool:
        if self._later or not self._broker.is_running():
            return False
        self._broker.freeze()
        self._after(0.5, 2.0, self._broker.thaw)
        self.others["broker frozen"] += 1
        return True


def is_at_work(worker: subprocess.Popen[bytes]) -> bool:
    """It holds films, and has been through a batch before."""
    earlier = WorkerHeartbeat.objects.filter(name__contains=f"-{worker.pid}-", films_done__gt=0)
    return earlier.exists() and leases(worker) > 0


def has_settled(kept: Kept) -> bool:
    return time.monotonic() - kept.since > SETTLED


def reruns(deaths: dict[int, datetime]) -> list[timedelta]:
    """From each worker's death, or the last sign of one that slept, to its films' next start.

    By the database's clock alone.
    """
    holders: dict[str, str] = {}
    lost_at: dict[str, datetime] = {}
    found = []
    events = AuditEvent.objects.filter(action__in=["JOB_CLAIM", "JOB_LOSE_LEASE"]).order_by("id")
    for job, action, at, after in events.values_list("object_id", "action", "at", "after"):
        if action == "JOB_LOSE_LEASE":
            died = [t for pid, t in deaths.items() if f"-{pid}-" in holders[job]]
            lost_at[job] = died[0] if died else at - LEASE
        else:
            holders[job] = after["worker"]
            if job in lost_at:
                found.append(at - lost_at.pop(job))
    return found
