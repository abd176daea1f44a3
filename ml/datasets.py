"""Labelled films on disk: a folder or a zip with NORMAL/ and PNEUMONIA/, patients by manifest."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LABELS = {"NORMAL": 0, "PNEUMONIA": 1}
MANIFEST = "manifest.csv"


class DatasetError(ValueError):
    """The folder is not a labelled set of films. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class LabelledFilm:
    """One film of a set. ``name`` is its path inside the set, always with a slash."""

    name: str
    label: int  # 0 normal, 1 pneumonia
    patient: str | None


@dataclass(frozen=True, slots=True)
class FilmSet:
    """Films in the order of their names, and the way to their bytes (safe from threads)."""

    films: tuple[LabelledFilm, ...]
    read: Callable[[str], bytes]

    @property
    def names_patients(self) -> bool:
        return any(film.patient is not None for film in self.films)


def open_films(path: Path) -> FilmSet:
    """Open a folder or a zip that holds NORMAL/ and PNEUMONIA/ (nested folders are fine).

    A ``manifest.csv`` anywhere in it, with columns ``path`` and ``patient_id``, names patients.
    Raises DatasetError where there is no film of either label, or a manifest names none of them.
    """
    names, read = _zip(path) if path.is_file() else _folder(path)
    labelled = {name: label for name in names if (label := _label(name)) is not None}
    if len(set(labelled.values())) < len(LABELS):
        raise DatasetError(f"{path.name} must hold films in both NORMAL/ and PNEUMONIA/")
    patients = _patients(names, read)
    films = tuple(
        LabelledFilm(name, labelled[name], _patient_of(name, patients)) for name in sorted(labelled)
    )
    if patients and not any(film.patient for film in films):
        raise DatasetError(f"{MANIFEST} names none of the films; check its path column")
    return FilmSet(films, read)


def _folder(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    if not path.is_dir():
        raise DatasetError(f"{path.name} is neither a folder nor a zip file")
    names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    return names, lambda name: (path / name).read_bytes()


def _zip(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{path.name} is neither a folder nor a zip file") from error
    return [name for name in archive.namelist() if not name.endswith("/")], archive.read


def _label(name: str) -> int | None:
    *folders, file = PurePosixPath(name).parts
    if file.startswith(".") or file == MANIFEST:
        return None
    return next((LABELS[part] for part in folders if part in LABELS), None)


def _patients(names: list[str], read: Callable[[str], bytes]) -> Mapping[str, str]:
    patients: dict[str, str] = {}
    for name in sorted(names):
        if PurePosixPath(name).name == MANIFEST:
            for row in _rows(name, read(name)):
                path = (PurePosixPath(name).parent / row["path"]).as_posix()
                patients[path] = patients[row["path"]] = row["patient_id"]
    return patients


def _rows(name: str, data: bytes) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    missing = {"path", "patient_id"} - set(reader.fieldnames or ())
    if missing:
        raise DatasetError(f"{name} lacks the column {', '.join(sorted(missing))}")
    return (row for row in reader if row["path"] and row["patient_id"])


def _patient_of(name: str, patients: Mapping[str, str]) -> str | None:
    """The manifest's path may be relative to the set or name only the label folder and the file."""
    return patients.get(name) or patients.get("/".join(PurePosixPath(name).parts[-2:]))
