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
from ml.training.styles import styles_of, with_curve, with_spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml.metrics.scores import BoolArray
    from ml.training.augment import Jitter
    from ml.training.films import UInt8Array

    Change = Callable[[UInt8Array, np.random.Generator], UInt8Array]

# Recorded with every score: views of another number are not comparable.
NUMBER = 3
CLEAN, MILDLY, CHANGED = "clean", "mild", "changed"
OTHER_STYLE, OTHER_SPECTRUM, OTHER_SITE = "other_style", "other_spectrum", "other_site"


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
_OTHERS = (OTHER_STYLE, OTHER_SPECTRUM, OTHER_SITE)
VIEWS = (*_CHANGES, *_OTHERS)
HARD = tuple(name for name in VIEWS if name not in {CLEAN, MILDLY})


def view(pixels: UInt8Array, labels: BoolArray, name: str, seed: int) -> UInt8Array:
    """All films of a part under one view: uint8 (n, S, S) in and out."""
    if name in _OTHERS:
        return _in_the_others_style(pixels, labels, name, seed)
    change = _CHANGES[name]
    rngs = (np.random.default_rng([seed, VIEWS.index(name), i]) for i in range(len(pixels)))
    return np.stack([change(film, rng) for film, rng in zip(pixels, rngs, strict=True)])


def _in_the_others_style(pixels: UInt8Array, labels: BoolArray, name: str, seed: int) -> UInt8Array:
    """Each film in the style of a film of the other label: who goes by style alone is now wrong.

    OTHER_STYLE: its gray-level curve; OTHER_SPECTRUM: its detail at each scale; OTHER_SITE: both, and
    strongly changed as well. Films of one label only stay as they are.
    """
    if labels.all() or not labels.any():
        return pixels
    rng = np.random.default_rng([seed, VIEWS.index(name)])
    styles = styles_of(pixels)
    others = {own: np.flatnonzero(labels != own) for own in (False, True)}
    changed = []
    for film, label in zip(pixels, labels, strict=True):
        other = rng.choice(others[bool(label)])
        if name != OTHER_STYLE:
            film = with_spectrum(film, styles.spectra[other])  # noqa: PLW2901
        if name != OTHER_SPECTRUM:
            film = with_curve(film, styles.curves[other])  # noqa: PLW2901
        changed.append(augment(film, STRONG, rng) if name == OTHER_SITE else film)
    return np.stack(changed)
