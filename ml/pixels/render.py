"""Pictures for people: the film, and the model's evidence over it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OVERLAY_SIDE = 512
# Evidence (logits) that is drawn fully opaque at least. Fixed, so that the hottest spot of a film
# without findings does not look like one.
_FULL_EVIDENCE = 4.0
_MOST_OPAQUE = 230
# "inferno" at nine even steps (S. van der Walt and N. Smith, CC0): brightness rises evenly, so it
# reads the same with every kind of colour vision
_INFERNO = np.array(
    [
        (0, 0, 4),
        (31, 12, 72),
        (85, 15, 109),
        (136, 34, 106),
        (186, 54, 85),
        (227, 89, 51),
        (249, 140, 10),
        (249, 201, 50),
        (252, 255, 164),
    ],
    dtype=np.float64,
)


def to_png(image: NDArray[np.uint16], max_side: int | None) -> bytes:
    """8-bit gray PNG of a canonical film uint16 (H, W), at most max_side pixels long."""
    picture = Image.fromarray(((image.astype(np.uint32) + 128) // 257).astype(np.uint8))
    if max_side is not None and max(picture.size) > max_side:
        picture = picture.resize(_fitted(picture.size, max_side), Image.Resampling.LANCZOS)
    return _png(picture)


def overlay_png(activation_map: NDArray[np.float32], size: tuple[int, int]) -> bytes:
    """RGBA PNG to lay over a film of ``size`` (width, height); at most 512 pixels long.

    activation_map: (h, w) in logit units, positive = evidence for pneumonia. Opacity grows with
    the evidence for pneumonia; evidence against it stays clear. Raises ValueError on a map that
    is not finite.
    """
    if not np.isfinite(activation_map).all():
        raise ValueError("The activation map is not finite.")
    smooth = Image.fromarray(np.ascontiguousarray(activation_map, dtype=np.float32))
    smooth = smooth.resize(_fitted(size, _OVERLAY_SIDE), Image.Resampling.BICUBIC)
    evidence = np.clip(np.asarray(smooth, dtype=np.float64), 0, None)
    share = evidence / max(_FULL_EVIDENCE, float(evidence.max()))
    steps = np.linspace(0, 1, len(_INFERNO))
    channels = [np.interp(share, steps, _INFERNO[:, channel]) for channel in range(3)]
    rgba = np.stack([*channels, share * _MOST_OPAQUE], axis=-1)
    return _png(Image.fromarray(np.round(rgba).astype(np.uint8)))


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
