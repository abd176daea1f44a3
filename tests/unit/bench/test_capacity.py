"""The simulation's arithmetic keeps the laws of anything that has limits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulation import capacity, times
from bench.simulation.capacity import CPU, LOG, SHARED, STORE, WORKERS
from bench.simulation.times import DAY, STEPS, Plan, Step, Times

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan()
ms = st.floats(0.01, 100)
steps = st.builds(Step, cores_ms=ms, log_ms=ms, client_ms=ms)
installations = st.builds(
    Times,
    film_ms=ms,
    film_mb=st.floats(0.01, 50),
    cores=st.integers(1, 64),
    flush_ms=ms,
    skip_ms=ms,
    message_ms=ms,
    store_mb_s=st.floats(1, 10_000),
    steps=st.fixed_dictionaries(dict.fromkeys(STEPS, steps)),
)
PLAIN = Times(
    film_ms=40,
    film_mb=0.2,
    cores=4,
    flush_ms=1,
    skip_ms=0,
    message_ms=0.1,
    store_mb_s=200,
    steps={name: Step(cores_ms=1, log_ms=0.1, client_ms=2) for name in STEPS},
)


@given(installations, st.integers(1, 1000))
def test_twice_the_workers_do_twice_the_films_until_something_shared_is_full(
    found: Times, workers: int
) -> None:
    once, twice = (capacity.bounds(found, PLAN, count) for count in (workers, 2 * workers))
    assert twice[WORKERS] == pytest.approx(2 * once[WORKERS])
    assert all(twice[name] == once[name] for name in SHARED)


@given(installations, st.integers(1, 1000))
def test_nothing_passes_any_bound(found: Times, workers: int) -> None:
    limit = capacity.limit(found, PLAN, workers)
    bounds = capacity.bounds(found, PLAN, workers)
    assert limit.rate == bounds[limit.resource] == min(bounds.values())
    assert limit.rate <= capacity.shared_limit(found, PLAN).rate


@given(installations, st.sampled_from(STEPS), st.floats(0, 1))
def test_a_lighter_step_never_lowers_a_bound(found: Times, step: str, factor: float) -> None:
    before = capacity.bounds(found, PLAN, 8)
    after = capacity.bounds(capacity.lighter(found, step, factor), PLAN, 8)
    assert all(after[name] >= before[name] * (1 - 1e-9) for name in before)


@given(installations)
def test_larger_batches_never_cost_more_of_anything(found: Times) -> None:
    # A further result costs at most what the first one of a batch does.
    found = replace(found, steps={**found.steps, "result": found.steps["record"]})
    small, large = (capacity.demand(found, Plan(batch=size)) for size in (1, 8))
    assert all(large[name] <= small[name] * (1 + 1e-9) for name in SHARED)


@given(installations, st.floats(0.1, 1000))
def test_as_many_workers_as_are_needed_keep_up_and_one_less_does_not(
    found: Times, rate: float
) -> None:
    count = capacity.workers_for(rate, found, PLAN)
    assert capacity.bounds(found, PLAN, count)[WORKERS] >= rate * (1 - 1e-9)
    if count > 1:
        assert capacity.bounds(found, PLAN, count - 1)[WORKERS] < rate * (1 + 1e-9)


@given(installations, st.sampled_from([CPU, LOG]))
def test_shares_are_of_a_whole_and_the_largest_comes_first(found: Times, resource: str) -> None:
    shares = list(capacity.shares(found, PLAN, resource).values())
    assert math.isclose(sum(shares), 1)
    assert shares == sorted(shares, reverse=True)


def test_the_bounds_of_a_plain_installation_by_hand() -> None:
    found = capacity.bounds(PLAIN, PLAN, 10)
    # submit, claim and result are 1 ms each, look and sign of life 1 ms each for eight films.
    assert found[CPU] == pytest.approx(4 / 0.00325)
    assert found[LOG] == pytest.approx(1 / 0.000325)
    assert found[STORE] == pytest.approx(1 / 0.002)
    # film 40, read 1, claim and result 3.1 each; look, sign of life, three flushes, a bell.
    assert found[WORKERS] == pytest.approx(10 / (0.040 + 0.001 + 0.0062 + 0.0093 / 8))
    assert capacity.shared_limit(PLAIN, PLAN).resource == STORE


def test_idle_workers_load_the_database_by_their_number() -> None:
    assert capacity.polling(PLAIN, PLAN, 1000) == pytest.approx(1000 * 0.001 / 2 / 4)


@given(st.floats(1, 1e9))
def test_a_day_and_its_busiest_hour_are_two_words_for_one_load(films: float) -> None:
    rate = times.peak_rate(films)
    assert times.films_a_day(rate) == pytest.approx(films)
    assert films / 86_400 < rate < films / 3600
    assert len(DAY) == 24


def test_times_are_the_same_after_a_file(tmp_path: Path) -> None:
    times.save(PLAIN, tmp_path / "times.json")
    assert times.load(tmp_path / "times.json") == PLAIN


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (replace(PLAIN, film_ms=0), "film_ms"),
        (replace(PLAIN, flush_ms=-1), "flush_ms"),
        (replace(PLAIN, steps={}), "lack"),
        (replace(PLAIN, steps={**PLAIN.steps, "look": Step(-1, 0, 0)}), r"look\.cores_ms"),
    ],
)
def test_impossible_times_are_refused(tmp_path: Path, broken: Times, why: str) -> None:
    times.save(broken, tmp_path / "times.json")
    with pytest.raises(times.TimesError, match=why):
        times.load(tmp_path / "times.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": {"look": {"cores": 1}}}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    with pytest.raises(times.TimesError, match=r"times\.json"):
        times.load(path)
