"""Split films into train, validation and test by patient, and prove it.

Near-duplicate films tie their patients together: the same film under two names must never stand
on both sides.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml.datasets import LabelledFilm

    UInt8Array = NDArray[np.uint8]
    Float32Array = NDArray[np.float32]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
SHARES: Mapping[str, float] = {TRAIN: 0.70, VALIDATION: 0.15, TEST: 0.15}
DUPLICATE_CORRELATION = 0.995
_THUMB = 32


class SplitError(ValueError):
    """A patient stands in two parts of a split."""


def split_films(
    films: Sequence[LabelledFilm], links: Sequence[tuple[int, int]], seed: int
) -> list[str]:
    """Assign each film a part, whole patients at a time, in `SHARES` within each label.

    links: pairs of film positions that must stay together (near-duplicates).
    Returns the part of each film, in order. A film without a patient is its own patient.
    """
    groups = groups_of(films, links)
    members: dict[str, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    parts = [TRAIN] * len(films)
    for label in sorted({film.label for film in films}):
        chosen = sorted(g for g, where in members.items() if _major(films, where) == label)
        order = np.random.default_rng([seed, label]).permutation(len(chosen))
        _assign([members[chosen[i]] for i in order], parts)
    check_disjoint(groups, parts)
    return parts


def _assign(groups: Sequence[Sequence[int]], parts: list[str]) -> None:
    total = sum(len(group) for group in groups)
    counts: Counter[str] = Counter()
    for group in groups:
        # the part that is furthest below its share takes the next patient
        part = min(SHARES, key=lambda name: counts[name] / (SHARES[name] * total))
        counts[part] += len(group)
        for position in group:
            parts[position] = part


def check_disjoint(groups: Sequence[str], parts: Sequence[str]) -> None:
    """Raise SplitError if films of one patient stand in two parts."""
    seen: dict[str, str] = {}
    for group, part in zip(groups, parts, strict=True):
        if seen.setdefault(group, part) != part:
            raise SplitError(f"one patient's films stand in both {seen[group]} and {part}")


def groups_of(films: Sequence[LabelledFilm], links: Sequence[tuple[int, int]]) -> list[str]:
    """What stays together, for each film: its patient, and whoever near-duplicates tie to them."""
    names = [film.patient or f"film:{film.name}" for film in films]
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for one, other in links:
        low, high = sorted((root(names[one]), root(names[other])))
        parent[high] = low
    return [root(name) for name in names]


def _major(films: Sequence[LabelledFilm], where: Sequence[int]) -> int:
    return Counter(films[i].label for i in where).most_common(1)[0][0]


def near_duplicates(films: UInt8Array) -> list[tuple[int, int]]:
    """Pairs of films whose 32 px thumbnails correlate above `DUPLICATE_CORRELATION`.

    films: uint8 (n, S, S) with S a multiple of 32.
    """
    n, size = films.shape[:2]
    step = size // _THUMB
    side = step * _THUMB
    blocks = films[:, :side, :side].reshape(n, _THUMB, step, _THUMB, step)
    flat: Float32Array = blocks.mean((2, 4), dtype=np.float32).reshape(n, -1)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    pairs: list[tuple[int, int]] = []
    for start in range(0, n, 512):
        close = flat[start : start + 512] @ flat.T > DUPLICATE_CORRELATION
        pairs += [(i + start, j) for i, j in np.argwhere(close).tolist() if i + start < j]
    return pairs


def split_csv(films: Sequence[LabelledFilm], parts: Sequence[str]) -> bytes:
    """The split as a file: path, label, part, one line a film. Its SHA-256 names the split."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "label", "part"])
    writer.writerows((f.name, f.label, part) for f, part in zip(films, parts, strict=True))
    return out.getvalue().encode()


def split_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
