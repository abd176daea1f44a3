"""From a trained model to a bundle: stored weights, calibration, operating points, metrics."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ml import bundle
from ml.calibration import fit_calibration
from ml.contracts import FilmLimits, GateFinding
from ml.inference import read_film
from ml.metrics.bootstrap import Scored, measure
from ml.metrics.thresholds import choose_thresholds
from ml.training.augment import MILD, STRONG
from ml.training.films import Epoch
from ml.training.split import PARTS, TEST, VALIDATION, split_csv, split_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

    from ml.calibration import Calibration
    from ml.contracts import Progress
    from ml.datasets import FilmSet
    from ml.metrics.scores import BoolArray, Float64Array
    from ml.training.augment import Jitter
    from ml.training.films import UInt8Array

SPLIT = "split.csv"
# every part is measured on films as they are, and on one changed copy of each
VIEWS: Mapping[str, Jitter | None] = {"clean": None, "mild": MILD, "changed": STRONG}
_VIEW_NUMBER = 99  # no epoch of a training has this number
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Corpus:
    """The films of a training in memory, with truth and part."""

    films: FilmSet
    pixels: UInt8Array  # (n, S, S)
    labels: BoolArray  # (n,)
    parts: NDArray[np.str_]  # (n,)
    seed: int

    def where(self, part: str) -> NDArray[np.int64]:
        return np.flatnonzero(self.parts == part)

    def truth(self, part: str) -> BoolArray:
        truth: BoolArray = self.labels[self.parts == part]
        return truth

    def view(self, part: str, view: str) -> Epoch:
        """The films of a part as they are ("clean") or changed, the same each time."""
        jitter = VIEWS[view]
        return Epoch(self.pixels, self.where(part), _BATCH, jitter, self.seed, _VIEW_NUMBER)

    def counts(self) -> dict[str, dict[str, int]]:
        return {
            part: {"films": len(self.truth(part)), "pneumonia": int(self.truth(part).sum())}
            for part in PARTS
        }

    def groups(self, part: str) -> list[str]:
        films = [self.films.films[i] for i in self.where(part)]
        return [film.patient or film.name for film in films]


def logits(model: keras.Model, epoch: Epoch, what: str, progress: Progress) -> Float64Array:
    """Raw logits of an epoch's films, in order, float64 (n,)."""
    found = []
    for done, (batch, _where) in enumerate(epoch.batches(), start=1):
        found.append(model.predict_on_batch(batch)[0].astype(np.float64)[:, 0])
        progress(what, done, len(epoch))
    return np.concatenate(found)


def write_bundle(
    model: keras.Model,
    corpus: Corpus,
    facts: Callable[[str], Mapping[str, Any]],
    folders: tuple[Path, Path],
    progress: Progress,
) -> bundle.Manifest:
    """Write the bundle of `model` and return its verified manifest.

    facts: from the split's digest to what the manifest says besides what is measured here;
    folders: (golden films, the bundle). Everything is measured with the weights as stored, in
    half precision. Calibration and operating points come from validation films, as they are and
    changed together, because sites differ. The test part decides nothing.
    """
    golden, out = folders
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(golden, out / bundle.GOLDEN)
    save_half(model, out / bundle.WEIGHTS)
    model.load_weights(out / bundle.WEIGHTS)
    table = split_csv(corpus.films.films, corpus.parts.tolist())
    (out / SPLIT).write_bytes(table)
    measured, calibration = _measured(model, corpus, progress)
    return bundle.write_manifest(
        out,
        {
            **facts(split_digest(table)),
            **measured,
            "golden": _golden(model, out, calibration),
        },
    )


def _measured(
    model: keras.Model, corpus: Corpus, progress: Progress
) -> tuple[dict[str, Any], Calibration]:
    """Calibration, operating points and metrics for the manifest, from the weights as stored."""
    raw = {
        (part, view): logits(model, corpus.view(part, view), f"{part}, {view}", progress)
        for part in (VALIDATION, TEST)
        for view in VIEWS
    }
    fitted_on = np.concatenate([raw[VALIDATION, view] for view in VIEWS])
    truth = np.tile(corpus.truth(VALIDATION), len(VIEWS))
    calibration = fit_calibration(fitted_on, truth)
    scores = calibration.probabilities(fitted_on)
    points = choose_thresholds(truth, scores)
    facts = {
        "calibration": asdict(calibration),
        "operating_points": {
            name: _point(threshold, truth, scores, corpus)
            for name, threshold in asdict(points).items()
        },
        "metrics": {
            f"{part}_{view}": _metrics(
                corpus, part, calibration.probabilities(found), points.decision
            )
            for (part, view), found in raw.items()
        },
    }
    return facts, calibration


def _metrics(corpus: Corpus, part: str, scores: Float64Array, threshold: float) -> dict[str, Any]:
    scored = Scored(corpus.truth(part), scores, corpus.groups(part))
    return {name: value.as_json() for name, value in measure(scored, threshold).items()}


def _point(
    threshold: float, truth: BoolArray, scores: Float64Array, corpus: Corpus
) -> dict[str, Any]:
    """An operating point with what it gave on the films that it was chosen on."""
    groups = corpus.groups(VALIDATION) * len(VIEWS)
    found = measure(Scored(truth, scores, groups), threshold)
    return {
        "threshold": threshold,
        "chosen_on": f"{VALIDATION}: {', '.join(VIEWS)}",
        "sensitivity": found["recall"].as_json(),
        "specificity": found["specificity"].as_json(),
    }


def _golden(model: keras.Model, out: Path, calibration: Calibration) -> dict[str, float]:
    scores = {}
    for path in sorted((out / bundle.GOLDEN).glob("*.png")):
        film = read_film(path.read_bytes(), FilmLimits(), int(model.input_shape[1]))
        if isinstance(film, GateFinding):
            raise bundle.BundleError("GOLDEN_REFUSED", f"The gate refuses {path.name}.")
        found, _evidence = model.predict_on_batch(film[np.newaxis])
        scores[path.name] = float(calibration.probabilities(found)[0, 0])
    return scores


def save_half(model: keras.Model, path: Path) -> None:
    """Save the weights as float16: half the size; they are loaded back into float32."""
    model.save_weights(path)
    partial = path.with_suffix(".half")
    with h5py.File(path, "r") as full, h5py.File(partial, "w") as half:
        full.visititems(lambda name, item: _copy(name, item, half))
    partial.rename(path)


def _copy(name: str, item: Any, target: h5py.File) -> None:
    if isinstance(item, h5py.Dataset):
        target.create_dataset(name, data=item[()].astype(np.float16), compression="gzip")
    else:
        target.require_group(name)
    for key, value in item.attrs.items():
        target[name].attrs[key] = value
