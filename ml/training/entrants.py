"""What can be compared: a finished run, or a bundle that was made elsewhere or earlier."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py

from ml import architectures, bundle
from ml.architectures import IMAGENET, NONE, Options
from ml.training.layers import OFF, Augmentation
from ml.training.run import RUN, SPLIT, Run, RunError, read_run
from ml.training.split import split_digest
from ml.training.targets import BINARY, FINDINGS

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@dataclass(frozen=True, slots=True)
class Entrant:
    """A trained network and how it came about."""

    name: str
    folder: Path
    architecture: str
    size: int
    width: float
    head: str
    outputs: tuple[str, ...]
    initialisation: str
    augmentation: str
    seed: int
    epochs: int
    best_epoch: int
    seconds: float | None  # of training
    hardware: str
    command: str
    leave_out: int | None
    parameters: int  # normalisation's statistics among them
    history: tuple[dict[str, float], ...] = ()

    @property
    def weights(self) -> Path:
        return self.folder / bundle.WEIGHTS

    @property
    def is_network(self) -> bool:
        """Whether it can be loaded and run; a classifier on features keeps its scores only."""
        return self.architecture in architectures.ARCHITECTURES

    @property
    def megabytes(self) -> float:
        """In half precision, as a bundle stores them."""
        return self.parameters * 2 / 1e6

    def split(self) -> bytes:
        return (self.folder / SPLIT).read_bytes()

    def parts(self) -> dict[str, str]:
        """Part of each film, by its path."""
        rows = csv.DictReader(self.split().decode().splitlines())
        return {row["path"]: row["part"] for row in rows}

    @property
    def split_sha256(self) -> str:
        return split_digest(self.split())

    def load(self) -> keras.Model:
        """The network with its weights, in float32."""
        options = Options(size=self.size, width=self.width, outputs=len(self.outputs))
        model = architectures.build(self.architecture, options)
        model.load_weights(self.weights)
        model.trainable = False
        return model


def open_entrant(folder: Path) -> Entrant:
    """A run or a bundle. Raises RunError and BundleError."""
    if (folder / bundle.MANIFEST).exists():
        return _of_bundle(folder)
    run = read_run(folder)
    if not run.is_finished:
        raise RunError(f"The run in {folder.name} is not finished; give its command again.")
    if run.raw["plan"]["head"] == FINDINGS and "pneumonia" not in run.raw["outputs"]:
        raise RunError(f"None of the findings of {folder.name} is pneumonia.")
    try:
        return _of_run(run)
    except (KeyError, TypeError) as error:
        raise RunError(f"{RUN} of {folder.name} lacks {error}; train it again.") from error


def _of_run(run: Run) -> Entrant:
    plan, raw = run.raw["plan"], run.raw
    hardware = raw["hardware"]
    return Entrant(
        name=run.folder.name,
        folder=run.folder,
        architecture=plan["architecture"],
        size=plan["size"],
        width=plan["width"],
        head=plan["head"],
        outputs=tuple(raw["outputs"]),
        initialisation=raw.get("initialisation") or _initialisation(raw),
        augmentation=raw.get("augmentation") or _augmentation(plan),
        seed=plan["seed"],
        epochs=len(raw["history"]),
        best_epoch=raw["best_epoch"],
        seconds=raw["seconds"],
        hardware=f"{hardware['device']}, {hardware['cores']} cores, {hardware['backend']}",
        command=raw["command"],
        leave_out=plan["leave_out"],
        parameters=raw["parameters"],
        history=tuple(raw["history"]),
    )


def _initialisation(raw: dict[str, Any]) -> str:
    """Where the weights began; of a file the name that the command tells."""
    known = {NONE: "from scratch", IMAGENET: "ImageNet"}
    if (weights := raw["plan"]["weights"]) in known:
        return known[weights]
    named = re.search(r"--weights (\S+)", raw["command"])
    return named[1].removesuffix(".weights.h5") if named else "given weights"


def _augmentation(plan: dict[str, Any]) -> str:
    layers = Augmentation(**plan["augmentation"])
    said = [] if layers == OFF else ["the paper's"]
    if plan["jitter"]:
        said.append(f"graded jitter x {plan['jitter']:g}")
    if plan.get("style"):
        said.append(f"others' style, {plan['style']:.0%}")
    return ", ".join(said) or "none"


def _of_bundle(folder: Path) -> Entrant:
    raw = bundle.verify(folder).raw
    training = raw["training"]
    run = training.get("run", {})
    return Entrant(
        name=folder.name,
        folder=folder,
        architecture=raw["architecture"],
        size=raw["input_size"],
        width=float(raw.get("width", 1)),
        head=BINARY,
        outputs=("pneumonia",),
        initialisation=run.get("initialisation", "ImageNet"),
        augmentation=run.get("augmentation", "graded jitter x 1.6"),
        seed=training["seed"],
        epochs=run.get("epochs", training.get("schedule", {}).get("epochs", 0)),
        best_epoch=run.get("best_epoch", training.get("schedule", {}).get("epochs", 0)),
        seconds=run.get("seconds"),
        hardware=run.get("hardware", ""),
        command=training["command"],
        leave_out=None,
        parameters=_stored_numbers(folder / bundle.WEIGHTS),
        history=tuple(run.get("history", ())),
    )


def _stored_numbers(weights: Path) -> int:
    total = 0

    def add(_name: str, item: Any) -> None:
        nonlocal total
        total += item.size if isinstance(item, h5py.Dataset) else 0

    with h5py.File(weights, "r") as file:
        file.visititems(add)
    return total
