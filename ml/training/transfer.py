"""The first real model: an ImageNet backbone, a logistic head, then the whole network refined."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import architectures, bundle
from ml.architectures import Options
from ml.architectures.heads import EVIDENCE
from ml.datasets import open_films
from ml.metrics.scores import weighted_metrics
from ml.pixels import PREPROCESSING_ID
from ml.training import split as splits
from ml.training.augment import MILD, STRONG, WIDE
from ml.training.features import extractor, features
from ml.training.films import Epoch, load_pixels
from ml.training.finetune import Films, Schedule, finetune
from ml.training.head import fit_head
from ml.training.package import VIEWS, Corpus, logits, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.contracts import FloatArray, Progress
    from ml.training.augment import Jitter

ARCHITECTURE = "mobilenetv2"
BATCH = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a training; goes into the manifest as it is."""

    data: Path
    weights: Path
    golden: Path
    out: Path
    work: Path
    name: str = "pneumo-mobilenetv2"
    version: str = "1"
    size: int = 224
    seed: int = 1
    passes: int = 2  # changed copies of each training film, for the head
    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=0))
    command: str = ""

    def key(self) -> str:
        """Names the folder of kept passes: a plan that would give other values finds none.

        The seed decides the split, so passes of another seed would carry test films into training.
        """
        inputs = [_digest(path) for path in (self.data, self.weights)]
        decides = [inputs, self.size, self.seed, self.passes, asdict(self.schedule)]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of every name and content below a folder."""
    if path.is_file():
        return bundle.file_digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [(file.relative_to(path).as_posix(), bundle.file_digest(file)) for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


class Trainer:
    """One training from films to bundle; the costly passes are kept below `plan.work`."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan = plan
        self.progress = progress
        self.work = plan.work / plan.key()
        self.work.mkdir(parents=True, exist_ok=True)
        films = open_films(plan.data)
        pixels = load_pixels(films, plan.size, progress)
        links = splits.near_duplicates(pixels)
        self.corpus = Corpus(
            films=films,
            pixels=pixels,
            labels=np.array([film.label == 1 for film in films.films]),
            parts=np.array(splits.split_films(films.films, links, plan.seed)),
            seed=plan.seed,
        )
        self.model: keras.Model = architectures.build(
            ARCHITECTURE, Options(size=plan.size, weights=plan.weights)
        )
        self.candidates: dict[str, Any] = {}

    def run(self) -> bundle.Manifest:
        """Train, keep what validation prefers, and write the bundle."""
        strength = self._fit_head()
        kept = "head"
        if self.plan.schedule.epochs:
            kept = self._refine()
        return write_bundle(
            self.model,
            self.corpus,
            lambda digest: self._facts(digest, strength, kept),
            (self.plan.golden, self.plan.out),
            self.progress,
        )

    def _fit_head(self) -> float:
        """Fit the head on frozen features and put it into the model; its strength."""
        net = extractor(self.model)
        jitters = [MILD if number % 2 else STRONG for number in range(1, self.plan.passes + 1)]
        train = [self._features(net, None, 0)]
        train += [self._features(net, jitter, n) for n, jitter in enumerate(jitters, start=1)]
        checks = [
            (features(net, self.corpus.view(splits.VALIDATION, view), cache, self.progress), truth)
            for view in VIEWS
            for cache in [self.work / f"validation-{view}.npy"]
            for truth in [self.corpus.truth(splits.VALIDATION)]
        ]
        labels = np.tile(self.corpus.truth(splits.TRAIN), len(train))
        head = fit_head(np.concatenate(train), labels, checks)
        evidence = self.model.get_layer(EVIDENCE)
        kernel = head.kernel.reshape(evidence.get_weights()[0].shape)
        evidence.set_weights([kernel.astype(np.float32), np.array([head.bias], np.float32)])
        return head.strength

    def _features(self, net: keras.Model, jitter: Jitter | None, number: int) -> FloatArray:
        corpus = self.corpus
        where = corpus.where(splits.TRAIN)
        epoch = Epoch(corpus.pixels, where, BATCH, jitter, corpus.seed, number)
        return features(net, epoch, self.work / f"train-{number}.npy", self.progress)

    def _refine(self) -> str:
        """Fine-tune; go back to the head alone where validation does not prefer the outcome."""
        before, stored = self._judge("head"), self.model.get_weights()
        corpus = self.corpus
        films = Films(corpus.pixels, corpus.labels, corpus.where(splits.TRAIN), WIDE)
        checkpoint = self.work / "finetune.npz"
        finetune(self.model, films, self.plan.schedule, checkpoint, self.progress)
        if self._judge("fine-tuned") >= before:
            return "fine-tuned"
        self.model.set_weights(stored)
        return "head"

    def _judge(self, name: str) -> float:
        """Mean ROC AUC over the views of the validation films; noted for the manifest."""
        truth = self.corpus.truth(splits.VALIDATION)
        found = {}
        for view in VIEWS:
            epoch = self.corpus.view(splits.VALIDATION, view)
            raw = logits(self.model, epoch, f"{name}, {view}", self.progress)
            metrics = weighted_metrics(truth, 1 / (1 + np.exp(-raw)), 0.5, np.ones((1, len(raw))))
            found[view] = float(metrics["roc_auc"][0])
        self.candidates[name] = {"validation_roc_auc": found}
        return float(np.mean(list(found.values())))

    def _facts(self, split_digest: str, strength: float, kept: str) -> dict[str, Any]:
        plan = self.plan
        data = bundle.file_digest(plan.data) if plan.data.is_file() else ""
        return {
            "name": plan.name,
            "version": plan.version,
            "architecture": ARCHITECTURE,
            "preprocessing_id": PREPROCESSING_ID,
            "input_size": plan.size,
            "input_range": [0.0, 1.0],
            "classes": ["normal", "pneumonia"],
            "intended_use": {
                "text": "Research: triage of frontal chest films of children. Not a diagnosis.",
                "age_years": [1, 5],
                "views": ["AP"],
            },
            "licence": "Apache-2.0",
            "training": {
                "data": "Kermany, Zhang, Goldbaum, Mendeley Data 10.17632/rscbjbr9sj, CC BY 4.0",
                "data_sha256": data,
                "backbone": "MobileNetV2 1.0/224, ImageNet, Apache-2.0",
                "backbone_sha256": bundle.file_digest(plan.weights),
                "recipe": "logistic head on frozen features"
                + (", then the whole network refined" if plan.schedule.epochs else ""),
                "kept": kept,
                "candidates": self.candidates,
                "head_strength": strength,
                "passes": plan.passes,
                "schedule": asdict(plan.schedule),
                "seed": plan.seed,
                "split": {
                    "by": "patient, near-duplicates tied",
                    "sha256": split_digest,
                    **self.corpus.counts(),
                },
                "command": plan.command,
            },
        }
