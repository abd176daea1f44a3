"""The films that the demo submits, and whose they are said to be."""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from django.utils import timezone

from ml.contracts import FilmError, FilmLimits
from ml.pixels import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SUFFIXES = {".jpg", ".jpeg", ".png", ".dcm", ".dicom", ".dic", ""}
GIVEN = ("Ada", "Ben", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kit", "Lou")
FAMILY = ("Sample", "Example", "Specimen", "Placeholder", "Fiction", "Mockup", "Dummy", "Tryout")
# For a film without a study date. Fixed, so that a birth date made from an age is the same in a
# second run.
AGE_COUNTS_FROM = 2026


class NoFilms(Exception):  # noqa: N818 - a refusal, told to the operator as it stands
    """There is nothing to submit; the message is one sentence for the operator."""


@dataclass(frozen=True)
class DemoFilm:
    """A file, and the form that goes with it: the fields of `POST /api/v1/studies/`."""

    path: Path
    form: Mapping[str, str]

    @property
    def label(self) -> str:
        """For the operator's own terminal only: neither stored nor logged."""
        return self.path.name


def from_manifest(folder: Path) -> list[DemoFilm]:
    """The committed samples, each with the fictional patient of samples/manifest.csv."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [
            DemoFilm(
                folder / row["file"],
                {
                    "name": row["name"],
                    "mrn": row["mrn"],
                    "birth_date": row["birth_date"],
                    "sex": row["sex"],
                    "indication": row["indication"],
                    "priority": row["priority"],
                },
            )
            for row in csv.DictReader(file)
        ]


def from_folder(
    folder: Path, *, stopped: Callable[[], bool] = lambda: False
) -> tuple[list[DemoFilm], int]:
    """Every film below the folder (until `stopped()`), and how many other files were left alone.

    Each film gets a fictional patient of its own; a DICOM that names its patient keeps that one.
    """
    if not folder.is_dir():
        raise NoFilms(f"There is no folder {folder}.")
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder)
    )
    films = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not films:
        raise NoFilms(f"{folder} holds no JPEG, PNG or DICOM files.")
    others = len(files) - len(films)
    wanted = takewhile(lambda _path: not stopped(), films)
    return [DemoFilm(path, dict(_form(path))) for path in wanted], others


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _form(path: Path) -> Iterator[tuple[str, str]]:
    data = path.read_bytes()
    stated = _patient_of(data)
    whose = stated["mrn"].encode() if "mrn" in stated else data
    fictional = fictional_patient(hashlib.sha256(whose).digest(), timezone.localdate().year)
    yield from (fictional | stated).items()
    yield "indication", "Demonstration"
    yield "priority", "ROUTINE"


def fictional_patient(digest: bytes, year: int) -> dict[str, str]:
    """A child of the digest of a film, or of a patient number: always the same one within a year,
    so that a second run and a second film find them again.

    1 to 4 years old throughout the year, since the committed model is meant for children of 1 to 5.
    The number holds the year: the next year's children are others, whom no stored record contradicts.
    """
    first, last = date(year - 4, 1, 1), date(year - 2, 12, 31)
    born = first + timedelta(days=int.from_bytes(digest[2:6], "big") % ((last - first).days + 1))
    return {
        "name": f"{GIVEN[digest[0] % len(GIVEN)]} {FAMILY[digest[1] % len(FAMILY)]}",
        "mrn": f"DEMO-{year}-{digest[:5].hex().upper()}",
        "birth_date": born.isoformat(),
        "sex": "FM"[digest[6] % 2],
    }


def _patient_of(data: bytes) -> dict[str, str]:
    """What a DICOM says of its patient; nothing for other formats and for bytes that are no film,
    which the intake refuses with its own code.
    """
    try:
        tags = verify(data, FilmLimits()).tags
    except FilmError:
        return {}
    names = {
        "patient_name": "name",
        "patient_id": "mrn",
        "birth_date": "birth_date",
        "sex": "sex",
        "accession_number": "accession_number",
    }
    stated = {ours: tags[tag].strip() for tag, ours in names.items() if tags.get(tag, "").strip()}
    if "birth_date" not in stated and tags.get("age_years"):
        # An adult's film must meet the model's age rule as an adult's.
        taken = int(tags.get("study_date", "")[:4] or AGE_COUNTS_FROM)
        born = taken - math.ceil(float(tags["age_years"]))
        stated["birth_date"] = date(born, 1, 1).isoformat()
    if stated.get("sex") not in {None, "F", "M", "O"}:
        del stated["sex"]
    return stated
