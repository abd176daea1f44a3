"""Render the synthetic sample films: samples/*, samples/golden/*, samples/manifest.csv and the
numbers of samples/README.md.

    python scripts/make_sample_films.py DATA_FOLDER [--only-golden]

DATA_FOLDER holds chest_xray_train_224.zip. Each film is a random point in the space of the
principal components of its class, so it shows no patient; finish() then makes it look taken.
A draw that the committed model does not classify as drawn is thrown away and drawn again.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("NORMAL", "PNEUMONIA")
SIDE = 160
COMPONENTS = 240
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
        return cls(mean, components, np.sqrt(values / len(films)))

    def draw(self, rng: np.random.Generator) -> Plane:
        """A new film (SIDE, SIDE), about 0..1."""
        point = rng.normal(size=len(self.spread)) * self.spread * SPREAD
        return (self.mean + point.astype(np.float32) @ self.components).reshape(SIDE, SIDE)


def read_films(archive: Path, label: str) -> Plane:
    """float32 (n, SIDE * SIDE) in 0..1, an evenly spaced choice of the class's films."""
    with zipfile.ZipFile(archive) as source:
        names = sorted(n for n in source.namelist() if n.startswith(label) and n.endswith(".jpeg"))
        chosen = [names[i] for i in np.linspace(0, len(names) - 1, FILMS_PER_CLASS).astype(int)]
        films = [_small(source.read(name)) for name in chosen]
    return np.stack(films)


def _small(data: bytes) -> Plane:
    image = (
        Image.open(io.BytesIO(data)).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    )
    return (np.asarray(image, dtype=np.float32) / 255).ravel()


def resized(plane: Plane, width: int, height: int) -> Plane:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: float) -> Plane:
    """Standard normal noise whose grains are about that many pixels wide."""
    height, width = shape
    small = rng.normal(size=(max(2, round(height / grain_px)), max(2, round(width / grain_px))))
    plane = resized(small.astype(np.float32), width, height)
    return (plane / plane.std()).astype(np.float32)


def sharpened(plane: Plane, radius_px: float, amount: float) -> Plane:
    height, width = plane.shape
    blurred = resized(plane, max(2, round(width / radius_px)), max(2, round(height / radius_px)))
    return plane + amount * (plane - resized(blurred, width, height))


def collimated(plane: Plane, rng: np.random.Generator) -> Plane:
    """The unexposed border: a soft edge on each side, a little askew."""
    height, width = plane.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(width, height)
    right, bottom = width / max(width, height), height / max(width, height)
    mask = np.ones_like(plane)
    for distance in (x, right - x, y, bottom - y):
        margin, skew = rng.uniform(0.0, 0.012), rng.uniform(-0.006, 0.006)
        along = y if distance is x else x
        mask *= 1 / (1 + np.exp(-(distance - margin + skew * (along - 0.5)) * 900))
    return plane * mask


def finish(draw: Plane, size: tuple[int, int], rng: np.random.Generator, grain: float) -> Plane:
    """From a draw to a film (height, width) in 0..1: bone edges, lung markings, film grain."""
    width, height = size
    scale = height / SIDE
    film = resized(sharpened(draw, 2.0, 0.9), width, height)
    film = sharpened(film, max(1.5, 1.6 * scale), 0.7)
    depth = np.clip(1.15 - film, 0.15, 1.0)  # lung shows more structure than the dense parts
    for grain_px, amount in ((2.2 * scale, 0.010), (1.1 * scale, 0.009), (0.5 * scale, 0.006)):
        film = film + amount * depth * noise(rng, film.shape, max(1.0, grain_px))
    film = film + grain * noise(rng, film.shape, 1.6)
    return np.clip(collimated(film, rng), 0, 1)


def draw_size(rng: np.random.Generator, height: int) -> tuple[int, int]:
    """Width and height; one range of aspect ratios for both classes, or it would tell them."""
    return round(height * rng.uniform(1.05, 1.35)), height


def make_golden(models: dict[str, ClassModel], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for label in CLASSES:
        for number in range(1, 4):
            rng = np.random.default_rng([7, CLASSES.index(label), number])
            film = finish(models[label].draw(rng), draw_size(rng, 240), rng, grain=0.004)
            picture = Image.fromarray(np.round(film * 255).astype(np.uint8))
            picture.save(folder / f"{label.lower()}-{number}.png", optimize=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder that holds chest_xray_train_224.zip")
    parser.add_argument("--only-golden", action="store_true")
    options = parser.parse_args(arguments)
    archive = options.data / "chest_xray_train_224.zip"
    models = {}
    for label in CLASSES:
        print(f"fitting {label}", file=sys.stderr)
        models[label] = ClassModel.fit(read_films(archive, label))
    make_golden(models, ROOT / "samples" / "golden")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
