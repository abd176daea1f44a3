"""JPEG and PNG: header checks, and decoding to gray at the true depth."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ml.contracts import FilmCode, FilmError, FilmHeader
from ml.pixels.codestream import (
    BASELINE,
    EXTENDED,
    PROGRESSIVE,
    jpeg_segments,
    read_codestream,
)
from ml.pixels.exif import EXIF_START, orientation
from ml.pixels.guard import check_size, corrupt, too_many_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

    from ml.contracts import FilmLimits

_JPEG_FRAMES = (BASELINE, EXTENDED, PROGRESSIVE)
_EXIF_SEGMENT = 0xE1
_PNG_START = 8
# those that make the pixels; Pillow would inflate the others, however many there are
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
# a film of 50 MB in chunks of 500 bytes
_MOST_CHUNKS = 100_000
# EXIF orientation -> (transpose, flip rows, flip columns), applied in this order
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


class RasterFilm(NamedTuple):
    """A checked JPEG or PNG: header, EXIF orientation, and all that its decoder needs."""

    header: FilmHeader
    orientation: int
    data: bytes


def read_jpeg(data: bytes, limits: FilmLimits) -> RasterFilm:
    """Check the header; nothing is decoded. Raises FilmError CORRUPT, TOO_MANY_PIXELS or
    UNSUPPORTED_ENCODING.
    """
    frame = read_codestream(data, _JPEG_FRAMES)
    check_size(frame.width, frame.height, limits)
    turn = orientation(_jpeg_exif(data))
    return RasterFilm(
        _header("JPEG", frame.width, frame.height, frame.bits, turn), turn, frame.data
    )


def read_png(data: bytes, limits: FilmLimits) -> RasterFilm:
    """Check the header; nothing is decoded.

    Raises FilmError CORRUPT, TOO_MANY_PIXELS, MULTI_FRAME or UNSUPPORTED_ENCODING.
    """
    kinds = [kind for kind, _, _ in _chunks(data)]
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1:
        raise corrupt()
    width, height, bits, colour = struct.unpack_from(">IIBB", data, _PNG_START + 8)
    check_size(width, height, limits)
    if b"acTL" in kinds:
        raise FilmError(
            FilmCode.MULTI_FRAME, "The PNG is animated. Send each film as its own picture."
        )
    # Pillow keeps 16 bits for gray alone: 16-bit colour comes as 8
    kept = bits if colour == 0 else min(bits, 8)
    turn = orientation(_png_exif(data))
    return RasterFilm(_header("PNG", width, height, kept, turn), turn, data)


def decode_raster(film: RasterFilm) -> NDArray[np.uint16]:
    """Gray picture (H, W) over 0..65535, upright. Raises FilmError CORRUPT or what Pillow raises."""
    with _opened(film) as image:
        gray = _gray(image)
    if film.orientation not in _TURNS:
        return gray
    transpose, flip_rows, flip_columns = _TURNS[film.orientation]
    turned = gray.T if transpose else gray
    turned = turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return np.ascontiguousarray(turned)


def _opened(film: RasterFilm) -> ImageFile:
    # the plug-in itself, not Image.open: no other format, no second frame, no bomb warning
    if film.header.format == "JPEG":
        return JpegImageFile(io.BytesIO(film.data))
    return PngImageFile(io.BytesIO(_whole_png(film.data)))


def _header(kind: str, width: int, height: int, bits: int, turn: int) -> FilmHeader:
    if _TURNS.get(turn, (False,))[0]:
        width, height = height, width
    return FilmHeader(kind, width, height, bits)


def _jpeg_exif(data: bytes) -> bytes:
    for marker, start, end in jpeg_segments(data):
        if marker == _EXIF_SEGMENT and data.startswith(EXIF_START, start + 4):
            return data[start + 4 : end]
    return b""


def _png_exif(data: bytes) -> bytes:
    for kind, start, length in _chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"eXIf":
            return data[start : start + length]
    return b""


def _gray(image: Image.Image) -> NDArray[np.uint16]:
    """uint16 over 0..65535; colour by ITU-R 601 luma, transparency on black."""
    if image.mode.startswith("I;16"):  # never convert("L"): that clips 16 bits to white
        return np.array(image, dtype=np.uint16)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "CMYK":
        image = image.convert("RGB")
    gray = image.convert("L")
    if "A" in image.getbands():
        gray = ImageChops.multiply(gray, image.getchannel("A"))
    wide = np.array(gray, dtype=np.uint16)
    wide *= 257
    return wide


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of body, length) of each PNG chunk up to IEND.

    Raises FilmError CORRUPT or UNSUPPORTED_ENCODING.
    """
    position = _PNG_START
    for _ in range(_MOST_CHUNKS):
        if position + 12 > len(data):
            raise corrupt()
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += 12 + length
    raise too_many_parts()


def _whole_png(data: bytes) -> bytes:
    """The PNG with its pixels alone; Pillow reads one whose end is missing and skips checksums."""
    view = memoryview(data)
    kept = [view[:_PNG_START]]
    for kind, start, length in _chunks(data):
        end = start + length
        if kind in _PIXEL_CHUNKS:
            if data[end : end + 4] != struct.pack(">I", zlib.crc32(view[start - 4 : end])):
                raise corrupt()
            kept.append(view[start - 8 : end + 4])
    return b"".join(kept)
