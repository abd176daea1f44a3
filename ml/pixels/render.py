"""Pictures for people: the film, and the model's evidence over it."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.pixels.depth import to_8_bits

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
    picture = Image.fromarray(to_8_bits(image))
    if max_side is not None and max(picture.size) > max_side:
        picture = picture.resize(_fitted(picture.size, max_side), Image.Resampling.HAMMING)
    return _png(picture)


def overlay_png(activation_map: NDArray[np.float32], size: tuple[int, int]) -> bytes:
    """RGBA PNG to lay over a film of ``size`` (width, height); at most 512 pixels long.

    activation_map: (h, w) in logit units, positive = evidence for pneumonia. Opacity grows with
    the evidence for pneumonia; evidence against it stays clear. Raises ValueError on a map that
    is not finite.
    """
    share = _share(activation_map, size)
    steps = np.linspace(0, 1, len(_INFERNO))
    channels = [np.interp(share, steps, _INFERNO[:, channel]) for channel in range(3)]
    rgba = np.stack([*channels, share * _MOST_OPAQUE], axis=-1)
    return _png(Image.fromarray(np.round(rgba).astype(np.uint8)))


def evidence_png(activation_map: NDArray[np.float32], size: tuple[int, int]) -> bytes:
    """The same evidence as 8-bit gray PNG, 0 (none, or against) to 255, to be coloured elsewhere."""
    return _png(Image.fromarray(np.round(_share(activation_map, size) * 255).astype(np.uint8)))


def _share(activation_map: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    if not np.isfinite(activation_map).all():
        raise ValueError("The activation map is not finite.")
    smooth = Image.fromarray(np.ascontiguousarray(activation_map, dtype=np.float32))
    smooth = smooth.resize(_fitted(size, _OVERLAY_SIDE), Image.Resampling.BICUBIC)
    evidence = np.clip(np.asarray(smooth, dtype=np.float64), 0, None)
    share: NDArray[np.float64] = evidence / max(_FULL_EVIDENCE, float(evidence.max()))
    return share


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Noise has no repeats to look for: runs alone are a fifth of the time, and as small.
    picture.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
