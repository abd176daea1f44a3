"""A film at its full depth, for a viewer that chooses its own window."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydicom.uid import UID

from ml.pixels.dicom_pixels import stored_places
from ml.pixels.gray_table import gray_table, stored_range
from ml.pixels.raster import decode_raster
from ml.pixels.technical_tags import Spacing, pixel_spacing, technical_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ml.pixels.dicom import DicomFilm
    from ml.pixels.raster import RasterFilm

_WHITE = 65535


class DeepFilm(NamedTuple):
    """Stored values, and how the film is shown until somebody chooses another window.

    values: uint8 or uint16 (H, W), upright, each a stored value less `lowest`; below 2 ** bits.
    grays: uint8 (2 ** bits,), the gray of each value as `to_png` has it. ramp: the stored values
    that stand for black and white, the second smaller where dense tissue has small values.
    technical: DICOM keyword to value, from an allow-list; empty for other formats.
    """

    values: NDArray[np.uint8 | np.uint16]
    lowest: int
    bits: int
    grays: NDArray[np.uint8]
    ramp: tuple[float, float]
    spacing: Spacing | None
    technical: Mapping[str, str]


def deep_dicom(film: DicomFilm) -> DeepFilm:
    """Raises FilmError, or what a codec raises."""
    dataset = film.dataset
    lowest, table = stored_range(dataset)[0], gray_table(dataset)
    black, white = _ramp(table)
    return DeepFilm(
        values=stored_places(film),
        lowest=lowest,
        bits=int(dataset.BitsStored),
        grays=to_8_bits(table),
        ramp=(black + lowest, white + lowest),
        spacing=pixel_spacing(dataset),
        technical={
            **technical_tags(dataset),
            "TransferSyntaxUID": UID(film.transfer_syntax).name,
        },
    )


def deep_raster(film: RasterFilm) -> DeepFilm:
    """Raises FilmError CORRUPT or what Pillow raises."""
    gray, bits = decode_raster(film), 16 if film.header.bits > 8 else 8
    values = gray if bits == 16 else to_8_bits(gray)
    grays = to_8_bits(np.linspace(0, _WHITE, 2**bits).astype(np.uint16))
    return DeepFilm(values, 0, bits, grays, (0.0, 2.0**bits - 1), None, {})


def to_8_bits(gray: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The nearest of 256 grays."""
    return ((gray.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _ramp(table: NDArray[np.uint16]) -> tuple[float, float]:
    """The places in the table at which the line through its grays is black and white.

    Exact for a window, also for one wider than the stored values; a chord for a table.
    """
    inside = np.flatnonzero((table > 0) & (table < _WHITE))
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, 0)
    rise = int(table[last]) - int(table[first])
    if rise == 0:  # two grays alone, or one
        ends = (0.0, float(len(table) - 1))
        return ends if table[-1] >= table[0] else ends[::-1]
    step = (last - first) / rise
    black = first - int(table[first]) * step
    return round(black, 2), round(black + _WHITE * step, 2)
