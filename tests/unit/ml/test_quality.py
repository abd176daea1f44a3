"""The gate: blank and tiny films get a reason and no score; chest films pass."""

from __future__ import annotations

import numpy as np
import pytest

from ml.contracts import GateCode
from ml.quality import assess
from tests import films


def code(image: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> GateCode | None:
    finding = assess(image)
    if finding is None:
        return None
    assert finding.message
    return finding.code


@pytest.mark.parametrize("haze", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_chest_films_pass(seed: int, haze: float) -> None:
    assert code(films.chest(seed, haze)) is None


def test_large_and_small_chest_films_pass() -> None:
    assert code(films.chest(1, size=(2400, 2000))) is None
    assert code(films.chest(1, size=(160, 128))) is None


@pytest.mark.parametrize("size", [(127, 400), (400, 127), (1, 1)])
def test_too_small(size: tuple[int, int]) -> None:
    assert code(films.chest(1, size=size)) is GateCode.TOO_SMALL


@pytest.mark.parametrize("gray", [0, 30000, 65535])
def test_one_gray_is_blank(gray: int) -> None:
    assert code(np.full((400, 300), gray, dtype=np.uint16)) is GateCode.BLANK_OR_SATURATED


def test_noise_without_contrast_is_blank() -> None:
    noise = np.random.default_rng(0).normal(30000, 300, (400, 300)).astype(np.uint16)
    assert code(noise) is GateCode.BLANK_OR_SATURATED


@pytest.mark.parametrize("end", [0, 65535])
def test_mostly_at_one_end_is_saturated(end: int) -> None:
    film = films.chest(2)
    film[: int(film.shape[0] * 0.9)] = end
    assert code(film) is GateCode.BLANK_OR_SATURATED


def test_wide_black_borders_pass() -> None:
    film = np.zeros((600, 900), dtype=np.uint16)
    film[50:550, 150:750] = films.chest(3)
    assert code(film) is None


def test_a_film_that_uses_an_eightieth_of_its_depth_is_blank() -> None:
    assert code((films.chest(4) // 80).astype(np.uint16)) is GateCode.BLANK_OR_SATURATED
