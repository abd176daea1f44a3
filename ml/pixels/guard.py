"""Decoders fail in their own ways on hostile bytes; outside this package there is only FilmError."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml.contracts import FilmCode, FilmError, FilmLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

CORRUPT_MESSAGE = "The file is damaged or incomplete. Export the film again and send the new file."


def corrupt() -> FilmError:
    return FilmError(FilmCode.CORRUPT, CORRUPT_MESSAGE)


def unsupported(message: str) -> FilmError:
    return FilmError(FilmCode.UNSUPPORTED_ENCODING, message)


def too_many_parts() -> FilmError:
    return unsupported(
        "The film's file is in more parts than a film needs. Export the film again, as PNG or as "
        "uncompressed DICOM."
    )


@contextmanager
def only_film_errors() -> Iterator[None]:
    """Turn whatever a decoder raises into a FilmError; the cause may quote the file, so cut it."""
    try:
        yield
    except FilmError:
        raise
    except MemoryError:
        raise FilmError(
            FilmCode.TOO_MANY_PIXELS, "The film needs more memory than a film may take."
        ) from None
    except Exception:
        raise corrupt() from None


def check_size(width: int, height: int, limits: FilmLimits) -> None:
    """Refuse an impossible or too large picture. Raises FilmError CORRUPT or TOO_MANY_PIXELS."""
    if width < 1 or height < 1:
        raise corrupt()
    if width * height > limits.max_pixels:
        raise FilmError(
            FilmCode.TOO_MANY_PIXELS,
            f"The film has {width} x {height} pixels; at most {limits.max_pixels:,} pixels are "
            "accepted. Export it at a lower resolution.",
        )
