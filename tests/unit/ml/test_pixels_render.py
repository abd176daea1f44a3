"""Pictures for people: the film to look at, and the evidence to lay over it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ml.pixels import overlay_png, to_png
from tests import films


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    return picture


def test_film_is_shown_at_8_bits() -> None:
    film = films.chest(1)
    picture = opened(to_png(film, None))
    assert picture.mode == "L"
    assert np.abs(np.asarray(picture).astype(float) * 257 - film).max() <= 129


def test_long_side_is_bounded_and_small_films_are_not_enlarged() -> None:
    film = films.chest(1, size=(600, 500))
    assert opened(to_png(film, 300)).size == (300, 250)
    assert opened(to_png(film, 900)).size == (600, 500)


def overlay(
    evidence: list[list[float]], size: tuple[int, int] = (700, 500)
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = opened(overlay_png(np.array(evidence, dtype=np.float32), size))
    assert picture.mode == "RGBA"
    return np.asarray(picture)


def test_overlay_has_the_films_aspect_and_at_most_512_pixels() -> None:
    assert overlay([[0, 1], [2, 3]], (2000, 1000)).shape == (256, 512, 4)
    assert overlay([[0, 1], [2, 3]], (200, 100)).shape == (100, 200, 4)


def test_opacity_follows_the_evidence_for_pneumonia() -> None:
    alpha = overlay([[0.0, 2.0, 4.0, 8.0]], (400, 100))[50, :, 3].astype(int)
    at_centres = [int(alpha[x]) for x in (50, 150, 250, 350)]
    assert at_centres == sorted(at_centres)
    assert at_centres[0] < 20
    assert at_centres[-1] > 200


def test_evidence_against_pneumonia_stays_clear() -> None:
    assert not overlay([[-5.0, -1.0], [-3.0, -0.5]])[:, :, 3].any()


def test_a_film_with_little_evidence_does_not_glow() -> None:
    assert overlay([[0.1, 0.2], [0.3, 0.2]])[:, :, 3].max() < 30


def test_brightness_rises_with_evidence() -> None:
    strip = overlay([[1.0, 2.0, 3.0, 4.0]], (400, 100))[50].astype(float)
    luma = strip[:, :3] @ np.array([0.299, 0.587, 0.114])
    assert luma[50] < luma[150] < luma[250] < luma[350]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        overlay([[0.0, bad]])
