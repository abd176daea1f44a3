"""From stored values to the canonical gray scale, as one table.

Stored values have at most 16 bits, so rescale, window and inversion (PS3.3 C.11.1, C.11.2,
C.7.6.3.1.2) are computed once for each possible value and looked up for each pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from ml.pixels.guard import corrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    Values = NDArray[np.float64]


def stored_range(dataset: Dataset) -> tuple[int, int]:
    """Smallest and largest value that the stored bits can hold."""
    bits = int(dataset.BitsStored)
    if dataset.PixelRepresentation == 1:
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def gray_table(dataset: Dataset) -> NDArray[np.uint16]:
    """uint16 (2 ** BitsStored,): the gray of each stored value, from the smallest on.

    A VOI table wins over a window; without either the full range of the stored bits is shown, so
    that the same film always gets the same gray. Raises FilmError CORRUPT.
    """
    low, high = stored_range(dataset)
    values = _real_values(np.arange(low, high + 1, dtype=np.int32), dataset)
    shown: Values | None = _by_voi_table(values, dataset)
    if shown is None:
        shown = _by_window(values, dataset)
    if shown is None:
        shown = (values - values.min()) / max(np.ptp(values), 1e-12)
    if not np.isfinite(shown).all():
        raise corrupt()
    shown = np.clip(shown, 0, 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    return np.round(shown * 65535).astype(np.uint16)


def _real_values(stored: NDArray[np.int32], dataset: Dataset) -> Values:
    if dataset.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    slope, intercept = (_first_number(dataset, f"Rescale{part}") for part in ("Slope", "Intercept"))
    return stored.astype(np.float64) * (1.0 if slope is None else slope) + (intercept or 0.0)


def _by_voi_table(values: Values, dataset: Dataset) -> Values | None:
    if not dataset.get("VOILUTSequence"):
        return None
    bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    table_out = apply_voi(np.round(values).astype(np.int32), dataset)
    shown: Values = np.asarray(table_out, dtype=np.float64) / (2**bits - 1)
    return shown


def _by_window(values: Values, dataset: Dataset) -> Values | None:
    """0..1 by the first window (PS3.3 C.11.2.1.2 and C.11.2.1.3); None without a usable one."""
    centre, width = _first_number(dataset, "WindowCenter"), _first_number(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    smallest = 1.0 if function == "LINEAR" else 0.0
    if centre is None or width is None or not width > smallest:
        return None
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500))))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _first_number(dataset: Dataset, keyword: str) -> float | None:
    value = dataset.get(keyword)
    if isinstance(value, (list, tuple)) or hasattr(value, "__getitem__"):
        value = value[0] if len(value) else None
    return None if value is None or value == "" else float(value)
