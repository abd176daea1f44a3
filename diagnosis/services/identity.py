"""Is the film this patient's? What a film says of itself is held against the form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from diagnosis.errors import PatientMismatch
from diagnosis.models import Patient

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    return [
        name
        for name, value in stated.items()
        if value
        and header.tags.get(name)
        and not same.get(name, _same_value)(value, header.tags[name])
    ]


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
