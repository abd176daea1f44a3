"""A checked DICOM's pixels, decoded and mapped to the canonical gray scale."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from ml.pixels.codestream import read_codestream
from ml.pixels.dicom import CODECS, NATIVE
from ml.pixels.gray_table import gray_table, stored_range
from ml.pixels.guard import corrupt, too_many_parts
from ml.pixels.isolated import decode_isolated
from ml.pixels.rle import decode_rle

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from ml.pixels.dicom import DicomFilm

    Stored = NDArray[np.integer]

_ROWS_AT_ONCE = 256
_ITEM, _SEQUENCE_END = 0xE000, 0xE0DD
# a film of 50 MB in fragments of 1 KB
_MOST_FRAGMENTS = 50_000


def decode_dicom(film: DicomFilm) -> NDArray[np.uint16]:
    """uint16 (H, W) over 0..65535, bright = dense. Raises FilmError, or what a codec raises."""
    table = gray_table(film.dataset)
    return _through(film, lambda places: table[places], np.dtype(np.uint16))


def stored_places(film: DicomFilm) -> NDArray[np.uint8 | np.uint16]:
    """(H, W): each stored value's place in `gray_table`, so the value less the smallest possible.

    Raises what `decode_dicom` raises.
    """
    narrow = film.dataset.BitsStored <= 8
    return _through(film, lambda places: places, np.dtype(np.uint8 if narrow else np.uint16))


def _through(
    film: DicomFilm, look: Callable[[NDArray[np.int32]], NDArray[Any]], kind: np.dtype[Any]
) -> NDArray[Any]:
    native = film.transfer_syntax in NATIVE
    stored = _native(film) if native else _decompressed(film)
    low, high = stored_range(film.dataset)
    found = np.empty(stored.shape, dtype=kind)
    for start in range(0, len(stored), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        block = stored[rows].astype(np.int32)
        if native or film.transfer_syntax == uid.RLELossless:
            block = _true_bits(block, film.dataset)
        found[rows] = look(np.clip(block, low, high) - low)
    return found


def _true_bits(block: NDArray[np.int32], dataset: Dataset) -> NDArray[np.int32]:
    """The stored bits of each container; others may hold an old overlay. Sign extended."""
    bits = dataset.BitsStored
    block = (block >> (dataset.HighBit + 1 - bits)) & (2**bits - 1)
    if dataset.PixelRepresentation == 1:
        sign = 2 ** (bits - 1)
        block = (block ^ sign) - sign
    return block


def _native(film: DicomFilm) -> Stored:
    ds = film.dataset
    width = ds.BitsAllocated // 8
    expected = ds.Rows * ds.Columns * width
    # an odd length is padded by one byte (PS3.5 section 8); nothing else may be there
    if len(film.pixels) - expected not in {0, expected % 2}:
        raise corrupt()
    order = ">" if film.transfer_syntax == uid.ExplicitVRBigEndian else "<"
    if width == 1 and order == ">" and film.vr == "OW":  # bytes swapped in pairs
        pairs = np.frombuffer(film.pixels, dtype=np.uint16).byteswap()
        return pairs.view(np.uint8)[:expected].reshape(ds.Rows, ds.Columns)
    values = np.frombuffer(film.pixels[:expected], dtype=f"{order}u{width}")
    return values.reshape(ds.Rows, ds.Columns)


def _decompressed(film: DicomFilm) -> Stored:
    ds = film.dataset
    frame = b"".join(_fragments(film.pixels)[1:])  # the first is the offset table
    if film.transfer_syntax == uid.RLELossless:
        return decode_rle(frame, ds.Rows, ds.Columns, ds.BitsAllocated // 8)
    codec = CODECS[uid.UID(film.transfer_syntax)]
    stream = read_codestream(frame, codec.markers)
    if (stream.width, stream.height, stream.components) != (ds.Columns, ds.Rows, 1):
        raise corrupt()
    options = _options(ds, codec.plugin)
    if codec.isolated:
        return decode_isolated(encapsulate([stream.data]), film.transfer_syntax, options)
    stored, _ = get_decoder(uid.UID(film.transfer_syntax)).as_array(
        encapsulate([stream.data]), index=0, raw=True, **options
    )
    return np.asarray(stored)


def _options(dataset: Dataset, plugin: str) -> dict[str, int | str]:
    return {
        "decoding_plugin": plugin,
        "rows": dataset.Rows,
        "columns": dataset.Columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": dataset.PhotometricInterpretation,
        "bits_allocated": dataset.BitsAllocated,
        "bits_stored": dataset.BitsStored,
        "pixel_representation": dataset.PixelRepresentation,
        "pixel_keyword": "PixelData",
    }


def _fragments(pixels: memoryview) -> list[memoryview]:
    """Encapsulated items up to the sequence's end (PS3.5 annex A.4).

    Raises FilmError CORRUPT or UNSUPPORTED_ENCODING.
    """
    fragments: list[memoryview] = []
    position = 0
    while position + 8 <= len(pixels):
        group, element, length = struct.unpack_from("<HHI", pixels, position)
        position += 8
        if (group, element) == (0xFFFE, _SEQUENCE_END):
            return fragments
        if (group, element) != (0xFFFE, _ITEM) or position + length > len(pixels):
            break
        if len(fragments) == _MOST_FRAGMENTS:
            raise too_many_parts()
        fragments.append(pixels[position : position + length])
        position += length
    raise corrupt()
