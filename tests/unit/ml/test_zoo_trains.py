"""`make train-smoke`: every architecture takes one training step on drawn films."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.architectures import ARCHITECTURES
from tests.unit.ml.drawn_set import draw_set, quiet

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
LEAST_SIDE = {"inceptionv3": 75, "xception": 71}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("films") / "data")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_trains_and_loads_again(name: str, data: Path, tmp_path: Path) -> None:
    from ml.training.entrants import open_entrant
    from ml.training.plan import Plan
    from ml.training.run import train

    size = LEAST_SIDE.get(name, 32)
    plan = Plan(name, data, epochs=1, size=size, batch_size=64)  # all training films in one step
    run = train(plan, tmp_path / name, quiet, eager=True)
    (row,) = run.raw["history"]
    assert np.isfinite(row["loss"])
    model = open_entrant(tmp_path / name).load()
    assert model.count_params() == run.raw["parameters"]
