"""Fit a network epoch by epoch: resumable after each, the best epoch kept, stopped when it stalls.

An epoch is judged by the mean of two validation losses, on films as they are and on strongly
changed ones: films as they are cannot tell good networks apart.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from ml.architectures.backbones import quicken_normalisation
from ml.bundle import WEIGHTS
from ml.training.augment import STRONG
from ml.training.films import THREADS, Epoch
from ml.training.layers import training_network
from ml.training.styles import styles_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.contracts import FloatArray, Progress
    from ml.training.films import UInt8Array
    from ml.training.plan import Plan
    from ml.training.targets import Targets

    IntArray = NDArray[np.int64]
    Row = dict[str, float]

CHECKPOINT = "checkpoint.npz"
WARM_UP_SHARE = 0.1
_CHANGED_NUMBER = 99  # the changed validation films are the same in every epoch


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt: films at the network's size, their truth, and which are for what."""

    pixels: UInt8Array  # (n, S, S)
    targets: Targets
    train: IntArray
    validation: IntArray


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """An epoch for Keras, made ahead in threads while the device computes."""

    def __init__(self, epoch: Epoch, targets: Targets) -> None:
        super().__init__(workers=THREADS, max_queue_size=2 * THREADS)
        self._epoch = epoch
        self._targets = targets

    def __len__(self) -> int:
        return len(self._epoch)

    def __getitem__(self, number: int) -> tuple[FloatArray, FloatArray]:
        films, where = self._epoch.batch(number)
        return films, self._targets.values[where]


class _Told(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, progress: Progress, what: str, steps: int) -> None:
        super().__init__()
        self._progress = progress
        self._what = what
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._progress(self._what, batch + 1, self._steps)


class Fit:
    """One fitting of `model` in `folder`; the weights of the best epoch are in `WEIGHTS`."""

    def __init__(
        self, model: keras.Model, lesson: Lesson, plan: Plan, folder: Path, *, eager: bool = False
    ) -> None:
        self.model = model
        self.lesson = lesson
        self.plan = plan
        self.folder = folder
        self.history: list[Row] = []
        self.styles = styles_of(lesson.pixels) if plan.style else None
        quicken_normalisation(model)
        self.net = training_network(model, plan.augmentation, plan.seed)
        self.loss = lesson.targets.loss(lesson.train)
        steps = len(self._epoch(0))
        # wrapped, because Keras would take a method's own name and shape for a metric's
        accuracy = keras.metrics.MeanMetricWrapper(lesson.targets.accuracy, name="accuracy")
        self.net.compile(_optimizer(plan, steps), self.loss, metrics=[accuracy], run_eagerly=eager)
        model.run_eagerly = eager
        self.net.optimizer.build(self.net.trainable_variables)

    def run(self, progress: Progress) -> list[Row]:
        """Fit to the end, or go on where an earlier process was stopped; a row for each epoch.

        Raises ValueError when a loss is not finite.
        """
        self._restore()
        while len(self.history) < self.plan.epochs and not self.stalled:
            row = self._one_epoch(len(self.history), progress)
            self.history.append(row)
            if self.best_epoch == len(self.history):
                self._keep_weights()
            self._save()
        if not self.history:
            self._keep_weights()
        self.model.load_weights(self.folder / WEIGHTS)
        return self.history

    @property
    def best_epoch(self) -> int:
        """1 for the first; 0 before there is one."""
        judged = [row["val_loss"] + row["changed_loss"] for row in self.history]
        return int(np.argmin(judged)) + 1 if judged else 0

    @property
    def stalled(self) -> bool:
        return len(self.history) - self.best_epoch >= self.plan.patience

    def _one_epoch(self, number: int, progress: Progress) -> Row:
        started = time.perf_counter()
        epoch = self._epoch(number)
        what = f"epoch {number + 1} of {self.plan.epochs}"
        fitted = self.net.fit(
            _Batches(epoch, self.lesson.targets),
            initial_epoch=number,
            epochs=number + 1,
            shuffle=False,
            verbose=0,
            callbacks=[_Told(progress, what, len(epoch))],
        )
        row = {name: float(values[-1]) for name, values in fitted.history.items()}
        row |= self._judged("val", Epoch(self.lesson.pixels, self.lesson.validation, 32))
        row |= self._judged("changed", self._changed())
        if not np.isfinite([row["loss"], row["val_loss"], row["changed_loss"]]).all():
            raise ValueError("training diverged: a loss is not a finite number; try a lower --rate")
        rate = float(keras.ops.convert_to_numpy(self.net.optimizer.learning_rate))
        seconds = time.perf_counter() - started
        return row | {"epoch": number + 1.0, "rate": rate, "seconds": round(seconds, 1)}

    def _epoch(self, number: int) -> Epoch:
        plan, lesson = self.plan, self.lesson
        jitter = STRONG.times(plan.jitter) if plan.jitter else None
        return Epoch(
            lesson.pixels,
            lesson.train,
            plan.batch_size,
            jitter,
            plan.seed,
            number,
            shuffle=True,
            graded=True,
            style=plan.style,
            styles=self.styles,
        )

    def _changed(self) -> Epoch:
        lesson = self.lesson
        return Epoch(
            lesson.pixels, lesson.validation, 32, STRONG, self.plan.split_seed, _CHANGED_NUMBER
        )

    def _judged(self, name: str, epoch: Epoch) -> Row:
        truth = self.lesson.targets.values[epoch.where]
        logits = raw_logits(self.model, epoch)
        loss = keras.ops.mean(self.loss(truth, logits))
        accuracy = keras.ops.mean(self.lesson.targets.accuracy(truth, logits))
        return {
            f"{name}_loss": float(keras.ops.convert_to_numpy(loss)),
            f"{name}_accuracy": float(keras.ops.convert_to_numpy(accuracy)),
            f"{name}_roc_auc": mean_auc(truth, logits),
        }

    def _keep_weights(self) -> None:
        partial = self.folder / f".{WEIGHTS}"
        self.model.save_weights(partial)
        partial.rename(self.folder / WEIGHTS)

    def _save(self) -> None:
        """Everything that the next epoch needs, in one file that is whole or not there."""
        values = {f"net-{i}": _array(v) for i, v in enumerate(self.net.variables)}
        optimizer = enumerate(self.net.optimizer.variables)
        values |= {f"optimizer-{i}": _array(v) for i, v in optimizer}
        partial = self.folder / f".{CHECKPOINT}"
        values["history"] = np.array(json.dumps(self.history))
        np.savez(partial, allow_pickle=False, **values)
        partial.rename(self.folder / CHECKPOINT)

    def _restore(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        with np.load(path, allow_pickle=False) as stored:
            for i, variable in enumerate(self.net.variables):
                variable.assign(stored[f"net-{i}"])
            for i, variable in enumerate(self.net.optimizer.variables):
                variable.assign(stored[f"optimizer-{i}"])
            self.history = json.loads(str(stored["history"]))


def raw_logits(model: keras.Model, epoch: Epoch) -> FloatArray:
    """Logits of an epoch's films in order, float32 (n, k), without augmentation or dropout."""
    found = []
    for batch, _where in epoch.batches():
        raw = model.predict_on_batch(batch)
        found.append(np.asarray(raw[0] if isinstance(raw, list | tuple) else raw, np.float32))
    return np.concatenate(found)


def mean_auc(truth: FloatArray, logits: FloatArray) -> float:
    """Mean ROC AUC over the outputs whose known truth has both sides; 0.5 where none has."""
    if not np.isfinite(logits).all():
        return 0.5  # the loss, which is not finite either, ends the training
    areas = [
        roc_auc_score(column[column >= 0], score[column >= 0])
        for column, score in zip(truth.T, logits.T, strict=True)
        if len(np.unique(column[column >= 0])) == 2
    ]
    return float(np.mean(areas)) if areas else 0.5


def _optimizer(plan: Plan, steps: int) -> keras.optimizers.Optimizer:
    """Adam (AdamW with a decay); the rate rises, then falls along half a cosine."""
    total = max(1, steps * plan.epochs)
    warm_up = max(1, int(total * WARM_UP_SHARE))
    rate = keras.optimizers.schedules.CosineDecay(
        plan.peak_rate / 20,
        max(1, total - warm_up),
        warmup_target=plan.peak_rate,
        warmup_steps=warm_up,
    )
    if plan.weight_decay:
        return keras.optimizers.AdamW(rate, weight_decay=plan.weight_decay)
    return keras.optimizers.Adam(rate)


def _array(variable: Any) -> NDArray[Any]:
    found: NDArray[Any] = keras.ops.convert_to_numpy(variable)
    return found
