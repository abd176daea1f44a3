"""Views and styles: what the hard validation shows of a film."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.training.styles import styles_of, with_curve, with_spectrum
from ml.training.views import HARD, VIEWS, view
from tests.films import chest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Films = NDArray[np.uint8]

SIDE = 64
films = hnp.arrays(np.uint8, (SIDE, SIDE), elements=st.integers(0, 255))


@pytest.fixture(scope="module")
def some() -> Films:
    drawn = [chest(n, haze=0.9 * (n % 2), size=(224, 224)) >> 8 for n in range(6)]
    return np.stack(drawn).astype(np.uint8)


LABELS = np.arange(6) % 2 == 1


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_repeats_and_leaves_the_films_alone(some: Films, name: str) -> None:
    before = some.copy()
    first, again = view(some, LABELS, name, seed=1), view(some, LABELS, name, seed=1)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(some, before)
    assert first.shape == some.shape
    assert first.dtype == np.uint8


@pytest.mark.parametrize("name", HARD)
def test_a_hard_view_changes_every_film(some: Films, name: str) -> None:
    changed = view(some, LABELS, name, seed=1)
    assert (np.abs(changed.astype(int) - some).mean((1, 2)) > 0.3).all()


def test_the_clean_view_changes_none(some: Films) -> None:
    np.testing.assert_array_equal(view(some, LABELS, "clean", seed=1), some)


def test_in_the_others_style_exposure_tells_the_labels_no_more() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2 == 1
    grain = rng.integers(0, 60, (40, SIDE, SIDE))
    some = (grain + 120 * labels[:, None, None]).astype(np.uint8)
    styled = view(some, labels, "other_style", seed=1)
    brightness = styled.mean((1, 2))
    assert brightness[labels].max() < brightness[~labels].min()


def test_films_of_one_label_have_no_other_style(some: Films) -> None:
    for labels in (np.ones(6, bool), np.zeros(6, bool)):
        np.testing.assert_array_equal(view(some, labels, "other_site", seed=1), some)


def mean_gray(film: Any) -> float:
    return float(film.astype(np.float64).mean())


@settings(max_examples=25, deadline=None)
@given(films, films, st.floats(0, 1))
def test_a_curve_keeps_the_order_of_grays(film: Films, other: Films, share: float) -> None:
    changed = with_curve(film, styles_of(other[None]).curves[0], share)
    order = np.argsort(film.ravel(), kind="stable")
    assert (np.diff(changed.ravel()[order].astype(int)) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(films, films)
def test_no_share_of_a_style_changes_nothing(film: Films, other: Films) -> None:
    style = styles_of(other[None])
    np.testing.assert_array_equal(with_curve(film, style.curves[0], 0.0), film)
    np.testing.assert_array_equal(with_spectrum(film, style.spectra[0], 0.0), film)


def test_a_spectrum_brings_the_detail_of_the_other_film(some: Films) -> None:
    sharp = some[0]
    soft = np.repeat(np.repeat(sharp[::8, ::8], 8, 0), 8, 1)
    softer = np.stack([soft, sharp])
    changed = with_spectrum(sharp, styles_of(softer).spectra[0])

    def grain(film: Films) -> float:
        return float(np.abs(np.diff(film.astype(int), axis=0)).mean())

    assert abs(mean_gray(changed) - mean_gray(sharp)) < 3
    assert grain(changed) != pytest.approx(grain(sharp), rel=0.02)
