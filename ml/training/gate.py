"""Train the quality gate's look at a picture: python -m ml.training.gate --data ZIP --report JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.datasets import open_films
from ml.quality import assess
from ml.quality.appearance import (
    CLASSES,
    FILM,
    INVERTED,
    ROTATED,
    WEIGHTS,
    distance,
    features,
    probabilities,
)
from ml.training.augment import STRONG, augment
from ml.training.films import load_pixels
from ml.training.not_films import not_films
from ml.training.split import TEST, TRAIN, near_duplicates, split_films

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    UInt8Array = NDArray[np.uint8]
    FloatArray = NDArray[np.float32]

_HIDDEN = 32
_COMPONENTS = 40
_PASSING_SHARE = 0.2  # percentile of the training films below which a film is doubted
Example = tuple["FloatArray", str]


def main() -> None:
    """Train, write the weights with their digest, measure on what was held out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--drawn", type=Path, help=".npy, uint8 (n, 224, 224): more films")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    films = open_films(options.data)
    pixels = load_pixels(films, 224, lambda *_: None)
    parts = np.array(split_films(films.films, near_duplicates(pixels), options.seed))
    drawn = np.load(options.drawn, allow_pickle=False) if options.drawn else pixels[:0]
    examples = [*_examples(pixels[parts == TRAIN], drawn, options.seed)]
    write(fit(examples, options.seed), options.out)
    report = measure(pixels[parts == TEST], options.seed)
    options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _deep(picture: UInt8Array) -> NDArray[np.uint16]:
    return picture.astype(np.uint16) * np.uint16(257)


def _turned(film: UInt8Array) -> dict[str, UInt8Array]:
    return {
        "rotated by 90": np.rot90(film),
        "rotated by 180": np.rot90(film, 2),
        "rotated by 270": np.rot90(film, 3),
        "upside down": film[::-1],
    }


def _examples(films: UInt8Array, drawn: UInt8Array, seed: int) -> Iterator[Example]:
    rng = np.random.default_rng(seed)
    for film in (*films, *drawn):
        changed = augment(film, STRONG, rng)
        for view in (film, film[:, ::-1], changed):
            yield features(_deep(view)), FILM
        for view in (film, changed):
            turned = [*_turned(view).values()][int(rng.integers(4))]
            yield features(_deep(turned)), ROTATED
        yield features(_deep(255 - changed)), INVERTED
    for other in not_films(700, held_out=False, seed=seed):
        yield features(_deep(other.picture)), other.label


def fit(examples: Sequence[Example], seed: int) -> dict[str, FloatArray]:
    """The classifier, the films' main components and both limits."""
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPClassifier

    seen = np.stack([one for one, _ in examples])
    labels = np.array([CLASSES.index(label) for _, label in examples])
    mean, scale = seen.mean(0), seen.std(0) + 0.05
    net = MLPClassifier((_HIDDEN,), alpha=1e-2, batch_size=256, max_iter=12, random_state=seed).fit(
        (seen - mean) / scale, labels
    )
    films = seen[labels == CLASSES.index(FILM)]
    main = PCA(_COMPONENTS, svd_solver="randomized", random_state=seed).fit(films[:, :1024])
    (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
    parts = {"mean": mean, "scale": scale, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
    parts |= {"centre": main.mean_, "axes": main.components_}
    weights = {name: part.astype(np.float16).astype(np.float32) for name, part in parts.items()}
    likely = [probabilities(film, weights)[0] for film in films]
    far = [distance(film, weights) for film in films]
    least = min(0.5, float(np.percentile(likely, _PASSING_SHARE)))
    weights["least"] = np.float32(least).reshape(())
    weights["farthest"] = np.float32(np.percentile(far, 100 - _PASSING_SHARE)).reshape(())
    return weights


def write(weights: dict[str, FloatArray], path: Path) -> None:
    """The weights at half precision, and their digest in a file beside them."""
    np.savez_compressed(path, **{k: v.astype(np.float16) for k, v in weights.items()})  # type: ignore[arg-type]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".sha256").write_text(digest + "\n", encoding="ascii")


def measure(films: UInt8Array, seed: int) -> dict[str, dict[str, int]]:
    """For each kind of picture: how many passed, how many were refused and as what."""
    report: dict[str, Counter[str]] = {}

    def count(kind: str, picture: UInt8Array) -> None:
        finding = assess(_deep(picture))
        report.setdefault(kind, Counter())[finding.code if finding else "passed"] += 1

    for film in films:
        count("film", film)
        count("film, left-right flipped", film[:, ::-1])
        count("film, inverted", 255 - film)
        for kind, picture in _turned(film).items():
            count(f"film, {kind}", picture)
    for other in not_films(150, held_out=True, seed=seed):
        count(other.kind, other.picture)
    return {kind: dict(found) for kind, found in report.items()}


if __name__ == "__main__":
    main()
