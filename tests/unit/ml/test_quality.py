"""The gate: what is no frontal chest film, and blank and tiny films, get a reason and no score; chest films pass."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.contracts import GateCode
from ml.quality import assess
from ml.quality.appearance import WEIGHTS, WeightsError, read_weights
from ml.training.not_films import not_films
from tests import films

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


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


def twice(film: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> NDArray[np.uint16]:
    return np.asarray(np.repeat(np.repeat(film, 2, axis=0), 2, axis=1), np.uint16)


@pytest.mark.parametrize("seed", range(4))
def test_a_film_flipped_left_right_passes(seed: int) -> None:
    assert code(films.chest(seed)[:, ::-1]) is None


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_turned_film_is_refused(seed: int, quarters: int) -> None:
    assert code(np.rot90(films.chest(seed), quarters)) is GateCode.LATERAL_OR_ROTATED


@pytest.mark.parametrize("seed", range(4))
def test_an_inverted_film_is_refused(seed: int) -> None:
    assert code(65535 - films.chest(seed)) is GateCode.INVERTED


def made(kind: str) -> Iterator[NDArray[np.uint16]]:
    for other in not_films(10, held_out=True, seed=3):
        if other.kind == kind:
            yield other.picture.astype(np.uint16) * np.uint16(257)


@pytest.mark.parametrize("kind", ["page or terminal", "table or plot"])
def test_text_is_refused(kind: str) -> None:
    found = [code(picture) for picture in made(kind)]
    assert None not in found
    assert GateCode.TEXT_OR_SCREENSHOT in found


def test_photographs_are_refused_as_no_chest() -> None:
    found = [code(picture) for picture in made("photograph or drawing")]
    assert GateCode.NOT_CHEST in found


def test_what_resembles_no_training_film_is_out_of_distribution() -> None:
    film = films.chest(1, size=(224, 224)).astype(np.int64)
    mesh = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((14, 14), np.int64))
    mixed = [np.clip(film + (mesh * 2 - 1) * part, 0, 65535) for part in range(0, 30000, 1000)]
    assert GateCode.OUT_OF_DISTRIBUTION in [code(one.astype(np.uint16)) for one in mixed]


@pytest.mark.parametrize("quarters", range(4))
def test_size_does_not_matter(quarters: int) -> None:
    film = np.rot90(films.chest(5, size=(224, 224)), quarters)
    assert code(film) == code(twice(film))


def test_weights_with_a_flipped_byte_are_refused(tmp_path: Path) -> None:
    damaged = bytearray(WEIGHTS.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    copy = tmp_path / WEIGHTS.name
    copy.write_bytes(damaged)
    shutil.copy(WEIGHTS.with_suffix(".sha256"), tmp_path)
    with pytest.raises(WeightsError):
        read_weights(copy)
