"""From a film's bytes to its score: the same reading for all, and the ways to run the model."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ml import bundle
from ml.contracts import FilmLimits, GateFinding
from ml.inference import read_film

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.contracts import Classifier, FloatArray

PREDICT, KERAS, OPENVINO = "predict", "keras", "openvino"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a contestant's process is told through its environment."""

    bundle: Path
    cache: Path
    gate: bool

    def env(self, engine: str) -> Mapping[str, str]:
        return {
            "PEERS_BUNDLE": str(self.bundle),
            "PEERS_CACHE": str(self.cache),
            "PEERS_GATE": str(int(self.gate)),
            "PEERS_ENGINE": engine,
        }


class Model(Protocol):
    def score(self, batch: FloatArray) -> list[float]: ...


class _Predict:
    """`model.predict`, as most projects on Keras serve a model."""

    def __init__(self, directory: Path) -> None:
        from ml.calibration import Calibration
        from ml.engines.networks import load_network

        manifest = bundle.load_manifest(directory)
        self._network: Any = load_network(directory, manifest.raw)
        self._calibration = Calibration(**manifest.raw["calibration"])

    def score(self, batch: FloatArray) -> list[float]:
        found = self._network.predict(batch, verbose=0)
        logits = found[0] if isinstance(found, list | tuple) else found
        return [float(score) for score in self._calibration.probabilities(logits[:, 0])]


class _Engine:
    """One of our engines. Its calls are serialised here, as its contract wants."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._lock = threading.Lock()

    def score(self, batch: FloatArray) -> list[float]:
        with self._lock:
            return [found.probability for found in self._classifier.classify(batch)]


class Scorer:
    """Reads films and scores them; threads may share it."""

    def __init__(self, engine: str, directory: Path, cache: Path, *, gate: bool) -> None:
        self._size = int(bundle.load_manifest(directory).raw["input_size"])
        self._gate = gate
        self._model = _load(engine, directory, cache)

    def read(self, data: bytes) -> FloatArray:
        film = read_film(data, FilmLimits(), self._size, gate=self._gate)
        if isinstance(film, GateFinding):
            raise TypeError(f"the gate refuses a film of the bench: {film.code}")
        return film

    def score(self, batch: FloatArray) -> list[float]:
        return self._model.score(batch)

    def __call__(self, data: bytes) -> float:
        (found,) = self.score(self.read(data)[np.newaxis])
        return found


def from_environment() -> Scorer:
    return Scorer(
        os.environ["PEERS_ENGINE"],
        Path(os.environ["PEERS_BUNDLE"]),
        Path(os.environ["PEERS_CACHE"]),
        gate=os.environ["PEERS_GATE"] == "1",
    )


def _load(engine: str, directory: Path, cache: Path) -> Model:
    if engine == PREDICT:
        return _Predict(directory)
    from ml import engines

    return _Engine(engines.load(directory, engine, cache=cache))
