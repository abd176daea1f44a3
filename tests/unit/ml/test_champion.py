"""The rule that chooses the champion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.reports.champion import MARGIN, Candidate, choose

GOOD = {"milliseconds": 10.0, "megabytes": 5.0, "explains": True, "is_binary": True}


def candidate(name: str, hard_auc: float, **facts: float | bool) -> Candidate:
    return Candidate(name=name, hard_auc=hard_auc, **{**GOOD, **facts})  # type: ignore[arg-type]


def test_the_fastest_of_the_equals_wins() -> None:
    found = choose(
        [
            candidate("best", 0.990, milliseconds=40.0),
            candidate("fast", 0.990 - MARGIN / 2, milliseconds=10.0),
            candidate("faster but worse", 0.990 - MARGIN * 2, milliseconds=1.0),
        ]
    )
    assert found["name"] == "fast"
    assert found["verdicts"]["best"] == "as good, but slower"
    assert "below the best" in found["verdicts"]["faster but worse"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"megabytes": 31.0}, "too large"),
        ({"explains": False}, "no exact activation map"),
        ({"is_binary": False}, "yes-or-no"),
    ],
)
def test_what_cannot_be_a_bundle_never_wins(facts: dict[str, float | bool], why: str) -> None:
    found = choose([candidate("barred", 1.0, **facts), candidate("allowed", 0.6)])
    assert found["name"] == "allowed"
    assert why in found["verdicts"]["barred"]
    alone = choose([candidate("barred", 1.0, **facts)])
    assert alone["name"] == ""
    assert why in alone["verdicts"]["barred"]


candidates = st.lists(
    st.builds(
        Candidate,
        name=st.uuids().map(str),
        hard_auc=st.floats(0.5, 1),
        milliseconds=st.floats(0.1, 1000),
        megabytes=st.floats(1, 30),
        explains=st.just(value=True),
        is_binary=st.just(value=True),
    ),
    min_size=1,
    max_size=8,
)


@given(candidates, st.randoms())
def test_the_order_given_decides_nothing(given_: list[Candidate], rng: object) -> None:
    mixed = list(given_)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert choose(mixed)["name"] == choose(given_)["name"]


@given(candidates)
def test_the_champion_is_never_much_worse_than_the_best(given_: list[Candidate]) -> None:
    winner = choose(given_)["name"]
    (auc,) = [c.hard_auc for c in given_ if c.name == winner]
    assert auc >= max(c.hard_auc for c in given_) - MARGIN
