"""From a film's bytes to the model's input: the one path that worker, command line and reports take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.pixels import normalise, preprocess
from ml.quality import assess

if TYPE_CHECKING:
    from ml.contracts import FilmLimits, FloatArray, GateFinding


def read_film(data: bytes, limits: FilmLimits, size: int) -> FloatArray | GateFinding:
    """The preprocessed film, float32 (size, size, 1) in [0, 1], or why it is not assessable.

    Raises FilmError when the bytes are no acceptable film.
    """
    image = normalise(data, limits)
    return assess(image) or preprocess(image, size)
