"""The first real model: ImageNet features, a head trained on films as they are and changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ml import architectures, bundle
from ml.architectures.mobilenetv2 import HEAD
from ml.calibration import fit_calibration
from ml.contracts import FilmLimits, GateFinding
from ml.datasets import open_films
from ml.inference import read_film
from ml.metrics.bootstrap import Scored, measure
from ml.metrics.thresholds import choose_thresholds
from ml.pixels import PREPROCESSING_ID
from ml.training import split as splits
from ml.training.augment import MILD, STRONG
from ml.training.features import extractor, features
from ml.training.films import Epoch, load_pixels
from ml.training.head import Head, fit_head

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.calibration import Calibration
    from ml.contracts import FloatArray, Progress
    from ml.datasets import FilmSet
    from ml.training.augment import Jitter

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
    passes: int = 2  # changed copies of each training film
    command: str = ""


class Trainer:
    """One training from films to bundle; the costly passes are kept in `plan.work`."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan = plan
        self.progress = progress
        plan.work.mkdir(parents=True, exist_ok=True)
        self.films: FilmSet = open_films(plan.data)
        self.pixels = load_pixels(self.films, plan.size, progress)
        links = splits.near_duplicates(self.pixels)
        self.parts = np.array(splits.split_films(self.films.films, links, plan.seed))
        self.labels = np.array([film.label == 1 for film in self.films.films])
        self.model: keras.Model = architectures.builder("mobilenetv2")(plan.size, plan.weights)
        self._net = extractor(self.model)

    def run(self) -> bundle.Manifest:
        head = self._fit()
        evidence = self.model.get_layer(HEAD)
        kernel = head.kernel.astype(np.float32).reshape(1, 1, -1, 1)
        evidence.set_weights(
            [kernel.reshape(evidence.get_weights()[0].shape), np.array([head.bias])]
        )
        return self._write(head)

    def _pass(self, part: str, name: str, jitter: Jitter | None, number: int = 0) -> FloatArray:
        where = np.flatnonzero(self.parts == part)
        epoch = Epoch(self.pixels, where, BATCH, jitter, self.plan.seed, number)
        cache = self.plan.work / f"{part}-{name}.npy"
        return features(self._net, epoch, cache, self.progress)

    def _truth(self, part: str) -> Any:
        return self.labels[self.parts == part]

    def _fit(self) -> Head:
        jitters = [MILD if number % 2 else STRONG for number in range(1, self.plan.passes + 1)]
        train = [
            self._pass(splits.TRAIN, "clean", None),
            *(
                self._pass(splits.TRAIN, f"changed-{number}", jitter, number)
                for number, jitter in enumerate(jitters, start=1)
            ),
        ]
        truth = self._truth(splits.VALIDATION)
        checks = [
            (self._pass(splits.VALIDATION, "clean", None), truth),
            (self._pass(splits.VALIDATION, "changed", STRONG, 99), truth),
        ]
        labels = np.tile(self._truth(splits.TRAIN), len(train))
        return fit_head(np.concatenate(train), labels, checks)

    def _scored(self, part: str, name: str, head: Head, calibration: Calibration) -> Scored:
        jitter = None if name == "clean" else STRONG
        raw = head.logits(self._pass(part, name, jitter, 99))
        chosen = [film for film, at in zip(self.films.films, self.parts, strict=True) if at == part]
        groups = [film.patient or film.name for film in chosen]
        return Scored(self._truth(part), calibration.probabilities(raw), groups)

    def _write(self, head: Head) -> bundle.Manifest:
        raw = head.logits(self._pass(splits.VALIDATION, "clean", None))
        # Calibrated and cut on films as they are and changed ones together: test sites differ.
        changed = head.logits(self._pass(splits.VALIDATION, "changed", STRONG, 99))
        both, truth = np.concatenate([raw, changed]), np.tile(self._truth(splits.VALIDATION), 2)
        calibration = fit_calibration(both, truth)
        points = choose_thresholds(truth, calibration.probabilities(both))
        scored = {
            f"{part}_{name}": measure(self._scored(part, name, head, calibration), points.decision)
            for part in (splits.VALIDATION, splits.TEST)
            for name in ("clean", "changed")
        }
        out = self.plan.out
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self.plan.golden, out / bundle.GOLDEN)
        save_half(self.model, out / bundle.WEIGHTS)
        table = splits.split_csv(self.films.films, self.parts.tolist())
        (out / "split.csv").write_bytes(table)
        facts = {
            **self._facts(head, splits.split_digest(table)),
            "calibration": asdict(calibration),
            "operating_points": {
                name: {"threshold": value, "chosen_on": "validation, clean and changed"}
                for name, value in asdict(points).items()
            },
            "metrics": {
                name: {key: value.as_json() for key, value in metrics.items()}
                for name, metrics in scored.items()
            },
            "golden": self._golden(out, calibration),
        }
        return bundle.write_manifest(out, facts)

    def _golden(self, out: Path, calibration: Calibration) -> dict[str, float]:
        """Scores of the golden films with the weights as stored, in half precision."""
        self.model.load_weights(out / bundle.WEIGHTS)
        scores = {}
        for path in sorted((out / bundle.GOLDEN).glob("*.png")):
            film = read_film(path.read_bytes(), FilmLimits(), self.plan.size)
            if isinstance(film, GateFinding):
                raise bundle.BundleError("GOLDEN_REFUSED", f"The gate refuses {path.name}.")
            logits, _evidence = self.model.predict_on_batch(film[np.newaxis])
            scores[path.name] = float(calibration.probabilities(np.asarray(logits))[0, 0])
        return scores

    def _facts(self, head: Head, split_digest: str) -> dict[str, Any]:
        counts = {
            part: {
                "films": int((self.parts == part).sum()),
                "pneumonia": int(self._truth(part).sum()),
            }
            for part in (splits.TRAIN, splits.VALIDATION, splits.TEST)
        }
        return {
            "name": self.plan.name,
            "version": self.plan.version,
            "architecture": "mobilenetv2",
            "preprocessing_id": PREPROCESSING_ID,
            "input_size": self.plan.size,
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
                "data_sha256": bundle.file_digest(self.plan.data)
                if self.plan.data.is_file()
                else "",
                "backbone": "MobileNetV2 1.0/224, ImageNet, Apache-2.0",
                "backbone_sha256": bundle.file_digest(self.plan.weights),
                "recipe": "frozen backbone, logistic head on films as they are and changed",
                "head_strength": head.strength,
                "passes": self.plan.passes,
                "seed": self.plan.seed,
                "split": {"by": "patient, near-duplicates tied", "sha256": split_digest, **counts},
                "command": self.plan.command,
            },
        }


def save_half(model: keras.Model, path: Path) -> None:
    """Save the weights as float16: half the size; they are loaded back into float32."""
    model.save_weights(path)
    with h5py.File(path, "r") as full, h5py.File(path.with_suffix(".half"), "w") as half:
        full.visititems(lambda name, item: _copy(name, item, half))
    path.with_suffix(".half").rename(path)


def _copy(name: str, item: Any, target: h5py.File) -> None:
    if isinstance(item, h5py.Dataset):
        target.create_dataset(name, data=item[()].astype(np.float16), compression="gzip")
    else:
        target.require_group(name)
    for key, value in item.attrs.items():
        target[name].attrs[key] = value


def as_text(manifest: bundle.Manifest) -> str:
    return json.dumps(manifest.raw["metrics"], indent=2)
