"""DICOM RLE Lossless (PS3.5 annex G), decoded into no more memory than the film needs.

pydicom's decoder expands a segment to its end, 64 times its size, whatever the rows and columns
say; a short file then costs gigabytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from ml.pixels.guard import corrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = struct.Struct("<16I")
_NO_OPERATION = 128


def decode_rle(frame: bytes, rows: int, columns: int, sample_bytes: int) -> NDArray[np.uint16]:
    """uint16 (rows, columns) of one gray frame. Raises FilmError CORRUPT."""
    if len(frame) < _HEADER.size:
        raise corrupt()
    count, *offsets = _HEADER.unpack_from(frame)
    if count != sample_bytes:
        raise corrupt()
    ends = [*offsets[1:count], len(frame)]
    stored = np.zeros(rows * columns, dtype=np.uint16)
    for start, end in zip(offsets[:count], ends, strict=True):  # most significant byte first
        stored <<= 8
        stored |= np.frombuffer(_segment(frame[start:end], rows * columns), dtype=np.uint8)
    return stored.reshape(rows, columns)


def _segment(packed: bytes, size: int) -> bytearray:
    unpacked = bytearray()
    position = 0
    while len(unpacked) < size:
        if position + 1 >= len(packed):
            raise corrupt()
        head = packed[position]
        if head < _NO_OPERATION:
            unpacked += packed[position + 1 : position + 2 + head]
            position += 2 + head
        elif head == _NO_OPERATION:
            position += 1
        else:
            unpacked += packed[position + 1 : position + 2] * (257 - head)
            position += 2
    return unpacked[:size]
