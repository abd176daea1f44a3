"""What a compressed picture says of itself, read without decoding it.

A DICOM's own rows and columns bind its codec to nothing: a 400 KB codestream may claim 30,000 x
30,000 and the codec would allocate it. So the codestream's header is read first.
Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annex A (JPEG 2000).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ml.pixels.guard import corrupt

_JPEG_START = b"\xff\xd8"
_JPEG2000_START = b"\xff\x4f\xff\x51"
_JPEG_LS_FRAME = 0xF7
_FRAME_MARKERS = {*range(0xC0, 0xD0), _JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_SCAN = 0xDA
HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})


class Codestream(NamedTuple):
    """marker: the JPEG frame marker's second byte (0x51 for JPEG 2000); bits per sample."""

    marker: int
    width: int
    height: int
    bits: int
    components: int


def read_codestream(data: bytes) -> Codestream:
    """The header of a JPEG, JPEG-LS or JPEG 2000 picture. Raises FilmError CORRUPT."""
    if data.startswith(_JPEG_START):
        return _read_jpeg(data)
    # a JP2 file wraps the codestream in boxes; DICOM asks for the bare one but meets both
    start = data.find(_JPEG2000_START, 0, 4096)
    if start < 0:
        raise corrupt()
    return _read_jpeg2000(data, start)


def _read_jpeg(data: bytes) -> Codestream:
    position = len(_JPEG_START)
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise corrupt()
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        elif marker in _FRAME_MARKERS:
            return _read_frame(data, position, marker)
        elif marker == _START_OF_SCAN:
            break
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise corrupt()


def _read_frame(data: bytes, position: int, marker: int) -> Codestream:
    try:
        bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
    except struct.error:
        raise corrupt() from None
    return Codestream(marker, width, height, bits, components)


def _read_jpeg2000(data: bytes, start: int) -> Codestream:
    try:
        right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
        components, depth = struct.unpack_from(">HB", data, start + 40)
    except struct.error:
        raise corrupt() from None
    return Codestream(0x51, right - left, bottom - top, (depth & 0x7F) + 1, components)
