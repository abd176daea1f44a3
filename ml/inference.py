"""From a film's bytes to the model's input: the one path that worker, command line and reports take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.pixels import normalise, preprocess
from ml.quality import assess

if TYPE_CHECKING:
    from ml.contracts import FilmLimits, FloatArray, GateFinding


def read_film(
    data: bytes, limits: FilmLimits, size: int, *, gate: bool = True
) -> FloatArray | GateFinding:
    """The preprocessed film, float32 (size, size, 1) in [0, 1], or why it is not assessable.

    gate: False only to measure what the model says of films that it would never be shown. Raises FilmError when the bytes are no acceptable film.
    """
    image = normalise(data, limits)
    finding = assess(image) if gate else None
    return finding or preprocess(image, size)
