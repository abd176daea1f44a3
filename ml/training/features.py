"""Frozen-backbone features of films, one pass per augmentation, kept on disk to resume from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from ml.architectures.heads import EVIDENCE

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import FloatArray, Progress
    from ml.training.films import Epoch


def extractor(model: keras.Model) -> keras.Model:
    """The part of the model before its head, pooled: (n, S, S, 1) -> (n, channels)."""
    pooled = keras.layers.GlobalAveragePooling2D()(model.get_layer(EVIDENCE).input)
    return keras.Model(model.inputs, pooled)


def features(net: keras.Model, epoch: Epoch, cache: Path, progress: Progress) -> FloatArray:
    """Features of one pass, float32 (films, channels), in the order of `epoch.where`.

    cache: an .npy file; a pass that is there already is read, not computed.
    """
    if cache.exists():
        stored: FloatArray = np.load(cache)
        return stored
    parts = []
    for number, (batch, _where) in enumerate(epoch.batches(), start=1):
        parts.append(np.asarray(net.predict_on_batch(batch), np.float32))
        progress(cache.stem, number, len(epoch))
    found = np.concatenate(parts)
    partial = cache.with_suffix(".part.npy")
    np.save(partial, found)
    partial.rename(cache)
    return found
