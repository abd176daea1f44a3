"""DICOM RLE Lossless (PS3.5 annex G), decoded into no more memory than the film needs.

pydicom's decoder expands a segment to its end, 64 times its size, whatever the rows and columns
say; a short file then costs gigabytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.pixels.guard import corrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = struct.Struct("<16I")


def decode_rle(frame: bytes, rows: int, columns: int, sample_bytes: int) -> NDArray[np.uint16]:
    """uint16 (rows, columns) of one gray frame. Raises FilmError CORRUPT, or what Pillow
    raises.
    """
    if len(frame) < _HEADER.size:
        raise corrupt()
    count, *offsets = _HEADER.unpack_from(frame)
    if count != sample_bytes:
        raise corrupt()
    ends = [*offsets[1:count], len(frame)]
    stored = np.zeros(rows * columns, dtype=np.uint16)
    for start, end in zip(offsets[:count], ends, strict=True):  # most significant byte first
        stored <<= 8
        stored |= _segment(frame[start:end], rows * columns)
    return stored.reshape(rows, columns)


def _segment(packed: bytes, size: int) -> NDArray[np.uint8]:
    # a picture of one row: a run may cross the film's rows, and the decoder stops at a row's end
    row = Image.frombytes("L", (size, 1), packed, "packbits", "L")
    return np.asarray(row).reshape(-1)
