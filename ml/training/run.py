"""A run: a folder with everything that one training decided, saw and gave.

run.json             the plan, the split's digest, hardware, history, the kept epoch
split.csv            path, label, part
weights.weights.h5   of the best epoch
curves.png           loss and accuracy by epoch
histograms.png       gray levels before and after augmentation
checkpoint.npz       to go on from, until the run is finished
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ml import architectures
from ml.training import figures, hardware
from ml.training.corpus import open_corpus
from ml.training.fit import CHECKPOINT, Fit, Lesson
from ml.training.split import TRAIN, VALIDATION, split_digest
from ml.training.warm_head import fit_warm_head

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import Progress
    from ml.training.corpus import Corpus
    from ml.training.fit import Row
    from ml.training.plan import Plan

FORMAT = 1
RUN = "run.json"
SPLIT = "split.csv"
_SHOWN_FILMS = 256


class RunError(ValueError):
    """The folder is not the run that was asked for; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """What run.json says."""

    folder: Path
    raw: dict[str, Any]

    @property
    def is_finished(self) -> bool:
        return bool(self.raw.get("finished"))


def read_run(folder: Path) -> Run:
    """Raises RunError for a folder without a readable run.json."""
    try:
        raw = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"There is no run in {folder.name}: {RUN} cannot be read.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise RunError(f"{folder.name}/{RUN} is not of format {FORMAT}.")
    return Run(folder, raw)


def train(plan: Plan, folder: Path, progress: Progress, *, eager: bool = False) -> Run:
    """Train by the plan into `folder`, going on where an earlier process was stopped.

    eager: step by step, without compiling a graph: starts at once, then slower.
    Raises PlanError, RunError where the folder holds another run, and what reading the films and
    building the network raise; nothing is written before.
    """
    plan.check()
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder.name} is a file; --out names a folder.")
    facts = {"format": FORMAT, "plan": plan.as_json()}
    if (folder / RUN).exists():
        run = read_run(folder)
        if run.raw["plan"] != json.loads(json.dumps(facts["plan"])):
            raise RunError(f"{folder.name} holds the run of another plan; choose another --out.")
        if run.is_finished:
            return run
    return _Training(plan, folder, facts, eager=eager).run(progress)


class _Training:
    def __init__(self, plan: Plan, folder: Path, facts: dict[str, Any], *, eager: bool) -> None:
        self.eager = eager
        self.plan = plan
        self.folder = folder
        self.facts = facts

    def run(self, progress: Progress) -> Run:
        plan, folder = self.plan, self.folder
        corpus = open_corpus(plan, progress)
        lesson = Lesson(
            corpus.at(plan.size), corpus.targets, corpus.where(TRAIN), corpus.where(VALIDATION)
        )
        with _precision(plan.precision) as policy:
            keras.utils.set_random_seed(plan.seed)
            options = plan.options(len(lesson.targets.names))
            model = architectures.build(plan.architecture, options)
            self._claim(corpus)
            strength = None
            if plan.warm_head:
                strength = fit_warm_head(model, lesson, plan, folder, progress)
            fit = Fit(model, lesson, plan, folder, eager=self.eager)
            history = fit.run(progress)
        self._draw(lesson, history)
        self.facts |= {
            "finished": True,
            "command": self.plan.command(),
            "outputs": list(corpus.targets.names),
            "parameters": model.count_params(),
            "policy": policy,
            "head_strength": strength,
            "hardware": hardware.described(),
            "split": self._split(corpus),
            "best_epoch": fit.best_epoch,
            "seconds": round(sum(row["seconds"] for row in history), 1),
            "history": history,
        }
        write_run(folder, self.facts)
        for left in (folder / CHECKPOINT, *folder.glob("features-*.npy")):
            left.unlink(missing_ok=True)
        return Run(folder, self.facts)

    def _claim(self, corpus: Corpus) -> None:
        """Write plan and split, from which the same command goes on."""
        folder, split = self.folder, corpus.split_csv()
        if (folder / CHECKPOINT).exists() and (folder / SPLIT).read_bytes() != split:
            raise RunError(f"{folder.name} was begun on another split; choose another --out.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPLIT).write_bytes(split)
        write_run(folder, self.facts)

    def _draw(self, lesson: Lesson, history: list[Row]) -> None:
        plan, folder = self.plan, self.folder
        shown = lesson.pixels[lesson.train[:_SHOWN_FILMS]]
        films = shown.astype(np.float32)[..., None] / np.float32(255)
        figures.histograms(films, plan.augmentation, plan.seed, folder / "histograms.png")
        if history:
            figures.curves(history, plan.architecture, folder / "curves.png")

    def _split(self, corpus: Corpus) -> dict[str, Any]:
        return {
            "by": "patient, near-duplicates tied",
            "seed": self.plan.split_seed,
            "sha256": split_digest(corpus.split_csv()),
            **corpus.counts(),
        }


class _precision:  # noqa: N801  (reads as a word where it is used)
    """Keras builds under the policy inside, and under the former one afterwards."""

    def __init__(self, wanted: str) -> None:
        self._policy = hardware.policy(wanted)

    def __enter__(self) -> str:
        self._before = keras.mixed_precision.dtype_policy()
        keras.mixed_precision.set_dtype_policy(self._policy)
        return self._policy

    def __exit__(self, *_error: object) -> None:
        keras.mixed_precision.set_dtype_policy(self._before)


def write_run(folder: Path, facts: dict[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    text = json.dumps(facts, indent=2, sort_keys=True, allow_nan=False)
    partial = folder / f".{RUN}"
    partial.write_text(text + "\n", encoding="utf-8")
    partial.rename(folder / RUN)
