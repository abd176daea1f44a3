"""Registry of architectures: an id in a manifest names a builder in our own code.

A bundle holds weights only; nothing of a model's structure is ever read from a file. Every model
takes films as float32 (n, S, S, 1) in [0, 1] and gives

    [logits (n, k), evidence (n, h, w, k)]    where the class activation map is exact: the mean of
                                              the evidence over h and w is the logit, or
    logits (n, k)                             where there is no such map (`explains` False).

k: 1 for pneumonia or not, 3 for normal, bacterial or viral, any number for findings with a label
each (`ml.architectures.heads`). The paper is Deshmukh and Bhalchandra (2021), "Pneumonia detection
with flask using deep learning model"; "related" are the networks of the work that it cites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.architectures.options import IMAGENET, NONE, Options, OptionsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import keras

__all__ = [
    "ARCHITECTURES",
    "FEATURE_SVM",
    "IMAGENET",
    "NONE",
    "Architecture",
    "Options",
    "OptionsError",
    "build",
    "described",
]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network of the zoo."""

    name: str
    source: str
    group: str  # "paper" or "related"
    explains: bool = True
    pretrained: bool = True  # keras.applications has ImageNet weights of it
    has_width: bool = False  # takes another width than 1


def _zoo(*networks: Architecture) -> Mapping[str, Architecture]:
    return {network.name: network for network in networks}


ARCHITECTURES = _zoo(
    Architecture(
        "cnn", "LeCun et al. 1998, in the paper's shape", "paper", pretrained=False, has_width=True
    ),
    Architecture("densenet121", "Huang et al. 2017, arXiv:1608.06993", "paper"),
    Architecture("vgg16", "Simonyan and Zisserman 2015, arXiv:1409.1556", "paper"),
    Architecture("resnet50", "He et al. 2016, arXiv:1512.03385", "paper"),
    Architecture("inceptionv3", "Szegedy et al. 2016, arXiv:1512.00567", "paper"),
    Architecture("mobilenetv2", "Sandler et al. 2018, arXiv:1801.04381", "related", has_width=True),
    Architecture("xception", "Chollet 2017, arXiv:1610.02357", "related"),
    Architecture("efficientnetb2", "Tan and Le 2019, arXiv:1905.11946", "related"),
    Architecture("densenet169", "Huang et al. 2017, arXiv:1608.06993", "related"),
    Architecture("resnet152v2", "He et al. 2016, arXiv:1603.05027", "related"),
    Architecture(
        "cnn_lstm",
        "Hochreiter and Schmidhuber 1997, rows of a CNN's map read in order",
        "related",
        explains=False,
        pretrained=False,
        has_width=True,
    ),
)

# No builder: a classifier of scikit-learn on features of the others (`ml.training`), for comparison.
FEATURE_SVM = Architecture(
    "feature_svm", "Varshni et al. 2019, doi:10.1109/ICECCT.2019.8869364", "related", explains=False
)


def described(name: str) -> Architecture:
    """What is known of a network, or of a classifier on features."""
    return FEATURE_SVM if name == FEATURE_SVM.name else ARCHITECTURES[name]


def build(name: str, options: Options) -> keras.Model:
    """Build a network of the zoo. Raises KeyError with the known ids, and OptionsError."""
    if name not in ARCHITECTURES:
        raise KeyError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    _check(ARCHITECTURES[name], options)
    return _builder(name)(options)


def _check(network: Architecture, options: Options) -> None:
    if options.width != 1 and not network.has_width:
        raise OptionsError(f"{network.name} has one width; leave --width at 1.")
    if options.weights == IMAGENET and not network.pretrained:
        raise OptionsError(f"There are no ImageNet weights of {network.name}; use --weights none.")


def _builder(name: str) -> Callable[[Options], keras.Model]:
    from ml.architectures import backbones, cnn

    own = {"cnn": cnn.build_cnn, "cnn_lstm": cnn.build_cnn_lstm}
    return own.get(name) or (lambda options: backbones.build(name, options))
