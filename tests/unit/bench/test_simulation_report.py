"""What is said of the simulation follows from its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.simulation import report
from bench.simulation.capacity import BROKER, CPU, LOG, SHARED, STORE, WORKERS
from bench.simulation.outcome import Outcome
from bench.simulation.report import Pressed
from bench.simulation.times import STEPS, Plan, Step, Times

PLAN = Plan()
TIMES = Times(
    film_ms=40,
    film_mb=0.2,
    cores=2,
    flush_ms=1,
    skip_ms=0.01,
    message_ms=0.1,
    store_mb_s=1000,
    steps={name: Step(cores_ms=1, log_ms=0.01, client_ms=2) for name in STEPS},
)


def outcome(
    workers: int, done: float, *, grown: int = 0, used: dict[str, float] | None = None
) -> Outcome:
    shares = dict.fromkeys((*SHARED, WORKERS), 0.1) | (used or {})
    return Outcome(workers, 100.0, done, [0.1, 0.2, 0.3], shares, grown)


def conclusion(times: Times, rates: dict[int, float], most_a_day: float = 1e6) -> str:
    by_workers = [outcome(workers, done) for workers, done in rates.items()]
    pressed = Pressed(by_workers, by_workers[-1])
    return "\n".join(report.conclusion(times, PLAN, most_a_day, pressed))


def heavy(step: str) -> Times:
    return replace(TIMES, steps={**TIMES.steps, step: Step(30, 0.01, 2)})


@pytest.mark.parametrize(
    ("times", "first", "change"),
    [
        (heavy("result"), CPU, "activation maps beside the films"),
        (heavy("submit"), CPU, "a study's films together"),
        (replace(TIMES, cores=1000, message_ms=50), BROKER, "one bell for several studies"),
        (replace(TIMES, cores=1000, store_mb_s=1), STORE, "several stores"),
    ],
)
def test_names_what_is_full_first_and_what_to_change(times: Times, first: str, change: str) -> None:
    told = conclusion(times, {1: 20, 2: 40})
    assert f"the {first} is full first" in told
    assert change in told


def test_says_from_where_on_more_workers_bring_nothing() -> None:
    told = conclusion(TIMES, {8: 100, 16: 200, 32: 205, 1000: 60})
    assert "at most 205 films/s, with 32 workers; past 16 workers" in told
    assert "1000 do 60 films/s" in told


def test_says_that_more_workers_still_help() -> None:
    assert "each doubling still helps" in conclusion(TIMES, {1: 20, 2: 40, 4: 79})


def test_says_whether_the_day_can_be_done() -> None:
    assert "workers or more" in conclusion(TIMES, {1: 20}, most_a_day=1e6)
    assert "times what the database CPU can do" in conclusion(TIMES, {1: 20}, most_a_day=1e9)


def test_a_full_resource_goes_before_full_workers() -> None:
    assert outcome(1, 1.0, used={LOG: 0.99, WORKERS: 1.0}).full == LOG
    assert outcome(1, 1.0, used={WORKERS: 1.0}).full == WORKERS
    assert outcome(1, 1.0).full == ""


def test_a_wait_is_told_only_where_the_backlog_stands_still() -> None:
    lines = {"a day": [outcome(1, 50.0), outcome(2, 50.0, grown=1000)]}
    steady, growing = list(report.table(lines))[2:]
    assert "| 0.20 |" in steady
    assert "| grows |" in growing
