"""What a picture looks like at 32 px, and whether frontal chest films look so."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.pixels import preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("weights.npz")
FILM, NOT_CHEST, ROTATED, INVERTED, TEXT = CLASSES = (
    "film",
    "not_chest",
    "rotated",
    "inverted",
    "text",
)
UNLIKE = "unlike"
_SIDE = 32
_FINE = 64


class WeightsError(RuntimeError):
    """The gate's weights are not those that were measured."""


def features(image: NDArray[np.uint16]) -> FloatArray:
    """The contrast-normalised thumbnail, 32 x 32 values, then global statistics."""
    fine = preprocess(image, _FINE)[..., 0]
    histogram = np.histogram(fine, bins=8, range=(0, 1))[0] / fine.size
    fine = (fine - fine.mean()) / max(float(fine.std()), 1e-3)
    thumb = fine.reshape(_SIDE, 2, _SIDE, 2).mean((1, 3))
    statistics = (
        np.mean(thumb * thumb[:, ::-1]),
        np.mean(thumb * thumb[::-1]),
        np.abs(np.diff(fine, axis=0)).mean(),
        np.abs(np.diff(fine, axis=1)).mean(),
        (fine - np.repeat(np.repeat(thumb, 2, 0), 2, 1)).std(),
        np.abs(np.concatenate([thumb[0], thumb[-1], thumb[:, 0], thumb[:, -1]])).mean(),
    )
    return np.concatenate([thumb.ravel(), histogram, statistics]).astype(np.float32)


def looks_like(image: NDArray[np.uint16]) -> str:
    """One of `CLASSES`, or `UNLIKE` for what is too far from every film that was learnt from."""
    seen = features(image)
    weights = _weights()
    likely = probabilities(seen, weights)
    if likely[0] < weights["least"]:
        return CLASSES[1 + int(np.argmax(likely[1:]))]
    return UNLIKE if distance(seen, weights) > weights["farthest"] else FILM


def probabilities(seen: FloatArray, weights: dict[str, FloatArray]) -> FloatArray:
    """P of each of `CLASSES`."""
    scaled = (seen - weights["mean"]) / weights["scale"]
    hidden = np.maximum(scaled @ weights["w1"] + weights["b1"], 0)
    logits = hidden @ weights["w2"] + weights["b2"]
    odds = np.exp(logits - logits.max())
    shares: FloatArray = odds / odds.sum()
    return shares


def distance(seen: FloatArray, weights: dict[str, FloatArray]) -> float:
    """How much of the thumbnail the main components of films do not explain."""
    thumb = seen[: _SIDE * _SIDE] - weights["centre"]
    return float(np.linalg.norm(thumb - (weights["axes"].T @ (weights["axes"] @ thumb))))


def read_weights(path: Path) -> dict[str, FloatArray]:
    """Read the weights. Raises WeightsError where they differ from the digest beside them."""
    data = path.read_bytes()
    expected = path.with_suffix(".sha256").read_text(encoding="ascii").strip()
    if hashlib.sha256(data).hexdigest() != expected:
        raise WeightsError(f"{path.name} is not the file that was measured; restore both files")
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


@cache
def _weights() -> dict[str, FloatArray]:
    return read_weights(WEIGHTS)
