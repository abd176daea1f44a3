"""Lower precision is allowed where it was shown to change nothing that anybody acts on.

An approval is a file beside the export, good for one export, one precision, one kind of processor.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle import BundleError
from ml.engines.proof import TOLERANCES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.engines.export import Export

LEAST_FILMS = 100  # fewer would show nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a precision is from float32 on the same films."""

    films: int
    largest_difference: float  # of a score; NaN where a score is none
    changed_decisions: int  # a film counts once for each operating point that it crosses


def compare(
    exact: NDArray[np.float64], lower: NDArray[np.float64], thresholds: Iterable[float]
) -> Comparison:
    """exact, lower: scores (n,) of the same films in the same order."""
    crossed = [np.sum((exact >= point) != (lower >= point)) for point in thresholds]
    largest = float(np.max(np.abs(exact - lower), initial=0.0))
    return Comparison(len(exact), largest, int(sum(crossed)))


def approve(export: Export, precision: str, processor: str, found: Comparison) -> Path:
    """Store the approval. Raises BundleError with a code where the comparison forbids it."""
    if found.films < LEAST_FILMS:
        raise BundleError("PRECISION_UNPROVEN", f"{LEAST_FILMS} films are needed at least.")
    # A comparison with NaN is False, so ask for what must hold.
    if not found.largest_difference <= TOLERANCES[precision] or found.changed_decisions:
        raise BundleError(
            "PRECISION_REFUSED",
            f"{precision} moves a score by {found.largest_difference:.4f} "
            f"(allowed: {TOLERANCES[precision]}) and changes {found.changed_decisions} decisions "
            f"on {found.films} films.",
        )
    path = _approval(export, precision, processor)
    text = json.dumps({"export": export.digest, "processor": processor, **asdict(found)}, indent=2)
    partial = path.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def require_approval(export: Export, precision: str, processor: str) -> None:
    """Raises BundleError PRECISION_NOT_APPROVED."""
    try:
        stored = json.loads(_approval(export, precision, processor).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = None
    if not isinstance(stored, dict) or stored.get("export") != export.digest:
        raise BundleError(
            "PRECISION_NOT_APPROVED",
            f"{precision} is not approved for this model on this processor; run: "
            "python -m ml check-precision",
        )


def _approval(export: Export, precision: str, processor: str) -> Path:
    kind = hashlib.sha256(processor.encode()).hexdigest()[:12]
    return export.folder.with_name(f"{export.folder.name}.{precision}-{kind}.json")
