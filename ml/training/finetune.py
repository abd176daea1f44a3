"""Fine-tune the whole network on changed films, at a low rate, resumable after every epoch.

Batch normalisation stays frozen (see `ml.architectures.backbones`). The learning rate rises
over the first steps and falls along a half cosine, so the last epoch is the one to take.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from ml.training.films import Epoch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.contracts import FloatArray, Progress
    from ml.metrics.scores import BoolArray
    from ml.training.augment import Jitter
    from ml.training.films import IntArray, UInt8Array

WARM_UP_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast; goes into the manifest as it is."""

    epochs: int
    rate: float = 5e-5
    weight_decay: float = 1e-2
    batch_size: int = 32
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Films:
    """The films to learn from: positions `where` in `pixels` and `labels`."""

    pixels: UInt8Array
    labels: BoolArray
    where: IntArray
    jitter: Jitter


def finetune(
    model: keras.Model, films: Films, schedule: Schedule, checkpoint: Path, progress: Progress
) -> list[float]:
    """Train `model` in place; returns the mean loss of each epoch run now.

    Both labels weigh the same in sum. After each epoch weights and optimizer go to `checkpoint`
    (.npz); a file that is there is continued from.
    """
    keras.utils.set_random_seed(schedule.seed)
    net = keras.Model(model.inputs, model.outputs[0])
    steps = len(_epoch(films, schedule, 0))
    net.compile(_optimizer(schedule, steps), keras.losses.BinaryCrossentropy(from_logits=True))
    net.optimizer.build(net.trainable_variables)
    losses = []
    for number in range(_restore(net, checkpoint), schedule.epochs):
        losses.append(_run(net, films, _epoch(films, schedule, number), progress))
        _save(net, checkpoint, number + 1)
    return losses


def _epoch(films: Films, schedule: Schedule, number: int) -> Epoch:
    return Epoch(
        films.pixels,
        films.where,
        schedule.batch_size,
        films.jitter,
        schedule.seed,
        number,
        shuffle=True,
        graded=True,
    )


def _optimizer(schedule: Schedule, steps: int) -> keras.optimizers.Optimizer:
    total = steps * schedule.epochs
    warm_up = max(1, int(total * WARM_UP_SHARE))
    rate = keras.optimizers.schedules.CosineDecay(
        schedule.rate / 20,
        max(1, total - warm_up),
        warmup_target=schedule.rate,
        warmup_steps=warm_up,
    )
    return keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay)


def _run(net: keras.Model, films: Films, epoch: Epoch, progress: Progress) -> float:
    share = films.labels[films.where].mean()
    weights = np.where(films.labels, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    losses = []
    for done, (batch, where) in enumerate(_ahead(epoch), start=1):
        truth = films.labels[where].astype(np.float32)[:, np.newaxis]
        net.reset_metrics()  # so that the loss is this batch's own
        losses.append(float(net.train_on_batch(batch, truth, sample_weight=weights[where])))
        progress(f"epoch {epoch.number + 1}", done, len(epoch))
    if not np.isfinite(losses).all():
        raise ValueError("training diverged: a loss is not a finite number")
    return float(np.mean(losses))


def _ahead(epoch: Epoch) -> Iterator[tuple[FloatArray, IntArray]]:
    """The batches of an epoch, the next one being made while this one is learnt."""
    batches = epoch.batches()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, batches, None)
        while (ready := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield ready


def _save(net: keras.Model, path: Path, epochs_done: int) -> None:
    values = {f"model-{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(net.variables)}
    values |= {
        f"optimizer-{i}": keras.ops.convert_to_numpy(v)
        for i, v in enumerate(net.optimizer.variables)
    }
    partial = path.with_suffix(".part.npz")
    np.savez(partial, epochs_done=epochs_done, **values)
    partial.rename(path)


def _restore(net: keras.Model, path: Path) -> int:
    """Put the checkpoint's values in place; the number of epochs already done, 0 without one."""
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as stored:
        for i, variable in enumerate(net.variables):
            variable.assign(stored[f"model-{i}"])
        for i, variable in enumerate(net.optimizer.variables):
            variable.assign(stored[f"optimizer-{i}"])
        return int(stored["epochs_done"])
