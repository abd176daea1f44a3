"""The plots of one run: loss and accuracy by epoch, and gray levels before and after augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import FloatArray
    from ml.training.fit import Row
    from ml.training.layers import Augmentation

_LINES = (("", "training", "0.45"), ("val_", "validation", "C0"), ("changed_", "changed", "C1"))


def curves(history: Sequence[Row], title: str, path: Path) -> None:
    """Loss and accuracy by epoch (the paper's Figures 4 to 8), the kept epoch marked."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    epochs = [row["epoch"] for row in history]
    best = min(history, key=lambda row: row["val_loss"] + row["changed_loss"])["epoch"]
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for prefix, label, colour in _LINES:
            values = [row[prefix + what] for row in history]
            axes.plot(epochs, values, marker=".", label=label, color=colour)
        axes.axvline(best, color="0.8", zorder=0, label="kept")
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def histograms(films: FloatArray, augmentation: Augmentation, seed: int, path: Path) -> None:
    """Gray levels of films before and after augmentation (the paper's Figures 2 and 3).

    films: float32 (n, S, S, 1) in [0, 1].
    """
    changed = films
    keras.utils.set_random_seed(seed)
    for layer in augmentation.layers(seed):
        changed = keras.ops.convert_to_numpy(layer(changed, training=True))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    bins = np.linspace(0, 1, 65)
    for place, values, title in zip(axes, (films, changed), ("before", "after"), strict=True):
        share = np.histogram(values, bins)[0] / values.size
        place.stairs(share, bins, fill=True, color="0.45")
        place.set(title=f"{title} augmentation", xlabel="gray level")
        place.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(f"share of pixels, {len(films)} films")
    figure.savefig(path, dpi=120)
