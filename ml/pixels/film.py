"""From bytes to one canonical gray picture, whatever the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.contracts import FilmCode, FilmError
from ml.pixels.depth import DeepFilm, deep_dicom, deep_raster
from ml.pixels.dicom import DicomFilm, read_dicom
from ml.pixels.dicom_pixels import decode_dicom
from ml.pixels.guard import only_film_errors
from ml.pixels.raster import RasterFilm, decode_raster, read_jpeg, read_png

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ml.contracts import FilmHeader, FilmLimits

    Film = DicomFilm | RasterFilm

_PREAMBLE = 128
_READERS: dict[str, Callable[[bytes, FilmLimits], Film]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "DICOM": read_dicom,
}


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
    with only_film_errors():
        return _read(data, limits).header


def normalise(data: bytes, limits: FilmLimits) -> NDArray[np.uint16]:
    """The canonical gray film: uint16 (H, W) over 0..65535, upright, bright = dense tissue.

    8-bit values are spread by 257. A DICOM's stored values go through rescale and window (its
    first VOI table or window, else the full range of its stored bits); MONOCHROME1 is inverted.
    Raises FilmError with any FilmCode, and nothing else.
    """
    with only_film_errors():
        return _decoded(_read(data, limits))


def verify_and_normalise(data: bytes, limits: FilmLimits) -> tuple[FilmHeader, NDArray[np.uint16]]:
    """What `verify` and `normalise` tell, from one reading of the file. Raises FilmError."""
    with only_film_errors():
        film = _read(data, limits)
        return film.header, _decoded(film)


def full_depth(data: bytes, limits: FilmLimits) -> DeepFilm:
    """The film's stored values, upright, with all that a viewer needs. Raises FilmError alone."""
    with only_film_errors():
        film = _read(data, limits)
        return deep_dicom(film) if isinstance(film, DicomFilm) else deep_raster(film)


def _read(data: bytes, limits: FilmLimits) -> Film:
    kind = sniff(data)
    if len(data) > limits.max_bytes:
        raise FilmError(
            FilmCode.TOO_LARGE,
            f"The file is larger than {limits.max_bytes / 2**20:.0f} MB. Send a smaller export.",
        )
    return _READERS[kind](data, limits)


def _decoded(film: Film) -> NDArray[np.uint16]:
    return decode_dicom(film) if isinstance(film, DicomFilm) else decode_raster(film)
