"""A film at its full depth, packed for the viewer (static/js/viewer/unpack.js reads it).

Four bytes, little-endian, give the length of a JSON head; then come the head, the gray of each
stored value (one byte each), and the values. These are told row by row as the difference from the
left neighbour, modulo 2 ** 8 or 2 ** 16, small ones as small numbers (0, -1, 1, -2, ...), and for 16
bits in blocks of `block_rows` rows, first all low bytes, then all high ones: so gzip finds
most of what there is to save at its fastest.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from diagnosis.web import film_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from diagnosis.models import Image
    from ml.pixels import DeepFilm

_BLOCK_ROWS = 128
_GZIP = 31  # zlib's window bits for the largest window in a gzip wrapping


def packed(image: Image, film: DeepFilm) -> Iterator[bytes]:
    """The container in parts."""
    head = json.dumps(_head(image, film)).encode()
    yield struct.pack("<I", len(head)) + head
    yield film.grays.tobytes()
    for start in range(0, len(film.values), _BLOCK_ROWS):
        yield _block(film.values[start : start + _BLOCK_ROWS])


def zipped(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Runs only: what else deflate looks for, pixels do not have."""
    squeeze = zlib.compressobj(1, zlib.DEFLATED, _GZIP, 9, zlib.Z_RLE)
    for part in parts:
        yield squeeze.compress(part)
    yield squeeze.flush()


def _head(image: Image, film: DeepFilm) -> dict[str, Any]:
    height, width = film.values.shape
    return {
        "width": width,
        "height": height,
        "bits": film.bits,
        "sample_bytes": film.values.itemsize,
        "block_rows": _BLOCK_ROWS,
        "lowest": film.lowest,
        "ramp": film.ramp,
        "spacing": film.spacing and film.spacing._asdict(),
        "tags": film_tags.told(image, film),
    }


def _block(values: NDArray[np.uint8 | np.uint16]) -> bytes:
    depth = values.dtype.itemsize * 8
    signed = np.dtype(f"<i{values.dtype.itemsize}")
    change = values.copy()
    change[:, 1:] -= values[:, :-1]
    steps = change.astype(values.dtype.newbyteorder("<"), copy=False).view(signed)
    small = (steps << 1) ^ (steps >> (depth - 1))
    planes = small.view(np.uint8).reshape(-1, values.dtype.itemsize)
    return planes.T.tobytes()
