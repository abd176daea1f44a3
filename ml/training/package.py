"""From a trained network to a bundle: half-precision weights, calibration, operating points."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ml import architectures, bundle
from ml.calibration import fit_calibration
from ml.contracts import FilmLimits, GateFinding
from ml.inference import read_film
from ml.metrics.bootstrap import Scored, measure
from ml.metrics.cutoffs import cutoff_table
from ml.metrics.thresholds import choose_thresholds
from ml.pixels import PREPROCESSING_ID
from ml.training import views
from ml.training.run import SPLIT
from ml.training.scoring import score_model
from ml.training.split import VALIDATION
from ml.training.targets import BINARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import keras

    from ml.calibration import Calibration
    from ml.contracts import Progress
    from ml.metrics.scores import Float64Array
    from ml.metrics.thresholds import Thresholds
    from ml.training.corpus import Corpus
    from ml.training.entrants import Entrant
    from ml.training.scoring import Scores

CUTOFFS = "cutoffs.json"
MOST_BYTES = 30 * 1024 * 1024
# Sites differ, so scores are calibrated on films as they are and changed together.
CALIBRATED_ON = (views.CLEAN, views.MILDLY, views.CHANGED)
FACTS = ("name", "version", "intended_use", "licence", "data")


class PackageError(ValueError):
    """No bundle can be made of this; the message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a bundle is made of and what it says of itself besides what is measured."""

    entrant: Entrant
    facts: Mapping[str, Any]  # `FACTS`
    golden: Path  # folder of golden films
    out: Path
    data_sha256: str
    command: str


def read_facts(path: Path) -> dict[str, Any]:
    """What only a person can say of a bundle. Raises PackageError."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(f"{path.name} is no readable JSON.") from error
    if lacking := sorted(set(FACTS) - set(facts)):
        raise PackageError(f"{path.name} lacks {', '.join(lacking)}.")
    return dict(facts)


def package(order: Order, corpus: Corpus, progress: Progress) -> bundle.Manifest:
    """Write the bundle, whole or not at all, and return its verified manifest.

    Everything is measured with the weights as stored, in half precision, on the entrant's own
    split. Calibration and the outer operating points come from validation films, the decision
    point from their hard views; the test part decides nothing. Raises PackageError for what the
    product cannot show or serve, and for weights above `MOST_BYTES`.
    """
    _check(order)
    partial = order.out.with_name(f".{order.out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(replace(order, out=partial), corpus, progress)
        shutil.rmtree(order.out, ignore_errors=True)
        partial.rename(order.out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return bundle.verify(order.out)


def _check(order: Order) -> None:
    entrant, out = order.entrant, order.out
    if not entrant.is_network:
        raise PackageError("A classifier on features can be compared, but is never a bundle.")
    if entrant.head != BINARY:
        raise PackageError("Only a network with the binary head can be a bundle.")
    if entrant.leave_out is not None:
        raise PackageError(f"{entrant.name} left out a cluster, so it is never a bundle.")
    if not any(order.golden.glob("*.png")):
        raise PackageError(f"There are no golden films (PNG) in {order.golden.name}.")
    if out.exists() and not (out / bundle.MANIFEST).exists() and any(out.iterdir()):
        raise PackageError(f"{out.name} is there and holds no bundle; choose another --out.")


def _write(order: Order, corpus: Corpus, progress: Progress) -> None:
    model = _stored(order)
    scores = score_model(order.entrant, model, corpus, progress)
    operation = choose(corpus, scores)
    points, table = _points(operation, corpus, scores, order)
    (order.out / CUTOFFS).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    bundle.write_manifest(
        order.out,
        {
            **{key: order.facts[key] for key in FACTS if key != "data"},
            "architecture": order.entrant.architecture,
            "width": order.entrant.width,
            "preprocessing_id": PREPROCESSING_ID,
            "input_size": order.entrant.size,
            "input_range": [0.0, 1.0],
            "classes": ["normal", "pneumonia"],
            "calibration": asdict(operation.calibration),
            "operating_points": points,
            "metrics": _metrics(operation, corpus, scores),
            "golden": _golden(model, order, operation.calibration),
            "training": _training(order, corpus),
        },
    )


def _stored(order: Order) -> keras.Model:
    """Write weights, golden films and split into the bundle; the network with weights as stored."""
    entrant, out = order.entrant, order.out
    model = entrant.load()
    shutil.copytree(order.golden, out / bundle.GOLDEN)
    save_half(model, out / bundle.WEIGHTS)
    if (size := (out / bundle.WEIGHTS).stat().st_size) > MOST_BYTES:
        raise PackageError(f"The weights take {size / 2**20:.0f} MiB; a bundle may take 30.")
    model.load_weights(out / bundle.WEIGHTS)
    (out / SPLIT).write_bytes(entrant.split())
    return model


@dataclass(frozen=True, slots=True)
class Operation:
    """How raw logits become answers."""

    calibration: Calibration
    thresholds: Thresholds


def choose(corpus: Corpus, scores: Scores) -> Operation:
    """Calibration and operating points from the validation part."""
    truth = corpus.truth(VALIDATION)
    raw = _pooled(scores, CALIBRATED_ON)
    calibration = fit_calibration(raw, np.tile(truth, len(CALIBRATED_ON)))
    known = (np.tile(truth, len(CALIBRATED_ON)), calibration.probabilities(raw))
    hard = _pooled(scores, views.HARD)
    harder = (np.tile(truth, len(views.HARD)), calibration.probabilities(hard))
    return Operation(calibration, choose_thresholds(*known, hard=harder))


def _pooled(scores: Scores, names: Sequence[str]) -> Float64Array:
    return np.concatenate([scores[VALIDATION, name] for name in names])


def _points(
    operation: Operation, corpus: Corpus, scores: Scores, order: Order
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operating points with what each gives where it was chosen, and the table of cut-offs."""
    points, tables = {}, {}
    for name, threshold in asdict(operation.thresholds).items():
        chosen_on = views.HARD if name == "decision" else CALIBRATED_ON
        scored = _scored(operation, corpus, scores, chosen_on)
        found = measure(scored, threshold)
        points[name] = {
            "threshold": threshold,
            "chosen_on": f"{VALIDATION}: {', '.join(chosen_on)}",
            "data_sha256": _data_digest(order, chosen_on),
            "sensitivity": found["recall"].as_json(),
            "specificity": found["specificity"].as_json(),
        }
    cuts = sorted(asdict(operation.thresholds).values())
    for name, chosen in (("as_sent", CALIBRATED_ON), ("hard", views.HARD)):
        scored = _scored(operation, corpus, scores, chosen)
        tables[name] = {
            "films": f"{VALIDATION}: {', '.join(chosen)}",
            "data_sha256": _data_digest(order, chosen),
            "prevalence": float(scored.labels.mean()),
            "rows": cutoff_table(scored, cuts),
        }
    return points, tables


def _scored(operation: Operation, corpus: Corpus, scores: Scores, names: Sequence[str]) -> Scored:
    times = len(names)
    return Scored(
        np.tile(corpus.truth(VALIDATION), times),
        operation.calibration.probabilities(_pooled(scores, names)),
        corpus.groups(VALIDATION) * times,
    )


def _data_digest(order: Order, names: Sequence[str]) -> str:
    """Names the films, the split and the views that something was chosen on."""
    chosen = [order.data_sha256, order.entrant.split_sha256, VALIDATION, views.NUMBER, *names]
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()


def _metrics(operation: Operation, corpus: Corpus, scores: Scores) -> dict[str, Any]:
    found = {}
    for (part, view), raw in scores.items():
        probabilities = operation.calibration.probabilities(raw)
        scored = Scored(corpus.truth(part), probabilities, corpus.groups(part))
        measured = measure(scored, operation.thresholds.decision)
        found[f"{part}_{view}"] = {name: value.as_json() for name, value in measured.items()}
    return found


def _training(order: Order, corpus: Corpus) -> dict[str, Any]:
    entrant = order.entrant
    return {
        "data": order.facts["data"],
        "data_sha256": order.data_sha256,
        "seed": entrant.seed,
        "split": {
            "by": "patient, near-duplicates tied",
            "sha256": entrant.split_sha256,
            **corpus.counts(),
        },
        "run": {
            "initialisation": entrant.initialisation,
            "augmentation": entrant.augmentation,
            "epochs": entrant.epochs,
            "best_epoch": entrant.best_epoch,
            "seconds": entrant.seconds,
            "hardware": entrant.hardware,
            "history": list(entrant.history),
        },
        "command": entrant.command,
        "packaged_by": order.command,
    }


def _golden(model: keras.Model, order: Order, calibration: Calibration) -> dict[str, float]:
    explains = architectures.ARCHITECTURES[order.entrant.architecture].explains
    scores = {}
    for path in sorted((order.out / bundle.GOLDEN).glob("*.png")):
        film = read_film(path.read_bytes(), FilmLimits(), order.entrant.size)
        if isinstance(film, GateFinding):
            raise bundle.BundleError("GOLDEN_REFUSED", f"The gate refuses {path.name}.")
        found = model.predict_on_batch(film[np.newaxis])
        logits = found[0] if explains else found
        scores[path.name] = float(calibration.probabilities(logits)[0, 0])
    return scores


def save_half(model: keras.Model, path: Path) -> None:
    """Save the weights as float16: half the size; they are loaded back into float32.

    Raises PackageError for a weight that half precision cannot hold.
    """
    model.save_weights(path)
    partial = path.with_suffix(".half")
    with h5py.File(path, "r") as full, h5py.File(partial, "w") as half:
        full.visititems(lambda name, item: _copy(name, item, half))
    partial.rename(path)


def _copy(name: str, item: Any, target: h5py.File) -> None:
    if isinstance(item, h5py.Dataset):
        target.create_dataset(
            name, data=_halved(name, item), compression="gzip" if item.shape else None
        )
    else:
        target.require_group(name)
    for key, value in item.attrs.items():
        target[name].attrs[key] = value


def _halved(name: str, weights: h5py.Dataset) -> Any:
    """In half precision; a counter stays whole."""
    values = weights[()]
    if not np.issubdtype(weights.dtype, np.floating):
        return values
    with np.errstate(over="ignore"):
        half = np.asarray(values, np.float16)
    if not np.isfinite(half).all():
        raise PackageError(f"{name} holds a weight that half precision cannot hold.")
    return half
