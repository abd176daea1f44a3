"""A labelled set of drawn films on disk, for trainings that take seconds."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.cli import main
from tests.films import as_jpeg, as_png8, chest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml.training.plan import Plan
    from tests.films import Film

FACTS = {
    "name": "drawn",
    "version": "1",
    "intended_use": {"text": "Tests.", "age_years": [1, 5], "views": ["AP"]},
    "licence": "none",
    "data": "drawn films",
}
SIZE = 64
FILMS = 20  # of each label
PATIENTS = 10


def drawn(seed: int, haze: float, side: int = 160) -> Film:
    """A drawn chest behind shadows of its own: drawn alone, all would be near-duplicates."""
    shadows = np.random.default_rng(seed).uniform(0.6, 1.0, (5, 5))
    grown = np.kron(shadows, np.ones((side // 5 + 1, side // 5 + 1)))[:side, :side]
    return (chest(seed, haze=haze, size=(side, side)) * grown).astype(np.uint16)


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def draw_set(root: Path) -> Path:
    """NORMAL/ and PNEUMONIA/ with two films a patient, and manifest.csv with subtypes."""
    rows = []
    for label, haze in (("NORMAL", 0.0), ("PNEUMONIA", 0.9)):
        (root / label).mkdir(parents=True)
        for number in range(FILMS):
            film = drawn(number + int(haze * 1000), haze)
            (root / label / f"{number}.jpg").write_bytes(as_jpeg(film))
            kind = "normal" if not haze else ("bacteria", "virus")[number // 2 % 2]
            rows.append([f"{label}/{number}.jpg", f"{label}-{number // 2}", kind])
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "patient_id", "subtype"], *rows])
    return root


def draw_golden(root: Path) -> Path:
    root.mkdir(parents=True)
    for number in range(2):
        (root / f"{number}.png").write_bytes(as_png8(drawn(500 + number, 0.5 * number)))
    return root


def small_plan(data: Path, **options: Any) -> Plan:
    from ml.training.plan import Plan

    small = {"architecture": "cnn", "epochs": 2, "size": SIZE, "width": 0.25, "batch_size": 8}
    return Plan(data=data, **(small | options))


def draw_runs(root: Path, runs: Mapping[str, Mapping[str, Any]]) -> None:
    """data/, golden/, facts.json, and a run of one epoch for each name with its options."""
    from ml.training.plan import Plan
    from ml.training.run import train

    data = draw_set(root / "data")
    draw_golden(root / "golden")
    (root / "facts.json").write_text(json.dumps(FACTS))
    for name, options in runs.items():
        plan = Plan(data=data, epochs=1, size=48, width=0.25, batch_size=8, **options)
        train(plan, root / name, quiet, eager=True)


def package(room: Path, name: str, out: str) -> int:
    words = [room / name, "--data", room / "data", "--facts", room / "facts.json"]
    words += ["--golden", room / "golden", "--out", room / out]
    return main(["package", *map(str, words)])
