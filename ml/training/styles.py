"""A film in another film's style: its gray-level curve, and how much detail it has at each scale.

Exposure, processing and sharpness belong to a site, not to a disease, but in one site's films they
go along with the label. A film that takes them from any other film teaches, and tests, what is left.
The exchange of amplitude spectra follows Yang and Soatto 2020 (arXiv:2004.05498), here as one gain
for each distance from zero frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.training.films import UInt8Array

    Floats = NDArray[np.float64]

_MOST_GAIN = 3.0


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of films, measured once."""

    curves: Floats  # (n, 256) share of pixels at or below each gray level
    spectra: Floats  # (n, r) mean amplitude at each whole distance from zero frequency


def styles_of(pixels: UInt8Array) -> Styles:
    """pixels: uint8 (n, S, S)."""
    return Styles(
        np.stack([_curve(film) for film in pixels]), np.stack([_spectrum(film) for film in pixels])
    )


def with_curve(film: UInt8Array, curve: Floats, share: float = 1.0) -> UInt8Array:
    """The film with another's gray-level curve, a `share` of the way. Keeps the order of grays."""
    table = np.interp(_curve(film), curve, np.arange(256))
    table = share * table + (1 - share) * np.arange(256)
    changed: UInt8Array = np.rint(table).astype(np.uint8)[film]
    return changed


def with_spectrum(film: UInt8Array, spectrum: Floats, share: float = 1.0) -> UInt8Array:
    """The film with another's detail at each scale, a `share` of the way; its mean gray stays."""
    waves = np.fft.rfft2(film.astype(np.float64))
    distance, count = _distances(len(film))
    own = np.bincount(distance.ravel(), np.abs(waves).ravel()) / count
    gain = np.clip(spectrum / (own + 1e-9), 1 / _MOST_GAIN, _MOST_GAIN) ** share
    gain[0] = 1
    changed = np.fft.irfft2(waves * gain[distance], s=film.shape)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _curve(film: UInt8Array) -> Floats:
    found: Floats = np.cumsum(np.bincount(film.ravel(), minlength=256)) / film.size
    return found


def _spectrum(film: UInt8Array) -> Floats:
    waves = np.abs(np.fft.rfft2(film.astype(np.float64)))
    distance, count = _distances(len(film))
    found: Floats = np.bincount(distance.ravel(), waves.ravel()) / count
    return found


@cache
def _distances(side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole distance from zero frequency of each value of rfft2, and how many have each."""
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    distance = np.minimum(np.hypot(down, across) * side, side // 2).astype(np.int64)
    return distance, np.bincount(distance.ravel())
