"""The simulation's tables and sentences. Every number in them is computed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.simulation import capacity
from bench.simulation.capacity import BROKER, CPU, LOG, SHARED, STORE, WORKERS
from bench.simulation.times import films_a_day, peak_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.simulation.outcome import Outcome
    from bench.simulation.times import Plan, Times

COLUMNS = (
    "workers", "films a day", "films/s offered", "films/s done", "p95 wait s", *SHARED, WORKERS,
    "full",
)  # fmt: skip
HELPS = 1.1  # twice the workers that bring less than this bring nothing
# What to change where a step takes most of the database.
LIGHTER = {
    "submit": "submit a study's films together, which shares its transaction",
    "claim": "tell of a claimed batch in one audit event",
    "record": "claim larger batches (PNEUMO_BATCH_SIZE)",
    "result": "keep activation maps beside the films, and tell of a batch in one audit event",
    "look": "claim larger batches (PNEUMO_BATCH_SIZE)",
    "seen": "write a worker's sign of life less often than each batch",
}
CHANGES = {
    BROKER: "send one bell for several studies, or none while bells wait",
    STORE: "spread films over several stores, or keep them on a faster one",
}


@dataclass(frozen=True, slots=True)
class Pressed:
    """The windows with more films than the design can do."""

    by_workers: Sequence[Outcome]
    last_without_skipping: Outcome  # the last one, were claims free of each other's rows


def table(lines: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    """One row for each simulated window, by the films of a day."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---:|' * (len(COLUMNS) - 1)}---|"
    for offered, outcomes in lines.items():
        for outcome in outcomes:
            used = [f"{outcome.used[name]:.0%}" for name in (*SHARED, WORKERS)]
            rates = [f"{rate:.1f}" for rate in (outcome.offered, outcome.done)]
            cells = [str(outcome.workers), offered, *rates, _wait(outcome), *used]
            yield f"| {' | '.join(cells)} | {outcome.full or 'nothing'} |"


def _wait(outcome: Outcome) -> str:
    """A wait that grows with the window is no wait but a queue."""
    if not outcome.waits or not outcome.keeps_up:
        return "grows"
    waits = sorted(outcome.waits)
    return f"{waits[int(0.95 * (len(waits) - 1))]:.2f}"


def conclusion(times: Times, plan: Plan, most_a_day: float, pressed: Pressed) -> Iterator[str]:
    """Where it breaks, whether that matters, and what to change."""
    first = capacity.shared_limit(times, plan)
    crowd = capacity.workers_for(first.rate, times, plan)
    yield (
        f"With more and more workers the {first.resource} is full first: at {first.rate:.0f} films/s, "
        f"a day of {films_a_day(first.rate) / 1e6:.1f} million films, which takes {crowd} workers of "
        f"{1 / capacity.seconds_per_film(times, plan):.1f} films/s."
    )
    yield _seen(pressed)
    yield _demand(times, plan, most_a_day)
    yield f"What to change first: {advice(times, plan)}."
    yield _polling(times, plan, pressed.by_workers[-1].workers)


def _seen(pressed: Pressed) -> str:
    best = max(pressed.by_workers, key=lambda outcome: outcome.done)
    told = f"Simulated, it does at most {best.done:.0f} films/s, with {best.workers} workers"
    for fewer, more in pairwise(pressed.by_workers):
        if more.done < HELPS * fewer.done:
            last, free = pressed.by_workers[-1], pressed.last_without_skipping
            what = more.full or fewer.full or "waiting for each other"
            return (
                f"{told}; past {fewer.workers} workers more bring next to nothing ({what}), and "
                f"{last.workers} do {last.done:.0f} films/s, or {free.done:.0f} if no claim had to "
                "step over rows that other claims hold."
            )
    return f"{told}; each doubling still helps."


def _demand(times: Times, plan: Plan, most_a_day: float) -> str:
    rate, first = peak_rate(most_a_day), capacity.shared_limit(times, plan)
    needed = capacity.workers_for(rate, times, plan)
    told = f"{most_a_day / 1e6:g} million films a day are {rate:.0f} films/s in the busiest hour"
    if rate <= first.rate:
        return (
            f"{told}: {needed} workers or more, and the {first.resource} is at "
            f"{rate / first.rate:.0%} then."
        )
    return f"{told}: {rate / first.rate:.1f} times what the {first.resource} can do."


def advice(times: Times, plan: Plan) -> str:
    """For whatever is full first: of the database, the step that takes most of it."""
    first = capacity.shared_limit(times, plan)
    if first.resource not in {CPU, LOG}:
        return CHANGES[first.resource]
    step, share = next(iter(capacity.shares(times, plan, first.resource).items()))
    halved = capacity.shared_limit(capacity.lighter(times, step, 0.5), plan)
    return (
        f"{LIGHTER[step]}, because {step} takes {share:.0%} of the {first.resource}; at half of "
        f"that the limit is {halved.rate:.0f} films/s ({halved.resource})"
    )


def _polling(times: Times, plan: Plan, workers: int) -> str:
    share = capacity.polling(times, plan, workers)
    return (
        f"{workers} idle workers that look every {plan.poll_s:g} s take {share:.0%} of the database's "
        "cores; a longer PNEUMO_POLL_INTERVAL takes less."
    )
