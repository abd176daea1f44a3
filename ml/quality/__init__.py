"""The quality gate: may this film have a score at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.contracts import GateCode, GateFinding
from ml.quality.appearance import FILM, INVERTED, NOT_CHEST, ROTATED, TEXT, UNLIKE, looks_like

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHORTEST_SIDE = 128
# share of the gray scale between the 2nd and 98th percentile: 0.31 at least in 5,232 real films
_LEAST_CONTRAST = 0.05
# share of pixels in the lowest or highest 1/256 of the scale: 0.30 at most in real films
_MOST_AT_ONE_END = 0.80
_SAMPLED_PIXELS = 100_000
_REFUSALS = {
    NOT_CHEST: GateFinding(
        GateCode.NOT_CHEST,
        "This does not look like a chest film. Check that the right file was sent.",
    ),
    ROTATED: GateFinding(
        GateCode.LATERAL_OR_ROTATED,
        "This looks like a lateral or turned film. Send the frontal film, head up.",
    ),
    INVERTED: GateFinding(
        GateCode.INVERTED,
        "The grays look inverted. Send the film with bright bones and dark lungs.",
    ),
    TEXT: GateFinding(
        GateCode.TEXT_OR_SCREENSHOT,
        "This looks like text or a screenshot. Send the film itself.",
    ),
    UNLIKE: GateFinding(
        GateCode.OUT_OF_DISTRIBUTION,
        "This film differs too much from those the gate was made with. Check the view and send it "
        "again.",
    ),
}


def assess(image: NDArray[np.uint16]) -> GateFinding | None:
    """None for a film that may be scored, else the first reason against it.

    image: canonical film uint16 (H, W), as `ml.pixels.normalise` gives it.
    """
    for check in (_too_small, _blank_or_saturated, _unlike_a_film):
        finding = check(image)
        if finding is not None:
            return finding
    return None


def _too_small(image: NDArray[np.uint16]) -> GateFinding | None:
    height, width = image.shape
    if min(height, width) >= _SHORTEST_SIDE:
        return None
    return GateFinding(
        GateCode.TOO_SMALL,
        f"The film has {width} x {height} pixels; {_SHORTEST_SIDE} on the short side are needed. "
        "Send the film at its true size.",
    )


def _blank_or_saturated(image: NDArray[np.uint16]) -> GateFinding | None:
    step = max(1, int(np.sqrt(image.size / _SAMPLED_PIXELS)))
    sample = image[::step, ::step]
    low, high = np.percentile(sample, (2, 98))
    dark, bright = np.mean(sample < 256), np.mean(sample >= 65280)
    if (high - low) / 65535 >= _LEAST_CONTRAST and max(dark, bright) <= _MOST_AT_ONE_END:
        return None
    return GateFinding(
        GateCode.BLANK_OR_SATURATED,
        "The film is almost all black, white or one gray. Check exposure and export, and send it "
        "again.",
    )


def _unlike_a_film(image: NDArray[np.uint16]) -> GateFinding | None:
    seen = looks_like(image)
    return None if seen == FILM else _REFUSALS[seen]
