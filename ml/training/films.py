"""Training films: decoded once into memory, changed afresh for every epoch."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.contracts import FilmLimits
from ml.pixels import normalise, preprocess
from ml.training.augment import augment
from ml.training.styles import with_curve, with_spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ml.contracts import FloatArray, Progress
    from ml.datasets import FilmSet
    from ml.training.augment import Jitter
    from ml.training.styles import Styles

    UInt8Array = NDArray[np.uint8]
    IntArray = NDArray[np.int64]

THREADS = 4


def load_pixels(films: FilmSet, size: int, progress: Progress) -> UInt8Array:
    """Every film of a set through the serving path, uint8 (n, size, size).

    Raises FilmError at the first film that cannot be read: training data are to be clean.
    """
    pixels = np.empty((len(films.films), size, size), np.uint8)

    def load(position: int) -> None:
        image = normalise(films.read(films.films[position].name), FilmLimits())
        pixels[position] = np.rint(preprocess(image, size)[..., 0] * 255)

    with ThreadPoolExecutor(THREADS) as pool:
        for done, _ in enumerate(pool.map(load, range(len(pixels))), start=1):
            progress("reading films", done, len(pixels))
    return pixels


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over some films in batches, changed and shuffled by (seed, number).

    With `jitter` None the films are given as they are, in order. With `graded` each film draws how
    much of the jitter it gets, from none to all, so that films as they are belong to what is learnt.
    """

    pixels: UInt8Array
    where: IntArray  # positions in `pixels`
    batch_size: int
    jitter: Jitter | None = None
    seed: int = 0
    number: int = 0
    shuffle: bool = False
    graded: bool = False
    style: float = 0.0  # chance that a film takes some of the style of another of these films
    styles: Styles | None = None  # of all films in `pixels`, needed for `style`

    def __len__(self) -> int:
        return math.ceil(len(self.where) / self.batch_size)

    def batches(self) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield (films float32 (b, S, S, 1) in [0, 1], positions in `pixels`)."""
        return (self.batch(number) for number in range(len(self)))

    def batch(self, number: int) -> tuple[FloatArray, IntArray]:
        """One batch by its number; batches may be asked for in any order and from threads."""
        order = self.where
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.number]).permutation(order)
        chunk = order[number * self.batch_size : (number + 1) * self.batch_size]
        return np.stack([self._film(int(i)) for i in chunk])[..., None], chunk

    def _film(self, position: int) -> FloatArray:
        film = self.pixels[position]
        rng = np.random.default_rng([self.seed, self.number, position])
        if self.styles is not None and rng.random() < self.style:
            other = rng.choice(self.where)
            film = with_spectrum(film, self.styles.spectra[other], rng.random())
            film = with_curve(film, self.styles.curves[other], rng.random())
        if self.jitter is not None:
            jitter = self.jitter.times(rng.random()) if self.graded else self.jitter
            film = augment(film, jitter, rng)
        scaled: FloatArray = film.astype(np.float32) / np.float32(255)
        return scaled
