"""python -m ml predict | evaluate"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.cli.words import RESEARCH_USE, progress
from ml.contracts import FilmError, FilmLimits, GateFinding

if TYPE_CHECKING:
    import argparse

    from ml.contracts import Classifier

MODELS = Path(__file__).resolve().parents[2] / "models"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def load(folder: Path | None) -> Classifier:
    """The classifier of a bundle, by default of the last one below models/."""
    from ml import engines

    classifier: Classifier = engines.load(chosen(folder))
    return classifier


def chosen(folder: Path | None) -> Path:
    """The folder of a bundle. Raises FileNotFoundError where none is given and there is none."""
    from ml import bundle

    directory = folder or bundle.latest(MODELS)
    if directory is None:
        raise FileNotFoundError("there is no bundle below models/; name one with --bundle")
    return directory


def _predict(options: argparse.Namespace) -> int:
    classifier = load(options.bundle)
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
    report = evaluate(load(options.bundle), films, gate=options.gate, progress=progress)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: report[key] for key in ("n", "accuracy", "roc_auc", "threshold")}))
    return 0
