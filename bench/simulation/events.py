"""The installation as events: submits arrive, bells ring, workers claim, read, score and record."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Any

import simpy

from bench.simulation.capacity import BROKER, CPU, LOG, STORE, WORKERS
from bench.simulation.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.simulation.times import Plan, Step, Times

    Happening = Generator[Any, Any, None]


class _Log:
    """The write-ahead log: one writer, and one flush for all that came during the last."""

    def __init__(self, env: simpy.Environment, flush: float) -> None:
        self._env, self._flush = env, flush
        self._waiting: list[tuple[float, simpy.Event]] = []
        self._called = env.event()
        env.process(self._write())

    def commit(self, seconds: float) -> simpy.Event:
        durable = self._env.event()
        self._waiting.append((seconds, durable))
        if not self._called.triggered:
            self._called.succeed()
        return durable

    def _write(self) -> Happening:
        while True:
            yield self._called
            self._called = self._env.event()
            while self._waiting:
                batch, self._waiting = self._waiting, []
                yield self._env.timeout(self._flush + sum(seconds for seconds, _ in batch))
                for _, durable in batch:
                    durable.succeed()


class Installation:
    """One database, one broker, one film store, one sweeper, and workers."""

    def __init__(self, times: Times, plan: Plan, *, workers: int, rate: float) -> None:
        self._env = env = simpy.Environment()
        self._times, self._plan, self._rate = times, plan, rate
        self._arrivals, self._starts = random.Random(1), random.Random(2)  # noqa: S311 (the same in each run)
        self._cores = simpy.Resource(env, times.cores)
        self._broker, self._store = simpy.Resource(env), simpy.Resource(env)
        self._log = _Log(env, times.flush_ms / 1000)
        self._bells = simpy.Store(env)
        self._queue: deque[float] = deque()  # when each waiting film was committed
        self._held = 0  # rows in claims that are open
        self._used = dict.fromkeys((WORKERS, CPU, LOG, BROKER, STORE), 0.0)
        self._waits: list[float] = []
        self._backlog = 0
        self._workers = workers
        env.process(self._submits())
        env.process(self._sweeper())
        for _ in range(workers):
            env.process(self._worker())

    def run(self, *, warm_up: float, window: float) -> Outcome:
        self._env.run(until=warm_up)
        self._used = dict.fromkeys(self._used, 0.0)
        self._waits = []
        before = self._backlog
        self._env.run(until=warm_up + window)
        servers = {WORKERS: self._workers, CPU: self._times.cores}
        used = {
            name: min(seconds / window / servers.get(name, 1), 1.0)
            for name, seconds in self._used.items()
        }
        done, grown = len(self._waits) / window, self._backlog - before
        return Outcome(self._workers, self._rate, done, self._waits, used, grown)

    def _submits(self) -> Happening:
        while True:
            yield self._env.timeout(self._arrivals.expovariate(self._rate))
            self._backlog += 1
            self._env.process(self._submit())

    def _submit(self) -> Happening:
        yield from self._use(self._store, STORE, self._times.film_mb / self._times.store_mb_s)
        yield from self._transaction(self._times.steps["submit"])
        self._queue.append(self._env.now)
        yield from self._ring()

    def _sweeper(self) -> Happening:
        while True:
            yield self._env.timeout(self._plan.sweep_s)
            yield from self._transaction(self._times.steps["sweep"])

    def _worker(self) -> Happening:
        """As worker/process.py: a bell rings again after a batch, a poll looks again at once."""
        yield self._env.timeout(self._starts.uniform(0, self._plan.poll_s))
        drains = False
        while True:
            heard = False
            if not drains:
                bell, poll = self._bells.get(), self._env.timeout(self._plan.poll_s)
                yield bell | poll
                heard = bool(bell.triggered)
                if not heard:
                    bell.cancel()
            begun = self._env.now
            count = yield from self._batch()
            self._used[WORKERS] += (self._env.now - begun) if count else 0.0
            drains = bool(count) and not heard
            if count and heard:
                yield from self._ring()

    def _batch(self) -> Generator[Any, Any, int]:
        films = [self._queue.popleft() for _ in range(min(self._plan.batch, len(self._queue)))]
        times, steps = self._times, self._times.steps
        extra = self._held * times.skip_ms / 1000
        self._held += len(films)
        yield from self._transaction(
            steps["look"], extra, steps["claim"] if films else None, len(films)
        )
        self._held -= len(films)
        if films:
            yield from self._analyse(films)
        return len(films)

    def _analyse(self, films: list[float]) -> Happening:
        times, steps, count = self._times, self._times.steps, len(films)
        yield from self._use(self._store, STORE, count * times.film_mb / times.store_mb_s)
        seconds = count * times.film_ms / 1000
        yield self._env.timeout(seconds)
        for _ in range(int(seconds // (self._plan.lease_s / 4))):
            yield from self._transaction(steps["heartbeat"])
        yield from self._transaction(steps["record"], 0.0, steps["result"], count - 1)
        self._waits += [self._env.now - committed for committed in films]
        self._backlog -= count
        yield from self._transaction(steps["seen"])

    def _ring(self) -> Happening:
        yield from self._use(self._broker, BROKER, self._times.message_ms / 1000)
        yield self._bells.put(None)

    def _transaction(
        self, step: Step, extra: float = 0.0, each: Step | None = None, count: int = 0
    ) -> Happening:
        """The step, with `extra` seconds on the cores, and another step `count` times within it."""
        client, cores, log = step.client_ms, step.cores_ms, step.log_ms
        if each:
            client += count * each.client_ms
            cores += count * each.cores_ms
            log += count * each.log_ms
        yield self._env.timeout(client / 1000)
        yield from self._use(self._cores, CPU, cores / 1000 + extra)
        if log:
            self._used[LOG] += log / 1000
            yield self._log.commit(log / 1000)

    def _use(self, resource: simpy.Resource, name: str, seconds: float) -> Happening:
        with resource.request() as turn:
            yield turn
            yield self._env.timeout(seconds)
            self._used[name] += seconds


def simulate(times: Times, plan: Plan, *, workers: int, rate: float, window: float) -> Outcome:
    """One window of that many workers under that many films a second. The same call, the same events."""
    installation = Installation(times, plan, workers=workers, rate=rate)
    return installation.run(warm_up=window / 3, window=window)
