"""The ways a part of the films is looked at: as it is, changed, and as another site might send it.

Films as they are cannot tell good networks apart (all reach ROC AUC 0.99 here), so choices are made
on the `HARD` views. Each changes a film and leaves the finding in place; the same film gives the
same view each time.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from ml.training.augment import MILD, STRONG, augment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml.metrics.scores import BoolArray
    from ml.training.augment import Jitter
    from ml.training.films import UInt8Array

    Change = Callable[[UInt8Array, np.random.Generator], UInt8Array]

# Recorded with every score: views of another number are not comparable.
NUMBER = 1
CLEAN, MILDLY, CHANGED, OTHER_STYLE = "clean", "mild", "changed", "other_style"


def _jitter(jitter: Jitter) -> Change:
    return lambda film, rng: augment(film, jitter, rng)


def _filtered(kind: ImageFilter.Filter) -> Change:
    return lambda film, _rng: np.asarray(Image.fromarray(film).filter(kind))


def _coarse(film: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    side = len(film)
    small = Image.fromarray(film).resize((side * 7 // 20,) * 2, Image.Resampling.BILINEAR)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def _jpeg(film: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "JPEG", quality=15)
    return np.asarray(Image.open(stream).convert("L"))


def _noisy(film: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    return np.clip(film + rng.normal(0, 12, film.shape), 0, 255).astype(np.uint8)


def _curve(gamma: float, gain: float, lift: float) -> Change:
    levels = np.linspace(0, 1, 256) ** gamma * gain + lift
    table = np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
    return lambda film, _rng: table[film]


def _collimated(film: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Black shutters of unequal width, and a bright side marker inside one corner."""
    changed, side = film.copy(), len(film)
    top, right, bottom, left = (side * rng.uniform(0.03, 0.12, 4)).astype(int)
    changed[:top] = changed[side - bottom :] = 0
    changed[:, :left] = changed[:, side - right :] = 0
    mark = side // 14
    column = left + 4 if rng.random() < 0.5 else side - right - mark - 4
    changed[top + 4 : top + 4 + mark, column : column + mark // 2] = 235
    return changed


_CHANGES: Mapping[str, Change] = {
    CLEAN: lambda film, _rng: film,
    MILDLY: _jitter(MILD),
    CHANGED: _jitter(STRONG),
    "blurred": _filtered(ImageFilter.GaussianBlur(1.6)),
    "coarse": _coarse,
    "compressed": _jpeg,
    "noisy": _noisy,
    "dark": _curve(1.8, 1.0, 0.0),
    "pale": _curve(0.6, 0.7, 0.25),
    "sharpened": _filtered(ImageFilter.UnsharpMask(12, 160, 0)),
    "collimated": _collimated,
}
VIEWS = (*_CHANGES, OTHER_STYLE)
HARD = tuple(name for name in VIEWS if name not in {CLEAN, MILDLY})


def view(pixels: UInt8Array, labels: BoolArray, name: str, seed: int) -> UInt8Array:
    """All films of a part under one view: uint8 (n, S, S) in and out."""
    if name == OTHER_STYLE:
        return _in_the_others_style(pixels, labels, seed)
    change = _CHANGES[name]
    number = VIEWS.index(name)
    rngs = (np.random.default_rng([seed, number, i]) for i in range(len(pixels)))
    return np.stack([change(film, rng) for film, rng in zip(pixels, rngs, strict=True)])


def _in_the_others_style(pixels: UInt8Array, labels: BoolArray, seed: int) -> UInt8Array:
    """Each film with the gray-level curve of a film of the other label.

    Whoever tells the labels by exposure alone is now wrong. Films of one label stay as they are.
    """
    rng = np.random.default_rng([seed, VIEWS.index(OTHER_STYLE)])
    styled = pixels.copy()
    for own in (labels, ~labels):
        others = np.flatnonzero(~own)
        if not len(others):
            continue
        for position in np.flatnonzero(own):
            styled[position] = _matched(pixels[position], pixels[rng.choice(others)])
    return styled


def _matched(film: UInt8Array, other: UInt8Array) -> UInt8Array:
    """Monotone gray-level map that gives `film` the histogram of `other`."""
    rank = np.cumsum(np.bincount(film.ravel(), minlength=256)) / film.size
    level = np.cumsum(np.bincount(other.ravel(), minlength=256)) / other.size
    table = np.interp(rank, level, np.arange(256))
    return np.rint(table).astype(np.uint8)[film]
