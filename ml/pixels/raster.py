"""JPEG and PNG: header checks, and decoding to gray at the true depth."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ml.contracts import FilmCode, FilmError, FilmHeader
from ml.pixels.codestream import HUFFMAN_FRAMES, read_codestream
from ml.pixels.guard import check_size, corrupt, unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

    from ml.contracts import FilmLimits

_ORIENTATION = 0x0112
_PNG_START = 8
_SCAN = b"\xff\xda"
# progressive JPEG needs about ten scans; thousands of them make a decoder run for minutes
_MOST_SCANS = 64
_CRITICAL_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
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


def verify_jpeg(data: bytes, limits: FilmLimits) -> FilmHeader:
    """Header of a JPEG. Raises FilmError CORRUPT, TOO_MANY_PIXELS or UNSUPPORTED_ENCODING."""
    frame = read_codestream(data)
    if frame.marker not in HUFFMAN_FRAMES or frame.bits != 8:
        raise unsupported(
            "Only 8-bit baseline or progressive JPEG is read (not 12-bit, lossless or arithmetic). "
            "Export the film as 16-bit PNG or DICOM."
        )
    check_size(frame.width, frame.height, limits)
    if data.count(_SCAN) > _MOST_SCANS:
        raise unsupported("The JPEG has too many scans. Export the film as baseline JPEG or PNG.")
    return _upright(JpegImageFile(io.BytesIO(data)), "JPEG", frame.bits)


def verify_png(data: bytes, limits: FilmLimits) -> FilmHeader:
    """Header of a PNG. Raises FilmError CORRUPT, TOO_MANY_PIXELS or MULTI_FRAME."""
    kinds = _png_chunks(data)
    if next(kinds, b"") != b"IHDR":
        raise corrupt()
    width, height, bits, colour = struct.unpack_from(">IIBB", data, _PNG_START + 8)
    check_size(width, height, limits)
    if b"acTL" in kinds:
        raise FilmError(
            FilmCode.MULTI_FRAME, "The PNG is animated. Send each film as its own picture."
        )
    # Pillow keeps 16 bits for gray alone: 16-bit colour comes as 8
    return _upright(PngImageFile(io.BytesIO(data)), "PNG", bits if colour == 0 else min(bits, 8))


def decode_raster(data: bytes, kind: str) -> NDArray[np.uint16]:
    """Gray picture (H, W) over 0..65535, upright. Raises FilmError CORRUPT or what Pillow raises."""
    if kind == "PNG":
        _check_png_is_whole(data)
    with _opened(data, kind) as image:
        turn = _TURNS.get(_orientation(image))
        gray = _gray(image)
    if turn is None:
        return gray
    transpose, flip_rows, flip_columns = turn
    turned = gray.T if transpose else gray
    turned = turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return np.ascontiguousarray(turned)


def _opened(data: bytes, kind: str) -> ImageFile:
    # the plug-in itself, not Image.open: no other format, no second frame, no bomb warning
    return JpegImageFile(io.BytesIO(data)) if kind == "JPEG" else PngImageFile(io.BytesIO(data))


def _upright(image: ImageFile, kind: str, bits: int) -> FilmHeader:
    width, height = image.size
    if _TURNS.get(_orientation(image), (False,))[0]:
        width, height = height, width
    return FilmHeader(kind, width, height, bits)


def _orientation(image: ImageFile) -> int:
    """EXIF orientation; 1 (as stored) where there is none or it cannot be read."""
    exif = Image.Exif()
    try:
        # not image.getexif(): on a PNG that decodes the whole picture
        exif.load(image.info.get("exif", b""))
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse a readable film
        return 1


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


def _chunk_positions(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of body, length) of each PNG chunk up to IEND. Raises FilmError CORRUPT."""
    position, kind = _PNG_START, b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise corrupt()
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position + 8, length
        position += 12 + length


def _png_chunks(data: bytes) -> Iterator[bytes]:
    return (kind for kind, _, _ in _chunk_positions(data))


def _check_png_is_whole(data: bytes) -> None:
    """Pillow reads a PNG whose end is missing and skips IDAT checksums; a film must be whole."""
    view = memoryview(data)
    for kind, start, length in _chunk_positions(data):
        stored = data[start + length : start + length + 4]
        if kind in _CRITICAL_CHUNKS:
            computed = zlib.crc32(view[start - 4 : start + length])
            if stored != struct.pack(">I", computed):
                raise corrupt()
