"""From bytes to one canonical gray picture, whatever the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.contracts import FilmCode, FilmError
from ml.pixels.dicom import read_dicom, verify_dicom
from ml.pixels.dicom_pixels import decode_dicom
from ml.pixels.guard import only_film_errors
from ml.pixels.raster import decode_raster, verify_jpeg, verify_png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml.contracts import FilmHeader, FilmLimits

_PREAMBLE = 128
_VERIFIERS = {"JPEG": verify_jpeg, "PNG": verify_png, "DICOM": verify_dicom}


def sniff(data: bytes) -> str:
    """ "JPEG", "PNG" or "DICOM" by the first bytes; the file's name and claimed type count nothing.

    Raises FilmError EMPTY or UNSUPPORTED_TYPE.
    """
    if not data:
        raise FilmError(FilmCode.EMPTY, "The file is empty.")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return "DICOM"
    raise FilmError(
        FilmCode.UNSUPPORTED_TYPE, "The file is not a JPEG, PNG or DICOM film, whatever its name."
    )


def verify(data: bytes, limits: FilmLimits) -> FilmHeader:
    """What the file says of itself, checked against the limits; no pixel is decoded.

    Width and height are those of the upright film. Raises FilmError with any FilmCode.
    """
    kind = _admitted(data, limits)
    with only_film_errors():
        return _VERIFIERS[kind](data, limits)


def normalise(data: bytes, limits: FilmLimits) -> NDArray[np.uint16]:
    """The canonical gray film: uint16 (H, W) over 0..65535, upright, bright = dense tissue.

    8-bit values are spread by 257. A DICOM's stored values go through rescale and window (its
    first VOI table or window, else the full range of its stored bits); MONOCHROME1 is inverted.
    Raises FilmError with any FilmCode, and nothing else.
    """
    kind = _admitted(data, limits)
    with only_film_errors():
        if kind == "DICOM":
            return decode_dicom(read_dicom(data, limits))
        _VERIFIERS[kind](data, limits)
        return decode_raster(data, kind)


def _admitted(data: bytes, limits: FilmLimits) -> str:
    kind = sniff(data)
    if len(data) > limits.max_bytes:
        raise FilmError(
            FilmCode.TOO_LARGE,
            f"The file is larger than {limits.max_bytes / 2**20:.0f} MB. Send a smaller export.",
        )
    return kind
