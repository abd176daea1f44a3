"""The one thing that a film's EXIF is asked for: which way is up.

Source: TIFF 6.0 section 2 (the structure), EXIF 2.3 section 4.6.4 (the tag).
"""

from __future__ import annotations

import struct

EXIF_START = b"Exif\0\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION = 0x0112
_NUMBERS = {1: "B", 3: "H", 4: "I"}
_AS_STORED = 1


def orientation(exif: bytes) -> int:
    """The orientation's number; 1 (as stored) where there is none or it cannot be read."""
    tiff = exif.removeprefix(EXIF_START)
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return _AS_STORED
    try:
        return _orientation(tiff, order)
    except struct.error:  # broken EXIF is no reason to refuse a readable film
        return _AS_STORED


def _orientation(tiff: bytes, order: str) -> int:
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for number in range(entries):
        entry = directory + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION and kind in _NUMBERS:
            return int(struct.unpack_from(order + _NUMBERS[kind], tiff, entry + 8)[0])
    return _AS_STORED
