"""A bundle's network in Keras: the structure from our own code, the weights from the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml import architectures, bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import keras


def load_network(directory: Path, raw: Mapping[str, Any]) -> keras.Model:
    """The network that the manifest `raw` describes, not trainable. Raises BundleError."""
    options = architectures.Options(size=int(raw["input_size"]), width=float(raw.get("width", 1)))
    try:
        network = architectures.build(raw["architecture"], options)
    except architectures.OptionsError as error:
        raise bundle.BundleError("IMPOSSIBLE_OPTIONS", str(error)) from error
    try:
        network.load_weights(directory / bundle.WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise bundle.BundleError(
            "WEIGHTS_UNREADABLE", f"The weights do not fit: {error}"
        ) from error
    network.trainable = False
    return network
