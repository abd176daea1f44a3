"""The films of a training in memory, with truth, part and cluster of appearance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.datasets import open_films, open_listed
from ml.pixels import preprocess
from ml.training import split as splits
from ml.training import targets as heads
from ml.training.clusters import clusters_of, glances
from ml.training.films import load_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.contracts import Progress
    from ml.datasets import FilmSet
    from ml.metrics.scores import BoolArray
    from ml.training.films import UInt8Array
    from ml.training.plan import Plan
    from ml.training.targets import Targets

LEFT_OUT = "left_out"
SIDE = 224  # films are kept at this side, and the split is made from it, whatever a network takes


@dataclass(frozen=True, slots=True)
class Corpus:
    """Films in the order of their names."""

    films: FilmSet
    pixels: UInt8Array  # (n, SIDE, SIDE)
    targets: Targets
    parts: NDArray[np.str_]  # (n,) train, validation, test, and left_out where a cluster is
    clusters: NDArray[np.int64] | None = None  # (n,)

    @property
    def labels(self) -> BoolArray:
        return np.array([film.label == 1 for film in self.films.films])

    def where(self, part: str) -> NDArray[np.int64]:
        return np.flatnonzero(self.parts == part)

    def truth(self, part: str) -> BoolArray:
        truth: BoolArray = self.labels[self.parts == part]
        return truth

    def groups(self, part: str) -> list[str]:
        """Who was photographed, for each film of a part."""
        films = [self.films.films[i] for i in self.where(part)]
        return [film.patient or film.name for film in films]

    def at(self, size: int) -> UInt8Array:
        """All films at a network's size, uint8 (n, size, size)."""
        return at_size(self.pixels, size)

    def digest(self) -> str:
        """SHA-256 over the pixels: scores of other films are other scores."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()

    def split_csv(self) -> bytes:
        return splits.split_csv(self.films.films, self.parts.tolist())

    def counts(self) -> dict[str, Any]:
        """Films of each part, and how many show pneumonia (with findings of a table: any)."""
        return {
            part: {"films": len(truth), "pneumonia": int(truth.sum())}
            for part in (*splits.PARTS, LEFT_OUT)
            if len(truth := self.truth(part))
        }

    def parted(self, parts: Mapping[str, str]) -> Corpus:
        """The same films by another split: part by path.

        Raises ValueError unless it names these films and no others.
        """
        films = self.films.films
        if lacking := [film.name for film in films if film.name not in parts]:
            raise ValueError(f"The split does not name {len(lacking)} of the films.")
        if len(parts) > len(films):
            raise ValueError(f"{len(parts) - len(films)} films of the split are not in the data.")
        return replace(self, parts=np.array([parts[film.name] for film in films]))

    def without(self, cluster: int) -> Corpus:
        """Leave one cluster out of training and validation, whole patients and their
        near-duplicates; the test part stays.

        Its films become the part `LEFT_OUT`. Raises ValueError for a cluster that is not there.
        """
        known = np.flatnonzero(self.parts != splits.TEST)
        clusters = clusters_of(glances(self.pixels, known), known)
        if cluster not in clusters:
            raise ValueError(f"There is no cluster {cluster}; there are 0 to {clusters.max()}.")
        tied = splits.groups_of(self.films.films, splits.near_duplicates(self.pixels))
        inside = {who for who, own in zip(tied, clusters, strict=True) if own == cluster}
        parts = self.parts.astype(object)
        for position, who in enumerate(tied):
            if who in inside and parts[position] != splits.TEST:
                parts[position] = LEFT_OUT if clusters[position] == cluster else ""
        return replace(self, parts=parts.astype(np.str_), clusters=clusters)


def at_size(films: UInt8Array, size: int) -> UInt8Array:
    """Films uint8 (n, SIDE, SIDE) at a network's size.

    Up to `SIDE` by the way that serving takes; above it films are blown up from `SIDE`.
    """
    if films.shape[1] == size:
        return films
    return np.stack([_resized(film, size) for film in films])


def _resized(film: UInt8Array, size: int) -> UInt8Array:
    small = preprocess(film.astype(np.uint16) * np.uint16(257), size)[..., 0]
    return np.rint(small * 255).astype(np.uint8)


def open_corpus(plan: Plan, progress: Progress) -> Corpus:
    """Read, split and label the films of a plan. Raises DatasetError, FilmError, TargetsError."""
    if plan.findings is not None:
        films, names, rows = open_listed(plan.data, plan.findings)
        targets = heads.findings(names, rows)
    else:
        films = open_films(plan.data)
        targets = (heads.subtype if plan.head == heads.SUBTYPE else heads.binary)(films.films)
    pixels = load_pixels(films, SIDE, progress)
    links = splits.near_duplicates(pixels)
    parts = splits.split_films(films.films, links, plan.split_seed)
    corpus = Corpus(films, pixels, targets, np.array(parts))
    return corpus if plan.leave_out is None else corpus.without(plan.leave_out)


def open_parted(data: Path, parts: Mapping[str, str], progress: Progress) -> Corpus:
    """The films of an earlier split, by path. Raises ValueError unless both name the same."""
    films = open_films(data)
    pixels = load_pixels(films, SIDE, progress)
    unparted = np.full(len(pixels), "")
    return Corpus(films, pixels, heads.binary(films.films), unparted).parted(parts)
