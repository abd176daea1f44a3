"""What decides a training. It is written into the run, and a run is resumed by no other plan."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ml import bundle
from ml.architectures import ARCHITECTURES, IMAGENET, NONE, Options
from ml.training.layers import OFF, Augmentation
from ml.training.targets import BINARY, FINDINGS

FROM_SCRATCH_RATE, REFINING_RATE = 1e-3, 1e-4
_LEAST = {
    "epochs": 0, "size": 1, "seed": 0, "split_seed": 0, "jitter": 0.0, "style": 0.0, "warm_head": 0,
    "batch_size": 1, "weight_decay": 0.0, "patience": 1,
}  # fmt: skip


class PlanError(ValueError):
    """No training goes by these options; the message says which are wrong."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of `python -m ml train`."""

    architecture: str
    data: Path
    epochs: int = 30
    size: int = 224
    seed: int = 1  # of the initial weights, the order of films and their changes
    split_seed: int = 1  # of the split: runs are compared on one split
    weights: str | Path = NONE
    width: float = 1.0
    head: str = BINARY
    findings: Path | None = None  # CSV: path, one column a finding
    augmentation: Augmentation = field(default_factory=Augmentation)
    jitter: float = 0.0  # times `augment.STRONG`, graded: what differs between hospitals
    style: float = 0.0  # chance that a film takes some of another training film's style
    warm_head: int = 0  # changed copies of each film to fit a logistic head on first; 0: none
    batch_size: int = 32
    rate: float | None = None  # the peak; None: 1e-3 from scratch, 1e-4 from given weights
    weight_decay: float = 0.0
    patience: int = 8  # epochs without a better validation loss
    precision: str = "auto"  # or a Keras policy
    leave_out: int | None = None  # cluster of appearance that is neither learnt nor validated

    @property
    def peak_rate(self) -> float:
        default = FROM_SCRATCH_RATE if self.weights == NONE else REFINING_RATE
        return default if self.rate is None else self.rate

    def check(self) -> None:
        """Raise PlanError for options that contradict each other or teach nothing."""
        self._check_numbers()
        if (self.head == FINDINGS) != (self.findings is not None):
            raise PlanError("--head findings and --findings FILE need each other.")
        if self.warm_head and not self._can_have_a_warm_head:
            raise PlanError(
                "--warm-head needs the binary head and an architecture with an exact map."
            )
        if not self.epochs and not self.warm_head:
            raise PlanError("--epochs 0 teaches nothing without --warm-head.")

    def _check_numbers(self) -> None:
        for name, least in _LEAST.items():
            if not least <= getattr(self, name) < math.inf:
                raise PlanError(f"{_option(name)} must be at least {least}.")
        for name in ("peak_rate", "width"):
            if not 0 < getattr(self, name) < math.inf:
                raise PlanError(f"{_option(name.removeprefix('peak_'))} must be above 0.")
        if self.style > 1:
            raise PlanError("--style is a chance, at most 1.")

    @property
    def _can_have_a_warm_head(self) -> bool:
        network = ARCHITECTURES.get(self.architecture)
        return self.head == BINARY and network is not None and network.explains

    def options(self, outputs: int) -> Options:
        return Options(size=self.size, width=self.width, weights=self.weights, outputs=outputs)

    def as_json(self) -> dict[str, Any]:
        """Files by their digest: where they lie decides nothing, and is nobody's business."""
        facts = asdict(self)
        facts["data"] = digest(self.data)
        facts["findings"] = self.findings and digest(self.findings)
        if self.weights not in {NONE, IMAGENET}:
            facts["weights"] = digest(Path(self.weights))
        return facts | {"rate": self.peak_rate}

    def command(self) -> str:
        """The command that gives this run, with what differs from the defaults."""
        default = Plan(self.architecture, self.data)
        words = [f"python -m ml train --arch {self.architecture} --data {self.data.name}"]
        words += [f"--{name} {getattr(self, name)}" for name in ("epochs", "size", "seed")]
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name in _SAID or value == getattr(default, option.name):
                continue
            words.append(_said(option.name, value))
        return " ".join(words)


_SAID = {"architecture", "data", "epochs", "size", "seed"}


def _said(name: str, value: Any) -> str:
    if value == OFF:
        return "--no-augmentation"
    if isinstance(value, Augmentation):
        plain = Augmentation()
        changed = {k: v for k, v in asdict(value).items() if v != getattr(plain, k)}
        flip = ["--no-flip"] if "flip" in changed else []
        return " ".join(flip + [f"--{k} {v:g}" for k, v in changed.items() if k != "flip"])
    return f"{_option(name)} {value.name if isinstance(value, Path) else value}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def digest(path: Path) -> str:
    """SHA-256 of a file, or of every name and content below a folder."""
    if path.is_file():
        return bundle.file_digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [(file.relative_to(path).as_posix(), bundle.file_digest(file)) for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
