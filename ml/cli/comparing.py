"""python -m ml compare | features | stress"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.words import folder, progress

if TYPE_CHECKING:
    import argparse


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    compare = commands.add_parser("compare", help="one report on runs and bundles of one split")
    compare.set_defaults(run=_compare)
    add = compare.add_argument
    add("entrants", nargs="+", type=Path, metavar="RUN", help="a run's folder, or a bundle's")
    add("--left-out", nargs="*", type=Path, default=[], metavar="RUN", help="runs of --leave-out")
    add("--data", type=Path, required=True)
    add("--out", type=folder, required=True, help="folder of the report; no films are in it")
    add(
        "--work", type=folder, default=Path("runs/compared"), help="scores and films: keep it local"
    )
    features = commands.add_parser(
        "features", help="classifiers on the frozen features of runs, for comparison"
    )
    features.set_defaults(run=_features)
    add = features.add_argument
    add("backbones", nargs="+", type=Path, metavar="RUN", help="their features are joined")
    add("--classifier", nargs="+", default=["svm"], choices=["svm", "logistic", "forest"])
    add("--data", type=Path, required=True)
    add("--seed", type=int, default=1)
    add("--out", type=folder, required=True, help="a run for each classifier is made in here")
    stress = commands.add_parser(
        "stress", help="how far scores move when a film changes and the finding does not"
    )
    stress.set_defaults(run=_stress)
    add = stress.add_argument
    add("--data", type=Path, required=True, help="zip or folder with NORMAL/ and PNEUMONIA/")
    add("--out", type=folder, required=True, help="folder of the report; no films are in it")
    add("--bundle", type=Path, help="default: the last folder below models/")
    add("--most", type=int, help="this many films of each label, the first by name")


def _stress(options: argparse.Namespace) -> int:
    from ml.cli.serving import load
    from ml.datasets import open_films
    from ml.reports.stress import stress
    from ml.reports.stress_pages import write_stress

    films = open_films(options.data)
    report = stress(load(options.bundle), films, progress=progress, most=options.most)
    write_stress(report, options.out)
    print(json.dumps({"encodings": report["encodings"], "report": str(options.out)}))
    return 0


def _features(options: argparse.Namespace) -> int:
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant
    from ml.training.feature_classifiers import Recipe, fit_on_features

    backbones = tuple(open_entrant(path) for path in options.backbones)
    corpus = open_parted(options.data, backbones[0].parts(), progress)
    recipe = Recipe(backbones, tuple(options.classifier), options.seed)
    runs = fit_on_features(recipe, corpus, options.out, progress)
    print(json.dumps({"runs": [str(run) for run in runs]}))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from ml.reports import comparison, comparison_pages
    from ml.reports.contact_sheet import worst_false_negatives
    from ml.reports.left_out import left_out_row
    from ml.reports.timing import milliseconds_per_film
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant

    entrants = [open_entrant(path) for path in options.entrants]
    left_out = [open_entrant(path) for path in options.left_out]
    comparison.check(entrants, left_out)
    if options.work.resolve().is_relative_to(options.out.resolve()):
        raise comparison.ComparisonError("--work holds films, so it must lie outside --out.")
    corpus = open_parted(options.data, entrants[0].parts(), progress)
    judged = comparison.judge(entrants, corpus, options.work, progress)
    report = comparison.compare(judged, corpus, milliseconds_per_film(entrants, progress))
    report["left_out"] = [
        left_out_row(one, corpus.parted(one.parts()), options.work, progress) for one in left_out
    ]
    names = " ".join(path.name for path in options.entrants)
    report["command"] = f"python -m ml compare {names} --data {options.data.name}" + (
        f" --left-out {' '.join(path.name for path in options.left_out)}" if left_out else ""
    )
    comparison_pages.write(report, options.out)
    for one in judged:
        sheet = options.work / f"{one.entrant.name}-missed.png"
        worst_false_negatives(one, corpus, sheet)
    print(json.dumps({"champion": report["champion"]["name"], "report": str(options.out)}))
    return 0
