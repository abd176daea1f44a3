"""Registry of architectures: an id in a manifest names a builder in our own code.

A bundle holds weights only; nothing of a model's structure is ever read from a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import keras


class Builder(Protocol):
    """Builds a model from float32 (n, S, S, 1) in [0, 1] to [logit (n, 1), evidence (n, h, w, 1)].

    The mean of the evidence over h and w is the logit, exactly: the class activation map.
    """

    def __call__(self, input_size: int, backbone_weights: Path | None = None) -> keras.Model: ...


ARCHITECTURES = ("mobilenetv2",)


def builder(architecture: str) -> Builder:
    """The builder of an architecture id. Raises KeyError with the known ids."""
    if architecture == "mobilenetv2":
        from ml.architectures import mobilenetv2

        return mobilenetv2.build
    raise KeyError(f"unknown architecture {architecture!r}; known: {', '.join(ARCHITECTURES)}")
