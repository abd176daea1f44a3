"""Networks of keras.applications as backbones, each with the input that its weights expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from ml.architectures.heads import with_evidence
from ml.architectures.options import IMAGENET, NONE, Options, OptionsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BACKBONE = "backbone"


@dataclass(frozen=True, slots=True)
class _Scale:
    """film * scale + offset, a number for all channels or one for each (RGB)."""

    scale: float | Sequence[float]
    offset: float | Sequence[float]


# as keras.applications' own preprocess_input does, from [0, 1] instead of [0, 255]
_SYMMETRIC = _Scale(2.0, -1.0)
_BYTES = _Scale(255.0, 0.0)
_CAFFE = _Scale(255.0, (-103.939, -116.779, -123.68))  # blue, green, red; a film is gray
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TORCH = _Scale(
    tuple(1 / s for s in _SPREAD), tuple(-m / s for m, s in zip(_MEAN, _SPREAD, strict=True))
)

_NETWORKS: dict[str, tuple[str, _Scale]] = {
    "densenet121": ("DenseNet121", _TORCH),
    "densenet169": ("DenseNet169", _TORCH),
    "vgg16": ("VGG16", _CAFFE),
    "resnet50": ("ResNet50", _CAFFE),
    "resnet152v2": ("ResNet152V2", _SYMMETRIC),
    "inceptionv3": ("InceptionV3", _SYMMETRIC),
    "xception": ("Xception", _SYMMETRIC),
    "mobilenetv2": ("MobileNetV2", _SYMMETRIC),
    "efficientnetb2": ("EfficientNetB2", _BYTES),
}


def build(name: str, options: Options) -> keras.Model:
    """A network of `_NETWORKS` with the exact class activation head. Raises OptionsError."""
    network, scale = _NETWORKS[name]
    backbone = _backbone(getattr(keras.applications, network), name, options)
    if options.is_pretrained:
        freeze_normalisation(backbone)
    film = keras.Input((options.size, options.size, 1), name="film")
    colour = keras.layers.Concatenate(name="as_rgb")([film, film, film])
    scaled = keras.layers.Rescaling(scale.scale, scale.offset, name="to_the_backbones_range")(
        colour
    )
    return with_evidence(film, backbone(scaled), options.outputs)


def _backbone(network: Callable[..., keras.Model], name: str, options: Options) -> keras.Model:
    shape = (options.size, options.size, 3)
    arguments: dict[str, Any] = {"input_shape": shape, "include_top": False, "name": BACKBONE}
    if name == "mobilenetv2":
        arguments["alpha"] = options.width
    try:
        weights = IMAGENET if options.weights == IMAGENET else None
        backbone = network(weights=weights, **arguments)
    except Exception as error:
        if options.weights == IMAGENET:
            raise OptionsError(
                f"The ImageNet weights of {name} cannot be fetched here. Fetch the file elsewhere "
                "and give it with --weights FILE, or train from scratch with --weights none."
            ) from error
        raise OptionsError(f"{name} cannot be built at {options.size} pixels: {error}") from error
    if options.weights == IMAGENET and name == "efficientnetb2":
        return _with_folded_scale(backbone, network(weights=None, **arguments))
    if options.weights not in {IMAGENET, NONE}:
        try:
            backbone.load_weights(options.weights)
        except (OSError, ValueError) as error:
            raise OptionsError(f"The weights do not fit {name}: {error}") from error
    return backbone


def _with_folded_scale(trained: keras.Model, plain: keras.Model) -> keras.Model:
    """EfficientNet has one layer more with ImageNet weights: a scale of 1 / sqrt(spread) behind its
    normalisation. Folded into the variance, so that one structure holds weights of every kind.
    """
    plain.set_weights(trained.get_weights())
    (normalise,) = [x for x in plain.layers if isinstance(x, keras.layers.Normalization)]
    normalise.adapt_variance.assign(normalise.adapt_variance * keras.ops.array(_SPREAD))
    normalise.finalize_state()
    return plain


def freeze_normalisation(backbone: keras.Model) -> None:
    """Keep batch normalisation in inference mode, in training too.

    The MobileNetV2 weights at hand have it folded away (mean 0 and variance 1 are stand-ins), and
    with small batches of another kind of picture the statistics of ImageNet serve better than new
    ones. A frozen layer does it; the `training=False` argument does not.
    """
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def quicken_normalisation(model: keras.Model) -> None:
    """Let the running statistics of normalisation follow within tens of steps, not hundreds.

    Keras' 0.99 suits runs of many thousand steps; after a few hundred the statistics still hold
    some of their first values, and the network is far worse in inference than in training.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            quicken_normalisation(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, 0.9)
