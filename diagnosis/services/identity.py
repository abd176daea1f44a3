"""Is the film this patient's? What a film says of itself is held against the form."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from diagnosis.errors import PatientMismatch
from diagnosis.models import Patient
from diagnosis.models.clock import db_now
from diagnosis.models.patient import full_months

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from diagnosis.services.intake import Submission
    from ml.contracts import FilmHeader


def check(*, submission: Submission, headers: Sequence[tuple[int, FilmHeader]]) -> list[str]:
    """The names of the fields that differ and that somebody confirmed; none where all agree.

    Raises PatientMismatch for an unconfirmed one, naming the fields but never their values. An
    empty tag contradicts nothing.
    """
    conflicts: list[dict[str, Any]] = [
        {"film": position, "fields": fields}
        for position, header in headers
        if (fields := _differing(submission, header))
    ]
    record = _known_patient(submission)
    differing = {name for film in conflicts for name in film["fields"]} | set(record)
    if differing and not submission.confirm_mismatch:
        raise PatientMismatch(films=conflicts, patient_record=record)
    return sorted(differing)


def _differing(submission: Submission, header: FilmHeader) -> list[str]:
    stated = {
        "patient_id": submission.mrn,
        "patient_name": submission.name,
        "birth_date": submission.birth_date.isoformat(),
        "sex": submission.sex,
        "accession_number": submission.accession_number,
    }
    same = {"patient_name": _same_name}
    differing = [
        name
        for name, value in stated.items()
        if value
        and header.tags.get(name)
        and not same.get(name, _same_value)(value, header.tags[name])
    ]
    return differing + ([] if _age_agrees(submission.birth_date, header.tags) else ["age"])


def _age_agrees(born: date, tags: Mapping[str, str]) -> bool:
    """Full years, one more or less; a stated birth date is compared itself, and by the day."""
    if "birth_date" in tags or "age_years" not in tags:
        return True
    known = tags.get("study_date")
    taken = date.fromisoformat(known) if known else db_now().date()
    years = full_months(born, taken) // 12
    return abs(int(float(tags["age_years"])) - years) <= 1


def _known_patient(submission: Submission) -> list[str]:
    """The fields in which our own record of this number differs from the form."""
    patient = Patient.objects.filter(site=submission.site, mrn=submission.mrn).first()
    if patient is None:
        return []
    pairs = {
        "name": _same_name(patient.name, submission.name),
        "birth_date": patient.birth_date == submission.birth_date,
        "sex": patient.sex == submission.sex,
    }
    return [name for name, equal in pairs.items() if not equal]


def _same_value(one: str, other: str) -> bool:
    """Numbers and dates are equal or not: their parts have an order, and each sign counts."""
    return one.strip().casefold() == other.strip().casefold()


def _same_name(one: str, other: str) -> bool:
    """Equal but for case, punctuation and the order of names ("Doe^Jane" is "Jane Doe")."""
    return _tokens(one) == _tokens(other)


def _tokens(value: str) -> list[str]:
    return sorted(re.findall(r"\w+", value.casefold()))
