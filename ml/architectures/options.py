"""What a builder of the zoo may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

IMAGENET = "imagenet"
NONE = "none"


class OptionsError(ValueError):
    """The network cannot be built so; the message says what can be done instead."""


@dataclass(frozen=True, slots=True)
class Options:
    """size: the side of the input in pixels. width: factor on the channels. weights: of the
    backbone, "none" (random), "imagenet" (fetched by Keras) or a `.weights.h5` file. outputs: k.
    """

    size: int = 224
    width: float = 1.0
    weights: str | Path = NONE
    outputs: int = 1

    @property
    def is_pretrained(self) -> bool:
        return self.weights != NONE
