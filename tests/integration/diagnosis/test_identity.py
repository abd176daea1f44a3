"""The same request is the same study, and a film is its patient's."""

from __future__ import annotations

from typing import Any

import pytest

from diagnosis.errors import IdempotencyConflict, PatientMismatch
from diagnosis.models import AuditEvent, Image, Patient, Study
from diagnosis.services import films as store
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
