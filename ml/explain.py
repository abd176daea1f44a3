"""Class activation maps (Zhou et al. 2016, arXiv:1512.04150) in calibrated logit units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.calibration import Calibration
    from ml.contracts import FloatArray


def activation_maps(evidence: NDArray[np.floating], calibration: Calibration) -> FloatArray:
    """Maps whose mean is the logit of the film's probability.

    evidence: (n, h, w, 1) from the model, mean over h and w = raw logit. Returns float32
    (n, h, w); above 0 speaks for pneumonia, below 0 against it.
    """
    return calibration.logits(evidence[..., 0]).astype(np.float32)
