"""Groups of films that look alike at a glance: exposure, framing, machine. A stand-in for sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from ml.quality.appearance import features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.contracts import FloatArray
    from ml.training.films import UInt8Array

CLUSTERS = 4
_COMPONENTS = 12


def glances(pixels: UInt8Array, learn_on: NDArray[np.int64]) -> FloatArray:
    """What is seen of each film uint8 (n, S, S) at a glance (`ml.quality`), float32 (n, features).

    In units of the films at the positions `learn_on`; the test part has no say in them.
    """
    seen = np.stack([features(film.astype(np.uint16) * np.uint16(257)) for film in pixels])
    learnt = seen[learn_on]
    standard: FloatArray = (seen - learnt.mean(0)) / (learnt.std(0) + 1e-6)
    return standard


def clusters_of(seen: FloatArray, learn_on: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cluster (n,) of each film by its `glances`, the same for the same films.

    learn_on: positions of the films that make the clusters, those of the glances.
    """
    components = PCA(min(_COMPONENTS, *seen[learn_on].shape), whiten=True, random_state=0)
    components.fit(seen[learn_on])
    low = components.transform(seen)
    means = KMeans(min(CLUSTERS, len(learn_on)), n_init=4, random_state=0).fit(low[learn_on])
    found: NDArray[np.int64] = means.predict(low).astype(np.int64)
    return found
