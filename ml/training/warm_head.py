"""A logistic head on frozen features of pretrained weights, put into the model before refining."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.architectures.heads import EVIDENCE
from ml.training.augment import MILD, STRONG
from ml.training.features import extractor, features
from ml.training.films import Epoch
from ml.training.head import fit_head

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.contracts import FloatArray, Progress
    from ml.training.augment import Jitter
    from ml.training.fit import IntArray, Lesson
    from ml.training.plan import Plan

_VALIDATION_NUMBER = 99


def fit_warm_head(
    model: keras.Model, lesson: Lesson, plan: Plan, folder: Path, progress: Progress
) -> float:
    """Fit on films as they are and `plan.warm_head` changed copies; the strength that was chosen.

    Passes through the frozen network are kept in `folder` to resume from.
    """
    net = extractor(model)
    copies = [MILD if number % 2 else STRONG for number in range(1, plan.warm_head + 1)]

    def passed(where: IntArray, jitter: Jitter | None, number: int, name: str) -> FloatArray:
        epoch = Epoch(lesson.pixels, where, 32, jitter, plan.seed, number)
        return features(net, epoch, folder / f"{name}.npy", progress)

    train = [
        passed(lesson.train, jitter, n, f"features-{n}") for n, jitter in enumerate([None, *copies])
    ]
    truth = lesson.targets.values[:, 0] == 1
    checks = [
        (passed(lesson.validation, jitter, _VALIDATION_NUMBER, f"features-{name}"), truth_there)
        for name, jitter in (("clean", None), ("mild", MILD), ("changed", STRONG))
        for truth_there in [truth[lesson.validation]]
    ]
    labels = np.tile(truth[lesson.train], len(train))
    head = fit_head(np.concatenate(train), labels, checks)
    evidence = model.get_layer(EVIDENCE)
    kernel = head.kernel.reshape(evidence.get_weights()[0].shape)
    evidence.set_weights([kernel.astype(np.float32), np.array([head.bias], np.float32)])
    return head.strength
