"""The same request is the same study, and a film is its patient's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diagnosis.errors import IdempotencyConflict, PatientMismatch
from diagnosis.models import AuditEvent, Image, Patient, Study
from diagnosis.models.clock import db_now
from diagnosis.services import films as store
from diagnosis.services import identity, intake
from ml.contracts import FilmLimits
from ml.pixels import verify
from tests import films
from tests.integration.diagnosis.work import at_once, dicom, film

pytestmark = pytest.mark.django_db


class TestIdempotency:
    def test_the_same_request_is_the_same_study(self, send: Any) -> None:
        first, _ = send(idempotency_key="k")
        again, is_new = send(idempotency_key="k")
        assert (again, is_new) == (first, False)
        assert (Study.objects.count(), len(list(store.stored()))) == (1, 1)

    @pytest.mark.parametrize(
        "change",
        [
            {"films": (b"other",)},
            {"indication": "x"},
            {"priority": "STAT"},
            {"confirm_mismatch": True},
            {"mrn": "2"},
        ],
    )
    def test_the_same_key_with_other_content(self, send: Any, change: dict[str, Any]) -> None:
        send(idempotency_key="k")
        with pytest.raises(IdempotencyConflict):
            send(idempotency_key="k", **change)
        assert Study.objects.count() == 1

    def test_a_key_is_its_users_own(self, send: Any, radiologist: Any) -> None:
        first, _ = send(idempotency_key="k")
        other, is_new = send(idempotency_key="k", user=radiologist)
        assert is_new
        assert other != first

    def test_without_a_key_each_request_is_a_study(self, send: Any) -> None:
        assert send()[0] != send()[0]

    @pytest.mark.django_db(transaction=True)
    def test_twins_at_once_make_one_study(self, send: Any) -> None:
        answers = at_once([lambda: send(idempotency_key="k")] * 4)
        studies = {study for study, _ in answers}
        assert len(studies) == 1
        assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
        image = Image.objects.get()
        assert [path.name for path in store.stored()] == [image.storage_key]

    @pytest.mark.django_db(transaction=True)
    def test_two_studies_at_once_of_one_new_patient(self, send: Any) -> None:
        answers = at_once([lambda n=n: send(film(n)) for n in range(3)])
        assert len({study for study, _ in answers}) == 3
        assert Patient.objects.count() == 1


class TestIdentity:
    @pytest.mark.parametrize(
        ("tags", "field"),
        [
            ({"patient_id": "TEST-0002"}, "patient_id"),
            ({"patient_name": "Other^Child"}, "patient_name"),
            ({"birth_date": "20200103"}, "birth_date"),
            ({"birth_date": "20200201"}, "birth_date"),  # day and month exchanged
            ({"patient_id": "0001-TEST"}, "patient_id"),
            ({"patient_id": "TEST0001"}, "patient_id"),
            ({"accession": "1-ACC"}, "accession_number"),
            ({"sex": "M"}, "sex"),
            ({"accession": "ACC-2"}, "accession_number"),
        ],
    )
    def test_a_film_that_names_somebody_else_needs_a_confirmation(
        self, send: Any, tags: dict[str, str], field: str
    ) -> None:
        with pytest.raises(PatientMismatch) as refusal:
            send(dicom(**tags), accession_number="ACC-1")
        assert refusal.value.details["films"] == [{"film": 1, "fields": [field]}]
        (value,) = tags.values()
        assert value not in str(refusal.value.details)
        assert not Study.objects.exists()

    def test_a_confirmed_difference_is_audited(self, send: Any, submitter: Any) -> None:
        study, _ = send(dicom(patient_id="TEST-0002"), confirm_mismatch=True)
        event = AuditEvent.objects.get(action="PATIENT_MISMATCH_CONFIRMED")
        assert (event.actor_name, event.study) == (submitter.username, str(study.uid))
        assert event.after == {"fields": ["patient_id"]}

    def test_a_confirmation_of_nothing_is_not_audited(self, send: Any) -> None:
        send(dicom(), confirm_mismatch=True)
        assert not AuditEvent.objects.filter(action="PATIENT_MISMATCH_CONFIRMED").exists()

    @pytest.mark.parametrize(
        "tags",
        [
            {},
            {"patient_id": "", "patient_name": "", "birth_date": "", "sex": "", "accession": ""},
            {"patient_name": "CHILD^FICTIONAL"},
        ],
    )
    def test_an_empty_tag_or_another_spelling_contradicts_nothing(
        self, send: Any, tags: dict[str, str]
    ) -> None:
        assert send(dicom(**tags))[1]

    def test_our_own_record_of_the_number_counts_too(self, send: Any) -> None:
        send()
        with pytest.raises(PatientMismatch) as refusal:
            send(name="Another Person")
        assert refusal.value.details["patient_record"] == ["name"]
        send(name="Another Person", confirm_mismatch=True)
        assert Patient.objects.get().name == "Fictional Child"


SMALL = films.chest(3, size=(32, 32))
DATES = st.dates(date(1900, 1, 1), date(2100, 12, 31))
# Of each unit, as many days as three digits of it can tell, and no life is longer.
MOST_DAYS = {"Y": 120 * 365, "M": 999 * 30, "W": 999 * 7, "D": 999}
AGES = st.sampled_from(sorted(MOST_DAYS)).flatmap(
    lambda unit: st.tuples(st.just(unit), st.integers(0, MOST_DAYS[unit]))
)
PROPERTY = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def full_years(born: date, taken: date) -> int:
    years = taken.year - born.year
    return years if (taken.month, taken.day) >= (born.month, born.day) else years - 1


def full_months(born: date, taken: date) -> int:
    months = 12 * taken.year + taken.month - 12 * born.year - born.month
    return months if taken.day >= born.day else months - 1


def compared(site: Any, born: date, **tags: str) -> list[str]:
    """The fields in which a film of these tags differs from a form of that birth date."""
    header = verify(films.as_dicom(SMALL, birth_date="", **tags), FilmLimits())
    form = intake.Submission(site, "TEST-0001", "Fictional Child", born, "F", confirm_mismatch=True)
    return identity.check(submission=form, headers=[(1, header)])


class TestAge:
    @PROPERTY
    @given(DATES, AGES)
    @example(date(2020, 2, 29), ("Y", (date(2023, 2, 28) - date(2020, 2, 29)).days))
    @example(date(2020, 2, 29), ("Y", (date(2023, 3, 1) - date(2020, 2, 29)).days))
    @example(date(2020, 12, 31), ("M", 1))
    def test_the_age_that_the_calendar_gives_differs_from_no_birth_date(
        self, site: Any, born: date, aged: tuple[str, int]
    ) -> None:
        unit, days = aged
        taken = born + timedelta(days=days)
        years, months = full_years(born, taken), full_months(born, taken)
        age = {"Y": years, "M": months, "W": days // 7, "D": days}
        stated = f"{age[unit]:03}{unit}"
        assert compared(site, born, patient_age=stated, study_date=f"{taken:%Y%m%d}") == []

    @PROPERTY
    @given(DATES, st.integers(0, MOST_DAYS["Y"]), st.integers(3, 120), st.sampled_from([-1, 1]))
    @example(date(2022, 5, 5), (date(2025, 5, 4) - date(2022, 5, 5)).days, 3, 1)
    @example(date(2022, 5, 5), (date(2025, 5, 5) - date(2022, 5, 5)).days, 3, -1)
    def test_one_that_is_three_years_off_differs(
        self,
        site: Any,
        born: date,
        days: int,
        off: int,
        sign: int,
    ) -> None:
        taken = born + timedelta(days=days)
        years = full_years(born, taken)
        age = years + (off if years < off else sign * off)  # no age is below nought
        tags = {"patient_age": f"{age:03}Y", "study_date": f"{taken:%Y%m%d}"}
        assert compared(site, born, **tags) == ["age"]

    def test_without_a_study_date_the_age_is_todays(self, site: Any) -> None:
        born = db_now().date() - timedelta(days=4 * 365 + 100)
        agree, differ = ["003Y", "004Y", "005Y", "050M", "", "4"], ["001Y", "007Y", "045Y"]
        for age in agree + differ:
            fields = compared(site, born, patient_age=age, study_date="")
            assert fields == (["age"] if age in differ else []), age

    def test_a_stated_birth_date_is_compared_itself(self, send: Any) -> None:
        assert send(dicom(patient_age="045Y"))[1]

    def test_an_adults_film_under_a_childs_name_needs_a_confirmation(self, send: Any) -> None:
        adult = dicom(birth_date="", patient_age="045Y")
        with pytest.raises(PatientMismatch) as refusal:
            send(adult)
        assert refusal.value.details["films"] == [{"film": 1, "fields": ["age"]}]
        assert "45" not in str(refusal.value.details)
        send(adult, confirm_mismatch=True)
        event = AuditEvent.objects.get(action="PATIENT_MISMATCH_CONFIRMED")
        assert event.after == {"fields": ["age"]}
