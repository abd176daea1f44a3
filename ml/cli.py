"""python -m ml predict | evaluate | train"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.contracts import FilmError, FilmLimits, GateFinding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contracts import Classifier

MODELS = Path(__file__).resolve().parent.parent / "models"
RESEARCH_USE = "Research use only, not a diagnosis."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 1 where a film could not be scored, 2 for a wrong call."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description=RESEARCH_USE)
    commands = parser.add_subparsers(required=True)
    predict = commands.add_parser("predict", help="one JSON line a film")
    predict.add_argument("files", nargs="+", type=Path)
    predict.set_defaults(run=_predict)
    evaluate = commands.add_parser(
        "evaluate", help="metrics on a folder with NORMAL/ and PNEUMONIA/"
    )
    evaluate.add_argument("--data", type=Path, required=True)
    evaluate.add_argument("--json", type=Path, required=True)
    evaluate.add_argument("--gate", action="store_true", help="leave out films the gate refuses")
    evaluate.set_defaults(run=_evaluate)
    for command in (predict, evaluate):
        command.add_argument("--bundle", type=Path, help="default: the last folder below models/")
    train = commands.add_parser("train", help="train the transfer model and write its bundle")
    train.add_argument("--data", type=Path, required=True, help="zip or folder, with manifest.csv")
    train.add_argument("--weights", type=Path, required=True, help="MobileNetV2 .weights.h5")
    train.add_argument("--golden", type=Path, required=True, help="folder of golden films")
    train.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    train.add_argument(
        "--work", type=Path, default=Path("runs/transfer"), help="kept to resume from"
    )
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--passes", type=int, default=2, help="changed copies of each film")
    train.add_argument("--epochs", type=int, default=0, help="fine-tuning after the head; 0: none")
    train.add_argument("--rate", type=float, default=5e-5, help="peak rate of the fine-tuning")
    train.add_argument("--version", default="1")
    train.add_argument("--size", type=int, default=224)
    train.set_defaults(run=_train)
    return parser


def _progress(what: str, done: int, total: int) -> None:
    end = "\n" if done == total else ""
    if sys.stderr.isatty() or done == total or done % max(total // 20, 1) == 0:
        print(f"\r{what}: {done}/{total}", end=end or "\r", file=sys.stderr, flush=True)


def _load(options: argparse.Namespace) -> Classifier:
    from ml import bundle, engines

    directory = options.bundle or bundle.latest(MODELS)
    if directory is None:
        raise FileNotFoundError("there is no bundle below models/; name one with --bundle")
    classifier: Classifier = engines.load(directory)
    return classifier


def _predict(options: argparse.Namespace) -> int:
    classifier = _load(options)
    lines = [_predicted(classifier, path) for path in options.files]
    return int(any(line["error"] for line in lines))


def _predicted(classifier: Classifier, path: Path) -> dict[str, Any]:
    """Print one film's line and return it."""
    info = classifier.info
    line: dict[str, Any] = {
        "file": str(path),
        "probability": None,
        "label": None,
        "threshold": info.threshold,
        "not_assessable": None,
        "error": None,
        "model": info.name,
        "version": info.version,
        "digest": info.digest,
        "note": RESEARCH_USE,
    }
    line |= _score(classifier, path)
    print(json.dumps(line), flush=True)
    return line


def _score(classifier: Classifier, path: Path) -> dict[str, Any]:
    import numpy as np

    from ml.inference import read_film

    try:
        film = read_film(path.read_bytes(), FilmLimits(), classifier.info.input_size)
    except FilmError as error:
        return {"error": error.code}
    except OSError:
        return {"error": "FILE_UNREADABLE"}
    if isinstance(film, GateFinding):
        return {"not_assessable": film.code}
    (found,) = classifier.classify(film[np.newaxis])
    if not math.isfinite(found.probability):
        return {"error": "NON_FINITE"}
    positive = found.probability >= classifier.info.threshold
    return {"probability": found.probability, "label": "PNEUMONIA" if positive else "NORMAL"}


def _evaluate(options: argparse.Namespace) -> int:
    from ml.datasets import open_films
    from ml.reports.evaluation import evaluate

    films = open_films(options.data)
    report = evaluate(_load(options), films, gate=options.gate, progress=_progress)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: report[key] for key in ("n", "accuracy", "roc_auc", "threshold")}))
    return 0


def _train(options: argparse.Namespace) -> int:
    from ml.training.finetune import Schedule
    from ml.training.transfer import Plan, Trainer

    plan = Plan(
        data=options.data,
        weights=options.weights,
        golden=options.golden,
        out=options.out,
        work=options.work,
        version=options.version,
        size=options.size,
        seed=options.seed,
        passes=options.passes,
        schedule=Schedule(epochs=options.epochs, rate=options.rate, seed=options.seed),
        command=(
            f"python -m ml train --data {options.data.name} --weights {options.weights.name}"
            f" --golden {options.golden} --out {options.out} --seed {options.seed}"
            f" --passes {options.passes} --epochs {options.epochs} --rate {options.rate}"
            f" --version {options.version} --size {options.size}"
        ),
    )
    print(json.dumps(Trainer(plan, _progress).run().raw["metrics"], indent=2))
    return 0
