"""The bench compares like with like."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.peers import tables
from bench.peers.contestants import Alone, Round
from bench.peers.processes import Memory
from bench.peers.scorers import KERAS, OPENVINO, PREDICT, Scorer
from tests import films

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.model
def test_every_way_to_run_the_model_gives_the_same_score(
    committed_bundle: Path, openvino_cache: Path
) -> None:
    film = films.as_jpeg(films.chest(4, haze=0.5))
    found = [
        Scorer(engine, committed_bundle, openvino_cache, gate=True)(film)
        for engine in (PREDICT, KERAS, OPENVINO)
    ]
    assert np.ptp(found) < 1e-4


@pytest.mark.model
def test_what_the_gate_refuses_is_no_film_for_the_bench(
    committed_bundle: Path, openvino_cache: Path
) -> None:
    blank = films.as_jpeg(np.zeros((600, 500), np.uint16))
    scorer = Scorer(OPENVINO, committed_bundle, openvino_cache, gate=True)
    with pytest.raises(TypeError, match="gate"):
        scorer(blank)


class Named:
    """A contestant that only has a name and films."""

    def __init__(self, name: str, film: Path) -> None:
        self.name = name
        self.around = argparse.Namespace(films=[film])


def entry(name: str, film: Path, rates: list[float], ms: list[float]) -> tables.Entry:
    contestant: Any = Named(name, film)
    parts = {"read_ms": ms, "score_ms": ms, "accepted_ms": ms}
    rounds, alone = [Round(rate) for rate in rates], [Alone(ms, parts)]
    return tables.Entry(contestant, 1.5, rounds, alone, Memory(200, 100))


def test_a_ratio_compares_rounds_that_were_taken_side_by_side(tmp_path: Path) -> None:
    """A busy moment that halves both rates leaves the ratio alone."""
    mine = entry("mine", tmp_path, [20, 10, 20], [1])
    theirs = entry("theirs", tmp_path, [10, 5, 10], [1])
    assert tables.times(mine, theirs) == 2


def test_the_report_holds_each_goal_against_what_was_measured(tmp_path: Path) -> None:
    film = tmp_path / "film.jpg"
    film.write_bytes(bytes(1000))
    entries = [
        entry(tables.RAW, film, [40, 40], [25]),
        entry(tables.PREDICT, film, [8, 8], [125]),
        entry("Pneumo, somewhere", film, [38, 38], [40]),
    ]
    options = argparse.Namespace(bundle=tmp_path, gate=True, rounds=2, films=8, alone=1)
    told = "\n".join(tables.report(entries, options))
    assert "| Pneumo, somewhere | 38.0 | 0.95 | 40.0 |" in told
    assert "4.75 x FastAPI, model.predict (goal: 4)" in told
    assert "bare 25.0 ms (goal: 48.8)" in told
    assert tables.LITSERVE not in told
