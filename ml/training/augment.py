"""Random changes that leave the finding in place: position, exposure, sharpness, compression.

They stand for what differs between hospitals, not for anatomy. Seeded per film and epoch, so a
resumed or repeated training sees the same films.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    UInt8Array = NDArray[np.uint8]


_WIDEST_SHUTTER = 0.12  # of the side


@dataclass(frozen=True, slots=True)
class Jitter:
    """Half-widths of the uniform ranges; probabilities where a name ends in ``_p``."""

    rotate: float  # degrees
    shift: float  # of the side
    zoom: float  # factor 1 - zoom to 1 + zoom, drawn for each axis
    gamma: float  # exponent exp(-gamma) to exp(gamma)
    contrast: float
    brightness: float  # of full scale
    degrade_p: float  # blur, sharpening, noise, JPEG and lost resolution, each
    marker_p: float  # a bright or dark patch at the border: side marker, cable
    frame_p: float  # shutters along the sides: collimation, a digitiser's frame
    flip_p: float = 0.5

    def times(self, share: float) -> Jitter:
        """The same with everything but the flip scaled: 0 leaves a film as it is."""
        scaled = {name: value * share for name, value in asdict(self).items()}
        return Jitter(**scaled | {"flip_p": self.flip_p})


STRONG = Jitter(
    rotate=12,
    shift=0.08,
    zoom=0.15,
    gamma=0.5,
    contrast=0.35,
    brightness=0.12,
    degrade_p=0.25,
    marker_p=0.3,
    frame_p=0.3,
)
MILD = Jitter(
    rotate=5,
    shift=0.03,
    zoom=0.06,
    gamma=0.25,
    contrast=0.15,
    brightness=0.05,
    degrade_p=0.25,
    marker_p=0.0,
    frame_p=0.0,
    flip_p=0.0,
)

# What the refined network learns from reaches beyond what it is measured on.
WIDE = STRONG.times(1.6)


def augment(film: UInt8Array, jitter: Jitter, rng: np.random.Generator) -> UInt8Array:
    """One changed copy of a film, uint8 (S, S) in and out."""
    image = _move(Image.fromarray(film), jitter, rng)
    if rng.random() < jitter.flip_p:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = _degrade(image, jitter.degrade_p, rng)
    pixels = _expose(np.asarray(image), jitter, rng)
    if rng.random() < jitter.marker_p:
        _mark(pixels, rng)
    if rng.random() < jitter.frame_p:
        _frame(pixels, rng)
    return pixels


def _move(image: Image.Image, jitter: Jitter, rng: np.random.Generator) -> Image.Image:
    side = image.width
    angle = np.deg2rad(rng.uniform(-jitter.rotate, jitter.rotate))
    zoom_x, zoom_y = rng.uniform(1 - jitter.zoom, 1 + jitter.zoom, 2)
    shift_x, shift_y = rng.uniform(-jitter.shift, jitter.shift, 2) * side
    a, b = np.cos(angle) * zoom_x, -np.sin(angle) * zoom_x
    d, e = np.sin(angle) * zoom_y, np.cos(angle) * zoom_y
    half = side / 2
    matrix = (
        a,
        b,
        half - a * half - b * half + shift_x,
        d,
        e,
        half - d * half - e * half + shift_y,
    )
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )


def _degrade(image: Image.Image, chance: float, rng: np.random.Generator) -> Image.Image:
    lose, blur, sharpen, noise, squeeze = rng.random(5) < chance
    if lose:
        side = int(image.width * rng.uniform(0.5, 0.9))
        image = image.resize((side, side), Image.Resampling.BILINEAR).resize(
            image.size, Image.Resampling.BICUBIC
        )
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    if sharpen:
        image = image.filter(
            ImageFilter.UnsharpMask(rng.uniform(0.5, 2.0), int(rng.uniform(20, 150)), 0)
        )
    if noise:
        grain = rng.normal(0, rng.uniform(1, 8), (image.height, image.width))
        image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    if squeeze:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(30, 90)))
        image = Image.open(stream).convert("L")
    return image


def _expose(film: UInt8Array, jitter: Jitter, rng: np.random.Generator) -> UInt8Array:
    levels = np.linspace(0, 1, 256)
    levels **= np.exp(rng.uniform(-jitter.gamma, jitter.gamma))
    gain = 1 + rng.uniform(-jitter.contrast, jitter.contrast)
    levels = (levels - 0.5) * gain + 0.5 + rng.uniform(-jitter.brightness, jitter.brightness)
    table = np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
    changed: UInt8Array = table[film]
    return changed


def _mark(film: UInt8Array, rng: np.random.Generator) -> None:
    side = len(film)
    height, width = (side * rng.uniform(0.03, 0.2, 2)).astype(int)
    top = rng.integers(0, side - height)
    left = rng.choice([0, side - width]) if rng.random() < 0.5 else rng.integers(0, side - width)
    if rng.random() < 0.5:
        top = rng.choice([0, side - height])
    film[top : top + height, left : left + width] = rng.choice([0, 255, int(rng.integers(0, 256))])


def _frame(film: UInt8Array, rng: np.random.Generator) -> None:
    """Shutters of unequal width on some of the sides, mostly black."""
    side = len(film)
    top, right, bottom, left = (
        side * rng.uniform(0.0, _WIDEST_SHUTTER, 4) * (rng.random(4) < 0.7)
    ).astype(int)
    level = 0 if rng.random() < 0.8 else int(rng.integers(0, 256))
    film[:top] = film[side - bottom :] = level
    film[:, :left] = film[:, side - right :] = level
