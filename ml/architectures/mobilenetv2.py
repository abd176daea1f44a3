"""MobileNetV2 1.0 (Sandler et al. 2018, arXiv:1801.04381) with a class-activation head.

Global average pooling and a dense unit commute (Zhou et al. 2016, arXiv:1512.04150): the unit is
applied at every place of the last feature map first, and its mean is the logit. So the map costs
nothing and is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "evidence"
BACKBONE = "backbone"


def build(input_size: int, backbone_weights: Path | None = None) -> keras.Model:
    """Build the model, with a random backbone or the ImageNet one from a weights file.

    backbone_weights: a ``.weights.h5`` for ``keras.applications.MobileNetV2(include_top=False)``;
    nothing is ever downloaded. Returns the model as `ml.architectures.Builder` says.
    """
    backbone = keras.applications.MobileNetV2(
        input_shape=(input_size, input_size, 3), include_top=False, weights=None, name=BACKBONE
    )
    if backbone_weights is not None:
        backbone.load_weights(backbone_weights)
    _freeze_normalisation(backbone)
    film = keras.Input((input_size, input_size, 1), name="film")
    gray = keras.layers.Rescaling(2.0, -1.0, name="to_unit_range")(film)
    colour = keras.layers.Concatenate(name="as_rgb")([gray, gray, gray])
    features = backbone(colour)
    evidence = keras.layers.Dense(1, name=HEAD)(features)
    logit = keras.layers.GlobalAveragePooling2D(name="logit")(evidence)
    return keras.Model(film, [logit, evidence], name="mobilenetv2")


def _freeze_normalisation(backbone: keras.Model) -> None:
    """Keep batch normalisation in inference mode, in training too.

    The given backbone's is folded (mean 0, variance 1 are stand-ins), and a film's score must not
    depend on its neighbours. A frozen layer does both; the `training=False` argument does not.
    """
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
