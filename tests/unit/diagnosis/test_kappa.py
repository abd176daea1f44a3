"""Cohen's kappa: laws, an example by hand, another implementation, and the interval by its gradient."""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from diagnosis.queries.kappa import _variance, agreement

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table = list[list[int]]


def tables(size: int, least: int = 0) -> st.SearchStrategy[Table]:
    row = st.lists(st.integers(least, 40), min_size=size, max_size=size)
    return st.lists(row, min_size=size, max_size=size)


any_table = st.sampled_from([2, 3]).flatmap(tables)


def test_an_example_by_hand() -> None:
    # 35 of 50 agree; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; so (0.7 - 0.5) / (1 - 0.5).
    # Var = (A + B - C) / (50 * 0.5**4) with A = 0.4 * (0.5 - 1.1 * 0.3)**2 + 0.3 * (0.5 - 0.9 * 0.3)**2
    # = 0.02743, B = 0.3**2 * (0.1 * 1.1**2 + 0.2 * 0.9**2) = 0.02547, C = (0.35 - 1 + 0.7)**2 = 0.0025.
    found = agreement([[20, 5], [10, 15]])
    assert (found.n, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    spread = 1.959964 * math.sqrt((0.02743 + 0.02547 - 0.0025) / (50 * 0.5**4))
    assert found.low == pytest.approx(0.4 - spread, abs=1e-6)
    assert found.high == pytest.approx(0.4 + spread, abs=1e-6)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=3))
def test_perfect_agreement_is_one(diagonal: list[int]) -> None:
    table = np.diag(diagonal).tolist()
    found = agreement(table)
    assert [found.kappa, found.low, found.high] == pytest.approx([1, 1, 1], abs=1e-6)
    assert found.share == 1


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=3),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
)
def test_independence_is_zero(rows: list[int], columns: list[int]) -> None:
    found = agreement(np.outer(rows, columns[: len(rows)]).tolist())
    assert found.kappa == pytest.approx(0, abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0 <= found.high


@given(any_table)
def test_it_does_not_matter_who_is_named_first(table: Table) -> None:
    one, other = agreement(table), agreement(np.transpose(table).tolist())
    assert one.kappa == pytest.approx(other.kappa)
    assert one.low == pytest.approx(other.low)
    assert one.high == pytest.approx(other.high)


@given(tables(3))
def test_nor_how_the_categories_are_named(table: Table) -> None:
    found = agreement(table)
    for order in permutations(range(3)):
        again = agreement([[table[i][j] for j in order] for i in order])
        assert again.kappa == pytest.approx(found.kappa)
        assert again.low == pytest.approx(found.low, abs=1e-9)


@given(any_table)
def test_it_lies_in_its_interval_and_that_in_its_range(table: Table) -> None:
    found = agreement(table)
    if found.kappa is not None and found.low is not None and found.high is not None:
        assert -1 <= found.low <= found.kappa + 1e-12
        assert found.kappa - 1e-12 <= found.high <= 1


@given(any_table)
def test_another_implementation_says_the_same(table: Table) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    found = agreement(table)
    assume(found.kappa is not None)
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    one, other = zip(*cells, strict=True)
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(one, other))


def _kappa(p: NDArray[np.float64]) -> float:
    by_chance = float(p.sum(axis=1) @ p.sum(axis=0))
    return float((np.trace(p) - by_chance) / (1 - by_chance))


@given(st.sampled_from([2, 3]).flatmap(lambda size: tables(size, least=1)))
def test_the_variance_is_that_of_the_multinomial_by_the_gradient(table: Table) -> None:
    """The delta method, with a gradient by small steps instead of the paper's equation."""
    p = np.array(table, dtype=float) / np.sum(table)
    step, gradient = 1e-6, np.zeros(p.size)
    for cell in range(p.size):
        away = np.zeros(p.size)
        away[cell] = step
        moved = away.reshape(p.shape)
        gradient[cell] = (_kappa(p + moved) - _kappa(p - moved)) / (2 * step)
    flat = p.ravel()
    expected = float(gradient**2 @ flat - (gradient @ flat) ** 2)
    found = _variance(p.tolist(), p.sum(axis=1).tolist(), p.sum(axis=0).tolist())
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[7, 0], [0, 0]]])
def test_without_cases_or_a_second_category_there_is_none(table: Table) -> None:
    found = agreement(table)
    assert (found.kappa, found.low, found.high) == (None, None, None)
