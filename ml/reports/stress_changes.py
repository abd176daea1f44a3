"""What may happen to a film on its way here, in graded strengths. The finding stays what it was."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Film = NDArray[np.uint16]
    FloatPlane = NDArray[np.float32]

_WHITE = 65535
_TEXT = "PORTABLE  AP\nL   08:15"


@dataclass(frozen=True, slots=True)
class Change:
    """One way to change a canonical film uint16 (H, W).

    `told` formats a strength for a sentence, `unit` stands below the axis of a figure.
    `apply` may draw from the generator, which is seeded by the film alone: every strength of a
    change sees the same draw. What a rotation or a shift lays bare repeats the film's edge, since a
    black border is a change of its own.
    """

    name: str
    told: str
    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[Film, float, np.random.Generator], Film]


def _film(values: NDArray[np.floating]) -> Film:
    whole: Film = np.rint(np.clip(values, 0, _WHITE)).astype(np.uint16)
    return whole


def _jpeg(film: Film, quality: float, rng: np.random.Generator) -> Film:
    file = io.BytesIO()
    Image.fromarray(np.rint(film / 257).astype(np.uint8)).save(file, "JPEG", quality=int(quality))
    return np.asarray(Image.open(file)).astype(np.uint16) * np.uint16(257)


def _resized(film: Film, width: int, height: int) -> Film:
    # Lanczos, as viewers and exporters have it. In 32 bits, for Pillow's 16-bit one wraps where
    # the filter overshoots.
    picture = Image.fromarray(film.astype(np.float32))
    return _film(np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)))


def _smaller(film: Film, percent: float, rng: np.random.Generator) -> Film:
    height, width = (max(1, round(side * percent / 100)) for side in film.shape)
    return _resized(film, width, height)


def _square(film: Film, side: float, rng: np.random.Generator) -> Film:
    return _resized(film, int(side), int(side))


def _levels(film: Film, curve: Callable[[FloatPlane], FloatPlane]) -> Film:
    """Every gray value replaced as `curve` has it, on a scale from 0 to 1."""
    table = _film(curve(np.linspace(0, 1, _WHITE + 1, dtype=np.float32)) * _WHITE)
    return table[film]


def _brightness(film: Film, percent: float, rng: np.random.Generator) -> Film:
    return _levels(film, lambda gray: gray + np.float32(percent / 100))


def _contrast(film: Film, factor: float, rng: np.random.Generator) -> Film:
    mean = np.float32(film.mean() / _WHITE)
    return _levels(film, lambda gray: (gray - mean) * np.float32(factor) + mean)


def _gamma(film: Film, exponent: float, rng: np.random.Generator) -> Film:
    return _levels(film, lambda gray: gray ** np.float32(exponent))


def _rotated(film: Film, degrees: float, rng: np.random.Generator) -> Film:
    pad = max(film.shape) // 8  # room for the corners of a film turned by 10 degrees
    picture = Image.fromarray(np.pad(film, pad, mode="edge").astype(np.float32))
    turned = _film(np.asarray(picture.rotate(degrees, Image.Resampling.BILINEAR)))
    return turned[pad:-pad, pad:-pad]


def _shifted(film: Film, percent: float, axis: int) -> Film:
    length = film.shape[axis]
    source = np.arange(length) - round(length * percent / 100)
    shifted: Film = np.take(film, np.clip(source, 0, length - 1), axis)
    return shifted


def _across(film: Film, percent: float, rng: np.random.Generator) -> Film:
    return _shifted(film, percent, axis=1)


def _along(film: Film, percent: float, rng: np.random.Generator) -> Film:
    return _shifted(film, percent, axis=0)


def _bordered(film: Film, percent: float, rng: np.random.Generator) -> Film:
    """Black along all four sides, as collimation or a scanner leaves it."""
    top, left = (round(side * percent / 100) for side in film.shape)
    framed = np.zeros_like(film)
    framed[top:-top, left:-left] = film[top:-top, left:-left]
    return framed


def _noise(film: Film, percent: float, rng: np.random.Generator) -> Film:
    grain = rng.standard_normal(film.shape, dtype=np.float32)
    return _film(film + grain * np.float32(_WHITE * percent / 100))


def _text(film: Film, percent: float, rng: np.random.Generator) -> Film:
    """White letters, `percent` of the film's height tall, in the upper left corner."""
    font = ImageFont.load_default(size=film.shape[0] * percent / 100)
    page = Image.new("L", film.shape[::-1])
    margin = film.shape[0] // 50
    ImageDraw.Draw(page).multiline_text((margin, margin), _TEXT, fill=255, font=font)
    letters = np.asarray(page).astype(np.uint16) * np.uint16(257)
    written: Film = np.maximum(film, letters)
    return written


def _flipped(film: Film, strength: float, rng: np.random.Generator) -> Film:
    return film[:, ::-1]


CHANGES = (
    Change("JPEG", "quality {:g}", "quality", (90, 75, 50, 30), _jpeg),
    Change("Smaller copy", "{:g} % of its sides", "% of its sides", (50, 25), _smaller),
    Change("Square copy", "{0:g} x {0:g} px", "px a side", (512, 224, 128), _square),
    Change(
        "Brightness",
        "{:+g} % of full scale",
        "% of full scale",
        (-20, -10, -5, 5, 10, 20),
        _brightness,
    ),
    Change(
        "Contrast", "x {:g}", "factor, about the mean", (0.5, 0.7, 0.85, 1.2, 1.5, 2), _contrast
    ),
    Change(
        "Gamma", "exponent {:g}", "exponent, above 1 darkens", (0.5, 0.7, 0.85, 1.2, 1.5, 2), _gamma
    ),
    Change(
        "Rotation", "{:+g} degrees", "degrees, counterclockwise", (-10, -5, -2, 2, 5, 10), _rotated
    ),
    Change(
        "Shift across",
        "{:+g} % of the width",
        "% of the width, right",
        (-10, -5, -2, 2, 5, 10),
        _across,
    ),
    Change(
        "Shift along",
        "{:+g} % of the height",
        "% of the height, down",
        (-10, -5, -2, 2, 5, 10),
        _along,
    ),
    Change(
        "Black border", "{:g} % of the sides", "% of the sides, all round", (2, 5, 10), _bordered
    ),
    Change("Noise", "{:g} % of full scale", "sigma, % of full scale", (2, 5, 10, 20), _noise),
    Change(
        "Burnt-in text",
        "letters {:g} % of the height",
        "letters, % of the height",
        (2, 4, 8),
        _text,
    ),
    Change("Flip", "left for right", "left for right", (1,), _flipped),
)
