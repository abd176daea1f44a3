"""What a compressed picture says of itself, read without decoding it, and held within bounds.

A DICOM's own rows and columns bind its codec to nothing: a 400 KB codestream may claim 30,000 x
30,000 and the codec would allocate it; a few KB may ask for thousands of passes over the picture.
So the codestream's header is read first, and a decoder is given what was checked and nothing else.
Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annex A (JPEG 2000).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ml.pixels.guard import corrupt, too_many_parts, unsupported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

BASELINE, EXTENDED, PROGRESSIVE, LOSSLESS, JPEG_LS, JPEG_2000 = 0xC0, 0xC1, 0xC2, 0xC3, 0xF7, 0x51

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_8_BIT_ONLY = {BASELINE, EXTENDED, PROGRESSIVE}
_FRAME_MARKERS = {*range(0xC0, 0xD0), JPEG_LS} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_SCAN = 0xDA
_SCAN = b"\xff\xda"
# comments and application data; JFIF (0xE0) and Adobe (0xEE) tell how colours are stored
_METADATA = {0xFE, *range(0xE0, 0xF0)} - {0xE0, 0xEE}
# progressive JPEG needs about ten scans, each of them a pass over the whole picture
_MOST_SCANS = 64
# a large colour profile takes some 250 segments
_MOST_SEGMENTS = 4096
_MOST_TABLES = 256 * 1024  # bytes; real ones take 2 KB
# 40 million pixels in tiles of 100 x 100
_MOST_TILES = 4096


class Codestream(NamedTuple):
    """A picture's header, and all that its decoder needs.

    marker: the JPEG frame marker's second byte, or JPEG_2000; bits per sample; data without
    metadata and wrapping.
    """

    marker: int
    width: int
    height: int
    bits: int
    components: int
    data: bytes


def read_codestream(data: bytes, markers: Collection[int]) -> Codestream:
    """A JPEG, JPEG-LS or JPEG 2000 picture of one of the kinds that the markers name.

    Raises FilmError CORRUPT, or UNSUPPORTED_ENCODING where it is of another kind or in more parts
    than a film needs.
    """
    stream = _read_jpeg(data) if data.startswith(_JPEG_START) else _read_jpeg_2000(data)
    of_8_bits = stream.bits == 8 or stream.marker not in _8_BIT_ONLY
    if stream.marker not in markers or not of_8_bits:
        raise unsupported(
            "The film's kind of JPEG is not read here (such as 12-bit, lossless or arithmetic). "
            "Export the film as 16-bit PNG or as uncompressed DICOM."
        )
    return stream


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment up to the first scan's, that one included.

    Raises FilmError CORRUPT or UNSUPPORTED_ENCODING.
    """
    position = len(_JPEG_START)
    for _ in range(_MOST_SEGMENTS):
        if position + 4 > len(data) or data[position] != 0xFF:
            raise corrupt()
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            yield marker, position, end
            if marker == _START_OF_SCAN:
                return
            position = end
    raise too_many_parts()


def _read_jpeg(data: bytes) -> Codestream:
    frames: list[tuple[int, int]] = []
    tables = [_JPEG_START]
    scans = 0
    for marker, start, end in jpeg_segments(data):
        if marker in _FRAME_MARKERS:
            frames.append((marker, start))
        if marker not in _METADATA:
            tables.append(data[start:end])
        scans = end
    if len(frames) != 1:
        raise corrupt()
    header = b"".join(tables)
    if len(header) > _MOST_TABLES or data.count(_SCAN, scans) >= _MOST_SCANS:
        raise too_many_parts()
    marker, start = frames[0]
    bits, height, width, components = _unpack(">BHHB", data, start + 4)
    return Codestream(marker, width, height, bits, components, header + data[scans:])


def _read_jpeg_2000(data: bytes) -> Codestream:
    # a JP2 file wraps the codestream in boxes; DICOM asks for the bare one but meets both
    start = data.find(_JPEG_2000_START, 0, 4096)
    if start < 0:
        raise corrupt()
    right, bottom, left, top, *tile = _unpack(">8I", data, start + 8)
    components, depth = _unpack(">HB", data, start + 40)
    tile_width, tile_height, tile_left, tile_top = tile
    if not tile_width or not tile_height:
        raise corrupt()
    columns, rows = -((tile_left - right) // tile_width), -((tile_top - bottom) // tile_height)
    if columns * rows > _MOST_TILES:
        raise too_many_parts()
    bits = (depth & 0x7F) + 1
    return Codestream(JPEG_2000, right - left, bottom - top, bits, components, data[start:])


def _unpack(layout: str, data: bytes, position: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, position)
    except struct.error:
        raise corrupt() from None
