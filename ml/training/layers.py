"""The paper's augmentation as Keras layers: part of the training network, never of the model.

The training network is layers -> model; only the model is saved, so nothing random can reach
serving. The layers run on the device, in the same graph, on any backend.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Half-widths of the uniform ranges; 0 or False switches one off."""

    rotation: float = 15.0  # degrees
    shift: float = 0.1  # of the side, in both directions
    zoom: float = 0.15  # of the side
    flip: bool = True  # left and right
    brightness: float = 0.1  # of full scale

    def layers(self, seed: int) -> list[keras.Layer]:
        """One layer for each change that is on; films float32 (n, S, S, 1) in [0, 1]."""
        make = keras.layers
        chosen = [
            self.flip and make.RandomFlip("horizontal", seed=seed),
            self.rotation and make.RandomRotation(self.rotation / 360, "constant", seed=seed + 1),
            self.shift
            and make.RandomTranslation(self.shift, self.shift, "constant", seed=seed + 2),
            self.zoom and make.RandomZoom(self.zoom, fill_mode="constant", seed=seed + 3),
            self.brightness
            and make.RandomBrightness(self.brightness, value_range=(0.0, 1.0), seed=seed + 4),
        ]
        return [layer for layer in chosen if layer]


OFF = Augmentation(rotation=0, shift=0, zoom=0, flip=False, brightness=0)


def training_network(model: keras.Model, augmentation: Augmentation, seed: int) -> keras.Model:
    """Film -> changed film -> logits float32 (n, k). It shares the weights of `model`."""
    film = changed = keras.Input(model.input_shape[1:], name="film")
    for layer in augmentation.layers(seed):
        changed = layer(changed)
    found = model(changed)
    logits = found[0] if isinstance(found, list | tuple) else found
    return keras.Model(film, keras.layers.Activation("linear", dtype="float32")(logits))
