"""python -m ml train | package"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.architectures import ARCHITECTURES, IMAGENET, NONE
from ml.cli.words import folder, progress

if TYPE_CHECKING:
    import argparse

_HEADS = ("binary", "subtype", "findings")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser(
        "train", help="train one network into a run; the same command resumes it"
    )
    train.set_defaults(run=_train)
    add = train.add_argument
    add("--arch", required=True, choices=list(ARCHITECTURES), metavar="A")
    add("--data", type=Path, required=True, help="zip or folder, with manifest.csv")
    add("--out", type=folder, required=True, metavar="RUN", help="the run's folder")
    add("--epochs", type=int, default=30)
    add("--size", type=int, default=224, help="side of the input in pixels")
    add("--seed", type=int, default=1)
    add("--split-seed", type=int, default=1, help="runs are compared on one split")
    add("--weights", default=NONE, help="none, imagenet, or a .weights.h5 of the backbone")
    add("--width", type=float, default=1.0)
    add("--head", default="binary", choices=_HEADS)
    add("--findings", type=Path, help="CSV with path, patient_id and a column for each finding")
    _add_learning(train)
    package = commands.add_parser("package", help="make a bundle of a run, or of a bundle anew")
    package.set_defaults(run=_package)
    package.add_argument("entrant", type=Path, metavar="RUN")
    package.add_argument("--data", type=Path, required=True)
    package.add_argument("--facts", type=Path, required=True, help="JSON: what it is for")
    package.add_argument("--golden", type=Path, required=True, help="folder of golden films")
    package.add_argument("--out", type=folder, required=True, help="the bundle's folder")


def _add_learning(train: argparse.ArgumentParser) -> None:
    add = train.add_argument
    add("--rotation", type=float, default=15.0, help="degrees, either way")
    add("--shift", type=float, default=0.1, help="of the side")
    add("--zoom", type=float, default=0.15)
    add("--no-flip", action="store_true")
    add("--brightness", type=float, default=0.1, help="of full scale")
    add("--no-augmentation", action="store_true", help="none of the five above")
    add("--jitter", type=float, default=0.0, help="what differs between hospitals; 1 is strong")
    add("--style", type=float, default=0.0, help="chance to take some of another film's style")
    add("--warm-head", type=int, default=0, metavar="COPIES", help="fit a logistic head first")
    add("--batch-size", type=int, default=32)
    add("--rate", type=float, help="peak rate; default 1e-3, or 1e-4 with weights")
    add("--weight-decay", type=float, default=0.0)
    add("--patience", type=int, default=8, help="epochs without a better validation loss")
    add("--precision", default="auto", help="auto: half on a GPU; or a Keras policy")
    add("--eager", action="store_true", help="no compiled graph: starts at once, then slower")
    add("--leave-out", type=int, metavar="CLUSTER", help="learn without a cluster of appearance")


def _train(options: argparse.Namespace) -> int:
    from ml.training.layers import OFF, Augmentation
    from ml.training.plan import Plan
    from ml.training.run import train

    augmentation = Augmentation(
        options.rotation, options.shift, options.zoom, not options.no_flip, options.brightness
    )
    if options.no_augmentation:
        augmentation = OFF
    weights = options.weights if options.weights in {NONE, IMAGENET} else Path(options.weights)
    plain = (
        "data", "epochs", "size", "seed", "split_seed", "width", "head", "findings", "jitter", "style",
        "warm_head", "batch_size", "rate", "weight_decay", "patience", "precision", "leave_out",
    )  # fmt: skip
    chosen: dict[str, Any] = {name: getattr(options, name) for name in plain}
    plan = Plan(architecture=options.arch, weights=weights, augmentation=augmentation, **chosen)
    run = train(plan, options.out, progress, eager=options.eager)
    kept = [row for row in run.raw["history"] if row["epoch"] == run.raw["best_epoch"]]
    print(json.dumps({"run": str(options.out), "seconds": run.raw["seconds"], "kept": kept}))
    return 0


def _package(options: argparse.Namespace) -> int:
    from ml.training.corpus import open_parted
    from ml.training.entrants import open_entrant
    from ml.training.package import Order, package, read_facts
    from ml.training.plan import digest

    entrant = open_entrant(options.entrant)
    order = Order(
        entrant=entrant,
        facts=read_facts(options.facts),
        golden=options.golden,
        out=options.out,
        data_sha256=digest(options.data),
        command=f"python -m ml package {options.entrant.name} --data {options.data.name}"
        f" --facts {options.facts.name} --golden {options.golden.name} --out {options.out.name}",
    )
    manifest = package(order, open_parted(options.data, entrant.parts(), progress), progress)
    print(
        json.dumps(
            {"digest": manifest.digest, "operating_points": manifest.raw["operating_points"]}
        )
    )
    return 0
