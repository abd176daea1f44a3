"""A DICOM's identity tags as clean short strings. Never logged: they name a patient."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_LONGEST = 324  # PS3.5: five name components of 64 characters and their delimiters
_YEARS_IN = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_AGE = re.compile(r"(\d{1,3})([DWMY])")


def identity_tags(dataset: Dataset) -> dict[str, str]:
    """The tags of `FilmHeader`, those that are there and make sense; others are left out."""
    born, taken = (_date(dataset, keyword) for keyword in ("PatientBirthDate", "StudyDate"))
    tags = {
        "patient_name": _name(dataset),
        "patient_id": clean_text(dataset, "PatientID"),
        "birth_date": born.isoformat() if born else "",
        "sex": _sex(dataset),
        "age_years": _age(dataset, born, taken),
        "study_date": taken.isoformat() if taken else "",
        "accession_number": clean_text(dataset, "AccessionNumber"),
        "view_position": clean_text(dataset, "ViewPosition"),
        "modality": clean_text(dataset, "Modality"),
        "photometric": clean_text(dataset, "PhotometricInterpretation"),
    }
    return {name: value for name, value in tags.items() if value}


def _clean(value: object) -> str:
    printable = "".join(c for c in str(value or "") if c.isprintable())
    return printable.strip()[:_LONGEST]


def clean_text(dataset: Dataset, keyword: str) -> str:
    """The value as a short printable string; "" where there is none."""
    return _clean(dataset.get(keyword))


def _name(dataset: Dataset) -> str:
    name = dataset.get("PatientName")
    return _clean(getattr(name, "alphabetic", name)).rstrip("^")


def _sex(dataset: Dataset) -> str:
    sex = clean_text(dataset, "PatientSex").upper()
    return sex if sex in {"F", "M", "O"} else ""


def clean_date(dataset: Dataset, keyword: str) -> str:
    """The date in ISO form; "" where there is none or it is none."""
    found = _date(dataset, keyword)
    return found.isoformat() if found else ""


def _date(dataset: Dataset, keyword: str) -> date | None:
    # 20200102, or 2020.01.02 as ACR-NEMA wrote it
    digits = clean_text(dataset, keyword).replace(".", "")
    if not re.fullmatch(r"\d{8}", digits, re.ASCII):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _age(dataset: Dataset, born: date | None, taken: date | None) -> str:
    """Years, with two decimals at most: PatientAge, else birth date to study date."""
    stated = _AGE.fullmatch(clean_text(dataset, "PatientAge"))
    if stated:
        return f"{int(stated[1]) * _YEARS_IN[stated[2]]:.2f}".rstrip("0").rstrip(".")
    if not born or not taken or taken < born:
        return ""
    had_birthday = (taken.month, taken.day) >= (born.month, born.day)
    return str(taken.year - born.year - (not had_birthday))
