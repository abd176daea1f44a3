"""The arithmetic: what a film costs each resource, and so what no number of workers can pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.simulation.times import Plan, Step, Times

WORKERS, CPU, LOG, BROKER, STORE = (
    "workers", "database CPU", "database log", "broker", "film store",
)  # fmt: skip
SHARED = (CPU, LOG, BROKER, STORE)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most films a second, and what is full then."""

    resource: str
    rate: float


def times_of_a_film(plan: Plan) -> Mapping[str, float]:
    """How often a film takes each step while batches are full."""
    return {
        "submit": 1.0, "claim": 1.0, "result": (plan.batch - 1) / plan.batch,
        **dict.fromkeys(("look", "record", "seen"), 1 / plan.batch),
    }  # fmt: skip


def demand(times: Times, plan: Plan) -> dict[str, float]:
    """Seconds of each shared resource that a film costs; of the cores, seconds of one core."""
    counts = times_of_a_film(plan)
    return {
        CPU: sum(count * times.steps[name].cores_ms for name, count in counts.items()) / 1000,
        LOG: sum(count * times.steps[name].log_ms for name, count in counts.items()) / 1000,
        # One bell of the study, one of each batch that found something.
        BROKER: (1 + 1 / plan.batch) * times.message_ms / 1000,
        STORE: 2 * times.film_mb / times.store_mb_s,  # written once, read once
    }


def seconds_per_film(times: Times, plan: Plan) -> float:
    """What a film takes a worker in a full batch when nobody else is there."""
    steps = times.steps
    reading = times.film_mb / times.store_mb_s
    per_batch = sum(_busy(steps[name]) for name in ("look", "record", "seen"))
    per_batch += (plan.batch - 1) * _busy(steps["result"])
    per_batch += 3 * times.flush_ms / 1000 + times.message_ms / 1000
    return times.film_ms / 1000 + reading + _busy(steps["claim"]) + per_batch / plan.batch


def bounds(times: Times, plan: Plan, workers: int) -> dict[str, float]:
    """Films a second that each resource allows if all others were endless."""
    needed = demand(times, plan)
    servers = {CPU: times.cores}
    shared = {
        name: servers.get(name, 1) / seconds if seconds else math.inf
        for name, seconds in needed.items()
    }
    return {WORKERS: workers / seconds_per_film(times, plan), **shared}


def limit(times: Times, plan: Plan, workers: int) -> Limit:
    """What is full first."""
    found = bounds(times, plan, workers)
    resource = min(found, key=found.__getitem__)
    return Limit(resource, found[resource])


def shared_limit(times: Times, plan: Plan) -> Limit:
    """What is full first however many workers there are."""
    found = bounds(times, plan, 1)
    resource = min(SHARED, key=found.__getitem__)
    return Limit(resource, found[resource])


def workers_for(rate: float, times: Times, plan: Plan) -> int:
    """The fewest workers that keep up with that many films a second."""
    return max(1, math.ceil(rate * seconds_per_film(times, plan)))


def shares(times: Times, plan: Plan, resource: str) -> dict[str, float]:
    """Which step takes how much of the database's cores or log, largest first; they add up to 1."""
    part = "cores_ms" if resource == CPU else "log_ms"
    costs = {
        name: count * float(getattr(times.steps[name], part))
        for name, count in times_of_a_film(plan).items()
    }
    total = sum(costs.values()) or 1.0
    return {
        name: costs[name] / total for name in sorted(costs, key=costs.__getitem__, reverse=True)
    }


def polling(times: Times, plan: Plan, workers: int) -> float:
    """The share of the database's cores that idle workers take by looking for work."""
    look = times.steps["look"].cores_ms / 1000
    return workers * look / plan.poll_s / times.cores


def lighter(times: Times, step: str, factor: float) -> Times:
    """The same installation, with one step at that fraction of its cost to the database."""
    old = times.steps[step]
    new = replace(old, cores_ms=old.cores_ms * factor, log_ms=old.log_ms * factor)
    return replace(times, steps={**times.steps, step: new})


def _busy(step: Step) -> float:
    return (step.cores_ms + step.log_ms + step.client_ms) / 1000
