"""Checks on the sample films: no copy of a training film, and classified as drawn."""

from __future__ import annotations

import csv
import io
import math
import textwrap
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ml.contracts import FilmLimits
from ml.pixels import normalise, preprocess
from ml.quality import assess
from scripts.sample_render import COMPONENTS, FILMS_PER_CLASS, SIDE, SPREAD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import Classifier
    from scripts.sample_render import Plane

COMPARED_SIDE = 64
# logits beyond the threshold, so that another machine's rounding does not change a label
MARGIN = 2.0
LIMITS = FilmLimits()
# the last whole month in which the eldest child of `make_sample_films.PATIENTS` is five
BIRTH_DATES_HOLD_UNTIL = "2028-12"


class Judge:
    """Whether a film passes the gate and, where there is a model, is classified as drawn."""

    def __init__(self, bundle: Path | None) -> None:
        self.classifier: Classifier | None = None
        if bundle is not None:
            from ml.engines import load

            self.classifier = load(bundle)

    @property
    def model(self) -> str:
        info = self.classifier.info if self.classifier else None
        return f"{info.name} {info.version}" if info else ""

    def agrees(self, data: bytes, label: str) -> bool:
        image = normalise(data, LIMITS)
        if assess(image) is not None:
            return False
        if self.classifier is None:
            return True
        info = self.classifier.info
        batch = preprocess(image, info.input_size)[np.newaxis]
        beyond = _logit(self.classifier.classify(batch)[0].probability) - _logit(info.threshold)
        return beyond >= MARGIN if label == "PNEUMONIA" else beyond <= -MARGIN


def _logit(probability: float) -> float:
    clipped = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(clipped / (1 - clipped))


class Distances(NamedTuple):
    """Root mean square differences of films at 64 px, each brought to mean 0 and spread 1."""

    nearest_to_a_sample: Plane  # each synthetic film to the training film nearest to it
    same_patient: Plane  # two films of one patient, all pairs
    nearest_of_another: Plane  # each training film to the nearest film of another patient

    @classmethod
    def measure(cls, archive: Path, samples: Sequence[Path]) -> Distances:
        films, patients = _training_films(archive)
        ours = np.stack([_compared(path.read_bytes()) for path in samples])
        between = _distances(films, films)
        same = patients[:, None] == patients[None, :]
        above = np.triu(np.ones_like(same), k=1)
        return cls(
            _distances(ours, films).min(axis=1),
            between[same & above],
            np.where(same, np.inf, between).min(axis=1),
        )


def _compared(data: bytes) -> Plane:
    small = preprocess(normalise(data, LIMITS), COMPARED_SIDE).ravel()
    spread_one: Plane = (small - small.mean()) / small.std()
    return spread_one


def _distances(one: Plane, other: Plane) -> Plane:
    # both have spread 1, so the mean squared difference is 2 - 2 x correlation
    correlation = one @ other.T / one.shape[1]
    distances: Plane = np.sqrt(np.clip(2 - 2 * correlation, 0, None))
    return distances


def _training_films(archive: Path) -> tuple[Plane, np.ndarray[tuple[int, ...], np.dtype[np.str_]]]:
    with zipfile.ZipFile(archive) as source:
        rows = list(csv.DictReader(io.TextIOWrapper(source.open("manifest.csv"), "utf-8")))
        films = np.stack([_compared(source.read(row["path"])) for row in rows])
    # person numbers run separately for the subtypes
    patients = [f"{row['subtype']}/{row['patient_id']}" for row in rows]
    return films, np.array(patients)


def _described(values: Plane) -> str:
    low, middle = np.percentile(values, (5, 50))
    return f"{values.min():.3f} | {low:.3f} | {middle:.3f} | {len(values):,}"


def write_readme(path: Path, distances: Distances, judge: Judge, redrawn: int) -> None:
    """samples/README.md: what the films are, how they were made, and the numbers measured."""
    if judge.model:
        chosen = textwrap.fill(
            f"Each of the twelve lies at least {MARGIN:g} logits on its own side of the threshold of "
            f"the model {judge.model}, because a draw that did not was thrown away and drawn again "
            f"({redrawn} of {redrawn + 12} draws), and the sharpening was set with an eye on an "
            "earlier one. The samples therefore say nothing about how often the model is right. "
            "The golden films were not chosen so.",
            width=100,
            break_on_hyphens=False,
        )
    else:
        chosen = "No model has been asked yet whether it classifies them as drawn."
    path.write_text(
        README.format(
            chosen=chosen,
            hold_until=BIRTH_DATES_HOLD_UNTIL,
            samples=_described(distances.nearest_to_a_sample),
            same=_described(distances.same_patient),
            other=_described(distances.nearest_of_another),
            compared=COMPARED_SIDE,
            components=COMPONENTS,
            side=SIDE,
            spread=SPREAD,
            films=f"{FILMS_PER_CLASS:,}",
        ),
        encoding="utf-8",
    )


README = """# Sample films

**Synthetic. They show no patient, and the names, numbers and indications in `manifest.csv` are
invented.** Research use only, not a diagnosis.

`film-01` to `film-12` are what `make demo` submits: six drawn as NORMAL, six as PNEUMONIA, in the
formats that a site sends (JPEG, 8-bit and 16-bit PNG, DICOM DX with MONOCHROME1 and MONOCHROME2).
`golden/` holds six smaller ones, on which an engine proves at start that it computes what the
model's manifest says.

The children are within the model's age rule, 1 to 5 full years, until {hold_until}. After that the
model scores the eldest no more, and `PATIENTS` in `scripts/make_sample_films.py` needs later birth
dates.

## How they were made

`python -m scripts.make_sample_films DATA_FOLDER --model BUNDLE`, with fixed seeds. For each class,
{components} principal components of {films} training films at {side} x {side} pixels; a film is a
random point in that space, each component drawn from a normal distribution with {spread} times its
spread. It is then enlarged, sharpened, and given lung markings, film grain, a side marker and a
collimator's border; both classes have the same range of aspect ratios.

{chosen}

## No copy of a training film

Root mean square difference at {compared} x {compared} pixels, every film brought to mean 0 and
standard deviation 1 (two unrelated pictures: 1.41):

| | smallest | 5 % | median | n |
|---|---|---|---|---|
| synthetic film to the training film nearest to it | {samples} |
| training film to the nearest one of another patient | {other} |
| two films of one patient | {same} |

## Licence

Derived statistically from "Chest X-Ray Images (Pneumonia)", D. Kermany, K. Zhang, M. Goldbaum,
Mendeley Data, doi:10.17632/rscbjbr9sj, CC BY 4.0; these films are offered under CC BY 4.0 too.
"""
