"""From the canonical film to the model's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREPROCESSING_ID = "square-gray-1"
# The films that models are trained on are stored at this side. A larger film is brought to it
# first, so that a film and its stored copy take the same way down to a smaller input.
_COMMON_SIDE = 224


def preprocess(image: NDArray[np.uint16], size: int) -> NDArray[np.float32]:
    """float32 (size, size, 1) in [0, 1] from a canonical film uint16 (H, W).

    Squashed to a square: a letterbox would show the aspect ratio, which in the training films
    tells the label. Antialiased bilinear (a triangle as wide as the reduction).
    """
    square = _squashed(image, _COMMON_SIDE) if size < _COMMON_SIDE else image
    square = _squashed(square, size)
    return (square.astype(np.float32) / np.float32(65535))[:, :, np.newaxis]


def _squashed(image: NDArray[np.uint16], side: int) -> NDArray[np.uint16]:
    if image.shape == (side, side):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.uint16))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), dtype=np.uint16)
