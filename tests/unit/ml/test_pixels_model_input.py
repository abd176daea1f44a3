"""What the model sees: one square in [0, 1], the same whatever size and format it came in."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.contracts import FilmLimits
from ml.contracts.fake import FakeClassifier
from ml.pixels import PREPROCESSING_ID, normalise, preprocess
from tests import films

LIMITS = FilmLimits()


def test_the_fake_takes_the_same_input() -> None:
    assert FakeClassifier().info.preprocessing_id == PREPROCESSING_ID


@pytest.mark.parametrize("size", [32, 160, 224, 320])
def test_shape_type_and_range(size: int) -> None:
    square = preprocess(films.chest(1), size)
    assert square.shape == (size, size, 1)
    assert square.dtype == np.float32
    assert 0 <= square.min() < square.max() <= 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([8, 10, 12, 15, 16]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    signed=st.booleans(),
)
def test_one_film_in_every_format_is_one_input(
    seed: int, bits: int, photometric: str, *, signed: bool
) -> None:
    film = films.chest(seed, size=(180, 150))
    inputs = [
        preprocess(normalise(data, LIMITS), 128)
        for data in (
            films.as_png8(film),
            films.as_png16(film),
            films.as_dicom(film, bits=bits, photometric=photometric, signed=signed),
        )
    ]
    for other in inputs[1:]:
        assert np.abs(inputs[0] - other).max() < 1 / 255


def stored_copy(film: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> bytes:
    """The 224 px copy that the training films are: squashed, bilinear, JPEG at 75."""
    small = Image.fromarray((film >> 8).astype(np.uint8)).resize(
        (224, 224), Image.Resampling.BILINEAR
    )
    return films.encoded(small, "JPEG", quality=75)


@pytest.mark.parametrize("size", [96, 160, 224])
@pytest.mark.parametrize("shape", [(1300, 1000), (900, 1200)])
def test_a_film_and_its_small_copy_give_nearly_the_same_input(
    size: int, shape: tuple[int, int]
) -> None:
    film = films.chest(3, haze=0.4, size=shape)
    full = preprocess(normalise(films.as_png16(film), LIMITS), size)
    small = preprocess(normalise(stored_copy(film), LIMITS), size)
    assert np.abs(full - small).mean() < 0.006
    assert np.abs(full - small).max() < 0.06


def test_the_whole_film_is_squashed_not_cut_or_boxed() -> None:
    film = np.zeros((400, 800), dtype=np.uint16)
    film[:, :400] = 65535
    square = preprocess(film, 64)[:, :, 0]
    assert (square[:, :30] == 1).all()
    assert (square[:, 34:] == 0).all()


def test_fine_detail_is_averaged_not_sampled() -> None:
    stripes = np.zeros((896, 896), dtype=np.uint16)
    stripes[:, ::2] = 65535
    square = preprocess(stripes, 224)
    assert np.abs(square[2:-2, 2:-2] - 0.5).max() < 0.02


def test_the_film_is_left_as_it_was() -> None:
    film = films.chest(4)
    before = film.copy()
    preprocess(film, 64)
    assert np.array_equal(film, before)


def test_preprocess_does_not_depend_on_memory_layout() -> None:
    film = films.chest(5)
    assert np.array_equal(preprocess(film.T, 64), preprocess(np.ascontiguousarray(film.T), 64))
    assert Image.open(io.BytesIO(stored_copy(film))).size == (224, 224)
