"""Labelled films on disk: a folder or a zip with NORMAL/ and PNEUMONIA/, patients by manifest."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LABELS = {"NORMAL": 0, "PNEUMONIA": 1}
MANIFEST = "manifest.csv"
_UNKNOWN = -1.0
_NO_FINDING = {"path", "patient_id"}
_VALUES = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "": _UNKNOWN}

Facts = tuple[str | None, str | None, float | None]  # patient, subtype, megapixels


class DatasetError(ValueError):
    """The folder is not a labelled set of films. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class LabelledFilm:
    """One film of a set. ``name`` is its path inside the set, always with a slash."""

    name: str
    label: int  # 0 normal, 1 pneumonia
    patient: str | None
    subtype: str | None = None  # as the manifest has it: normal, bacteria, virus
    megapixels: float | None = None  # of the film at its true size, where the manifest knows it


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
    facts = _facts(names, read)
    films = tuple(
        LabelledFilm(name, labelled[name], *_facts_of(name, facts)) for name in sorted(labelled)
    )
    if facts and not any(film.patient for film in films):
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


def _facts(names: list[str], read: Callable[[str], bytes]) -> Mapping[str, Facts]:
    """What is known of a film by its path, from every manifest in the set."""
    facts: dict[str, Facts] = {}
    for name in sorted(names):
        if PurePosixPath(name).name == MANIFEST:
            for row in _rows(name, read(name), {"path", "patient_id"}):
                path = (PurePosixPath(name).parent / row["path"]).as_posix()
                facts[path] = facts[row["path"]] = _facts_in(row)
    return facts


def _facts_in(row: dict[str, str]) -> Facts:
    sides = [row.get(column) or "" for column in ("orig_width", "orig_height")]
    known = all(side.isdigit() for side in sides)
    megapixels = int(sides[0]) * int(sides[1]) / 1e6 if known else None
    return row["patient_id"], row.get("subtype") or None, megapixels


def _rows(name: str, data: bytes, needed: set[str]) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    missing = needed - set(reader.fieldnames or ())
    if missing:
        raise DatasetError(f"{name} lacks the column {', '.join(sorted(missing))}")
    return (row for row in reader if all(row[column] for column in needed))


def _facts_of(name: str, facts: Mapping[str, Facts]) -> Facts:
    """The manifest's path may be relative to the set or name only the label folder and the file."""
    found = facts.get(name) or facts.get("/".join(PurePosixPath(name).parts[-2:]))
    return found or (None, None, None)


def open_listed(path: Path, table: Path) -> tuple[FilmSet, tuple[str, ...], list[list[float]]]:
    """Films listed in a CSV with any number of findings: the set, the findings, and their values.

    Columns: ``path`` inside the set, ``patient_id``, then one a finding: 1, 0, or empty where
    it is unknown (-1 in the answer). A film's label is 1 where any finding is known to be there.
    Raises DatasetError.
    """
    names, read = _zip(path) if path.is_file() else _folder(path)
    rows = sorted(_whole_rows(table), key=lambda row: row["path"])
    if twice := [one["path"] for one, other in pairwise(rows) if one["path"] == other["path"]]:
        raise DatasetError(f"{table.name} lists {twice[0]} more than once")
    findings = tuple(column for column in (rows[0] if rows else ()) if column not in _NO_FINDING)
    if not rows or not findings:
        raise DatasetError(f"{table.name} must list films, with a column for each finding")
    if lacking := sorted({row["path"] for row in rows} - set(names)):
        raise DatasetError(f"{table.name} lists {lacking[0]}, which {path.name} does not hold")
    values = [[_value(table.name, row, finding) for finding in findings] for row in rows]
    for row, known in zip(rows, values, strict=True):
        if set(known) == {_UNKNOWN}:
            raise DatasetError(f"{table.name}: nothing is known of {row['path']}; leave it out")
    films = tuple(
        LabelledFilm(row["path"], int(1 in known), row["patient_id"])
        for row, known in zip(rows, values, strict=True)
    )
    return FilmSet(films, read), findings, values


def _whole_rows(table: Path) -> Iterator[dict[str, str]]:
    """Every row. Raises DatasetError for one without path or patient: none is dropped silently."""
    text = table.read_text(encoding="utf-8-sig")
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        for column in ("path", "patient_id"):
            if not row.get(column):
                raise DatasetError(f"{table.name}, line {number}: {column} is missing")
        yield row


def _value(table: str, row: dict[str, str], finding: str) -> float:
    text = (row[finding] or "").strip()
    if text not in _VALUES:
        raise DatasetError(f"{table}: {finding} of {row['path']} must be 1, 0 or empty")
    return _VALUES[text]
