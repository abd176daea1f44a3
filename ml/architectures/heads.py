"""From a feature map to logits, so that the class activation map is exact.

Global average pooling and a dense unit commute (Zhou et al. 2016, arXiv:1512.04150): the unit is
applied at every place of the map first, and its mean is the logit. So the map costs nothing.
"""

from __future__ import annotations

import keras

EVIDENCE = "evidence"
LOGIT = "logit"


def with_evidence(
    film: keras.KerasTensor, features: keras.KerasTensor, outputs: int
) -> keras.Model:
    """A model from a film to [logits (n, k), evidence (n, h, w, k)]."""
    # float32 under any policy: a logit in half precision would cost the loss its small steps
    evidence = keras.layers.Dense(outputs, name=EVIDENCE, dtype="float32")(features)
    logit = keras.layers.GlobalAveragePooling2D(name=LOGIT, dtype="float32")(evidence)
    return keras.Model(film, [logit, evidence])
