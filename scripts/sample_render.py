"""Draw a synthetic chest film: a random point among the principal components of its class.

The point shows no patient; `finish` then makes it look taken: bone edges, lung markings, film
grain, a side marker and the collimator's border, alike for both classes.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

CLASSES = ("NORMAL", "PNEUMONIA")
SIDE = 160
COMPONENTS = 140
SPREAD = 0.8
FILMS_PER_CLASS = 1300


@dataclass(frozen=True)
class ClassModel:
    """Mean (p,), components (k, p) and their standard deviations (k,) of one class's films."""

    mean: Plane
    components: Plane
    spread: Plane

    @classmethod
    def fit(cls, films: Plane) -> ClassModel:
        """films: float32 (n, p). Eigenvectors of the small n x n Gram matrix, not the p x p one."""
        mean = films.mean(axis=0)
        centred = films - mean
        values, vectors = np.linalg.eigh(centred @ centred.T)
        values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
        components = (vectors / np.sqrt(values)).T @ centred
        return cls(mean, components.astype(np.float32), np.sqrt(values / len(films)))

    def draw(self, rng: np.random.Generator) -> Plane:
        """A new film (SIDE, SIDE), about 0..1."""
        point = rng.normal(size=len(self.spread)) * self.spread * SPREAD
        film: Plane = self.mean + point.astype(np.float32) @ self.components
        return film.reshape(SIDE, SIDE)


def read_films(archive: Path, label: str) -> Plane:
    """float32 (n, SIDE * SIDE) in 0..1, an evenly spaced choice of the class's films."""
    with zipfile.ZipFile(archive) as source:
        names = sorted(n for n in source.namelist() if n.startswith(label) and n.endswith(".jpeg"))
        chosen = [names[i] for i in np.linspace(0, len(names) - 1, FILMS_PER_CLASS).astype(int)]
        return np.stack([_small(source.read(name)) for name in chosen])


def _small(data: bytes) -> Plane:
    image = Image.open(io.BytesIO(data)).convert("L")
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    gray: Plane = np.asarray(small, dtype=np.float32) / np.float32(255)
    return gray.ravel()


def _resized(plane: Plane, width: int, height: int) -> Plane:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.array(resized, dtype=np.float32)


def _blurred(plane: Plane, radius_px: float) -> Plane:
    height, width = plane.shape
    small = _resized(plane, max(2, round(width / radius_px)), max(2, round(height / radius_px)))
    return _resized(small, width, height)


def _sharpened(plane: Plane, radius_px: float, amount: float) -> Plane:
    sharp: Plane = plane + np.float32(amount) * (plane - _blurred(plane, radius_px))
    return sharp


def _noise(rng: np.random.Generator, shape: tuple[int, ...], grain_px: float) -> Plane:
    """Standard normal noise whose grains are about that many pixels wide."""
    height, width = shape
    small = rng.normal(size=(max(2, round(height / grain_px)), max(2, round(width / grain_px))))
    plane: Plane = _resized(small.astype(np.float32), width, height)
    plane /= plane.std()
    return plane


def _without_ghosts(draw: Plane) -> Plane:
    """Smooth the rim, where the side markers of many films have left a blurred mean letter."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    side = np.minimum(x, 1 - x)
    reach = 0.08 + 0.12 / (1 + np.exp((y - 0.2) * 40))
    weight = (1 / (1 + np.exp((side - reach) * 60))).astype(np.float32)
    smooth: Plane = draw * (1 - weight) + _blurred(draw, SIDE / 18) * weight
    return smooth


def _marked(film: Plane, rng: np.random.Generator) -> Plane:
    """A lead "R" on the patient's right, which is the picture's left."""
    height, width = film.shape
    layer = Image.new("L", (width, height))
    where = (rng.uniform(0.03, 0.07) * width, rng.uniform(0.06, 0.4) * height)
    font = ImageFont.load_default(size=height * 0.045)
    ImageDraw.Draw(layer).text(where, "R", fill=200, font=font)
    return np.maximum(film, np.asarray(layer, dtype=np.float32) / 255)


def _collimated(film: Plane, rng: np.random.Generator) -> Plane:
    """The unexposed border: a soft edge on each side, a little askew."""
    height, width = film.shape
    longest = max(width, height)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / longest
    mask = np.ones_like(film)
    edges = ((x, y), (width / longest - x, y), (y, x), (height / longest - y, x))
    for distance, along in edges:
        margin, skew = rng.uniform(0.0, 0.012), rng.uniform(-0.006, 0.006)
        inside = distance - margin + skew * (along - 0.5)
        mask *= 1 / (1 + np.exp(np.clip(-inside * 900, -60, 60)))
    return film * mask


def finish(draw: Plane, size: tuple[int, int], rng: np.random.Generator, grain: float) -> Plane:
    """From a draw to a film float32 (height, width) in 0..1; size is (width, height).

    A sum of components is softer than any film, and the model takes softness for haze, so the
    sharpening is strong; it is the same for both classes.
    """
    width, height = size
    scale = height / SIDE
    film = _resized(_sharpened(_without_ghosts(draw), 2.0, 2.5), width, height)
    film = _sharpened(film, max(1.5, 1.6 * scale), 1.5)
    depth = np.clip(1.15 - film, 0.15, 1.0)  # lung shows more structure than the dense parts
    for grain_px, amount in ((2.2 * scale, 0.010), (1.1 * scale, 0.009), (0.5 * scale, 0.006)):
        film = film + np.float32(amount) * depth * _noise(rng, film.shape, max(1.0, grain_px))
    film = _marked(film, rng)
    film = film + np.float32(grain) * _noise(rng, film.shape, 1.6)
    return np.clip(_collimated(film, rng), 0, 1).astype(np.float32)


def draw_size(rng: np.random.Generator, height: int) -> tuple[int, int]:
    """Width and height; one range of aspect ratios for both classes, or it would tell them."""
    return round(height * rng.uniform(1.05, 1.35)), height
