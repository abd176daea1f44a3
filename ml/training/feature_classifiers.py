"""feature_svm: frozen features of one or more networks, and a classifier of scikit-learn on top.

As in the related work (Varshni et al. 2019: DenseNet169 and a support vector machine; features of two
networks joined before a machine, a regression or a forest). For comparison only: such a classifier
has no map and could only be stored as a pickle, so it is never a bundle. What is kept are its scores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ml.architectures import FEATURE_SVM, described
from ml.training import hardware, views
from ml.training.corpus import at_size
from ml.training.features import extractor
from ml.training.films import Epoch
from ml.training.run import FORMAT, SPLIT, RunError, write_run
from ml.training.scoring import SEED, keep_scores, wanted
from ml.training.split import TRAIN
from ml.training.targets import BINARY, PNEUMONIA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import keras

    from ml.contracts import FloatArray, Progress
    from ml.metrics.scores import Float64Array
    from ml.training.corpus import Corpus
    from ml.training.entrants import Entrant
    from ml.training.films import UInt8Array

_BATCH = 32
_CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "svm": lambda seed: SVC(class_weight="balanced", random_state=seed),
    "logistic": lambda _seed: LogisticRegression(C=0.003, class_weight="balanced", max_iter=3000),
    "forest": lambda seed: RandomForestClassifier(
        500, class_weight="balanced_subsample", min_samples_leaf=2, random_state=seed, n_jobs=2
    ),
}
CLASSIFIERS = tuple(_CLASSIFIERS)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which features, and what is put on top."""

    backbones: tuple[Entrant, ...]
    classifiers: tuple[str, ...]
    seed: int = 1


def fit_on_features(recipe: Recipe, corpus: Corpus, out: Path, progress: Progress) -> list[Path]:
    """Fit each classifier on the training part, score every view, and write a run for each.

    corpus: by the split of the backbones. Features are computed once for all classifiers; the runs
    are folders below `out`. Raises RunError for backbones of different splits, of a split that
    leaves a cluster out, and without a map.
    """
    for entrant in recipe.backbones:
        if not described(entrant.architecture).explains or entrant.leave_out is not None:
            raise RunError(
                f"{entrant.name} has no map to take features from, or left a cluster out."
            )
    if len({entrant.split_sha256 for entrant in recipe.backbones}) != 1:
        raise RunError("Give backbones of one split.")
    seer = _Seer(recipe.backbones, progress)
    train = seer.features(corpus.pixels[corpus.where(TRAIN)], TRAIN)
    labels = corpus.truth(TRAIN)
    fitted = {}
    for name in recipe.classifiers:
        started = time.perf_counter()
        made = make_pipeline(StandardScaler(), _CLASSIFIERS[name](recipe.seed))
        fitted[name] = (made.fit(train, labels), time.perf_counter() - started)
    found: dict[str, dict[tuple[str, str], Float64Array]] = {name: {} for name in fitted}
    for part, view in wanted(corpus):
        films = corpus.pixels[corpus.where(part)]
        seen = seer.features(views.view(films, corpus.truth(part), view, SEED), f"{part}, {view}")
        for name, (classifier, _seconds) in fitted.items():
            found[name][part, view] = _logits(classifier, seen)
    runs = []
    for name, (_classifier, seconds) in fitted.items():
        folder = out / f"{'+'.join(e.name for e in recipe.backbones)}-{name}"
        _write(recipe, name, corpus, folder, seconds)
        keep_scores(folder, corpus, found[name])
        runs.append(folder)
    return runs


class _Seer:
    """The joined features of all backbones."""

    def __init__(self, backbones: Sequence[Entrant], progress: Progress) -> None:
        self._nets: list[tuple[keras.Model, int]] = [
            (extractor(entrant.load()), entrant.size) for entrant in backbones
        ]
        self._progress = progress

    def features(self, films: UInt8Array, what: str) -> FloatArray:
        """float32 (n, channels of all) of films uint8 (n, S, S)."""
        joined = []
        for net, size in self._nets:
            small = at_size(films, size)
            epoch = Epoch(small, np.arange(len(small)), _BATCH)
            seen = []
            for done, (batch, _where) in enumerate(epoch.batches(), start=1):
                seen.append(np.asarray(net.predict_on_batch(batch), np.float32))
                self._progress(f"features, {what}", done, len(epoch))
            joined.append(np.concatenate(seen))
        return np.concatenate(joined, axis=1)


def _logits(classifier: Any, seen: FloatArray) -> Float64Array:
    """How far on the side of pneumonia; of a forest the log odds of its votes."""
    if hasattr(classifier, "decision_function"):
        distance: Float64Array = np.asarray(classifier.decision_function(seen), np.float64)
        return distance
    votes = np.clip(classifier.predict_proba(seen)[:, 1], 1e-3, 1 - 1e-3)
    odds: Float64Array = np.log(votes / (1 - votes))
    return odds


def _write(recipe: Recipe, name: str, corpus: Corpus, folder: Path, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SPLIT).write_bytes(recipe.backbones[0].split())
    first = recipe.backbones[0]
    names = " ".join(entrant.name for entrant in recipe.backbones)
    write_run(
        folder,
        {
            "format": FORMAT,
            "finished": True,
            "plan": {
                "architecture": FEATURE_SVM.name,
                "size": first.size,
                "width": 1.0,
                "head": BINARY,
                "seed": recipe.seed,
                "leave_out": None,
            },
            "initialisation": " and ".join(e.initialisation for e in recipe.backbones),
            "augmentation": "none",
            "outputs": [PNEUMONIA],
            "parameters": sum(entrant.parameters for entrant in recipe.backbones),
            "hardware": hardware.described(),
            "split": {"sha256": first.split_sha256, **corpus.counts()},
            "best_epoch": 0,
            "seconds": round(seconds, 1),
            "history": [],
            "command": f"python -m ml features {names} --classifier {name} --seed {recipe.seed}",
        },
    )
