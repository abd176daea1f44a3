"""Groups of films that look alike at a glance: exposure, framing, machine. A stand-in for sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from ml.quality.appearance import features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.training.films import UInt8Array

CLUSTERS = 4
_COMPONENTS = 12


def clusters_of(pixels: UInt8Array) -> NDArray[np.int64]:
    """Cluster (n,) of each film uint8 (n, S, S), the same for the same films."""
    seen = np.stack([features(film.astype(np.uint16) * np.uint16(257)) for film in pixels])
    seen = (seen - seen.mean(0)) / (seen.std(0) + 1e-6)
    components = min(_COMPONENTS, *seen.shape)
    low = PCA(components, whiten=True, random_state=0).fit_transform(seen)
    count = min(CLUSTERS, len(low))
    found: NDArray[np.int64] = KMeans(count, n_init=4, random_state=0).fit_predict(low)
    return found.astype(np.int64)
