"""Submission: what is accepted cannot be lost, and what is refused leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection

from diagnosis.errors import (
    FilmTooLarge,
    InvalidInput,
    NotPermitted,
    NoUsableFilm,
    StorageUnavailable,
)
from diagnosis.models import AuditEvent, Image, Job, Patient, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import films as store
from diagnosis.services import intake
from tests import films
from tests.integration.diagnosis.work import claim_one, film

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
BIRTH = date(2020, 1, 2)


def nothing_is_stored() -> bool:
    rows = (Study, Image, Job, Patient)
    return not any(table.objects.exists() for table in rows) and not list(store.stored())


class TestAccepted:
    def test_study_films_jobs_and_files_stand_together(self, send: Any) -> None:
        study, is_new = send(film(1), film(2), priority="STAT", indication="Cough")
        assert is_new
        assert (study.state, study.worklist_rank) == ("PROCESSING", 5_000_000)
        images = list(study.images.order_by("position"))
        assert [image.position for image in images] == [1, 2]
        for image, data in zip(images, (film(1), film(2)), strict=True):
            assert store.read(key=image.storage_key, sha256=image.sha256) == data
            assert image.jobs.get().status == "QUEUED"
        assert {path.name for path in store.stored()} == {image.storage_key for image in images}
        event = AuditEvent.objects.get(action="STUDY_SUBMITTED")
        assert event.after == {
            "state": "PROCESSING",
            "priority": "STAT",
            "is_blinded": False,
            "films": 2,
            "refused": [],
        }

    def test_the_turn_round_target_follows_the_priority(self, send: Any) -> None:
        study, _ = send(priority="STAT")
        assert study.due_at - study.submitted_at == timedelta(hours=1)

    def test_a_bad_film_does_not_take_the_good_ones_with_it(self, send: Any) -> None:
        study, _ = send(films.text_named_jpg(), film(1), film(1), film(2))
        told = [(one["position"], one["code"], bool(one["film"])) for one in study.intake_report]
        assert told == [
            (1, "UNSUPPORTED_TYPE", False),
            (2, "ACCEPTED", True),
            (3, "DUPLICATE", False),
            (4, "ACCEPTED", True),
        ]
        assert [image.position for image in study.images.order_by("position")] == [2, 4]
        event = AuditEvent.objects.get(action="STUDY_SUBMITTED")
        assert event.after["refused"] == ["UNSUPPORTED_TYPE", "DUPLICATE"]

    def test_the_same_film_under_another_patient_is_flagged(self, send: Any) -> None:
        first, _ = send()
        again, _ = send()
        other, _ = send(mrn="OTHER", name="Somebody Else")
        flags = [s.images.get().seen_under_other_patient for s in (first, again, other)]
        assert flags == [False, False, True]
        assert Patient.objects.count() == 2

    def test_without_an_active_model_the_case_waits_for_its_reader(
        self, submitter: Any, site: Any
    ) -> None:
        form = intake.Submission(site, "1", "Fictional Child", BIRTH, "F", films=(film(),))
        study, _ = intake.submit(user=submitter, actor=Actor.of(submitter), submission=form)
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("AWAITING_READ", True)
        assert not Job.objects.exists()

    def test_an_age_outside_the_model_is_the_workers_to_tell(self, send: Any) -> None:
        send(birth_date=db_now().date() - timedelta(days=60 * 365))
        assert not claim_one().age_is_covered

    def test_both_ends_of_the_models_ages_are_covered(self, send: Any) -> None:
        """By birthdays: from the day of the first, and up to the day before the sixth."""
        today = db_now().date()
        today = today.replace(day=min(today.day, 28))
        for born, covered in (
            (today.replace(year=today.year - 1) + timedelta(days=1), False),
            (today.replace(year=today.year - 1), True),
            (today.replace(year=today.year - 6) + timedelta(days=1), True),
            (today.replace(year=today.year - 6), False),
        ):
            study, _ = send(mrn=born.isoformat(), birth_date=born)
            Study.objects.filter(pk=study.pk).update(
                submitted_at=datetime.combine(today, time(12), tzinfo=UTC)
            )
            assert claim_one().age_is_covered is covered, born


class TestRefused:
    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (films.empty, "EMPTY"),
            (films.text_named_jpg, "UNSUPPORTED_TYPE"),
            (films.truncated_jpeg, "CORRUPT"),
            (films.huge_header_png, "TOO_MANY_PIXELS"),
            (films.ct_dicom, "NOT_A_CHEST_MODALITY"),
            (films.dicom_without_pixels, "NO_PIXELS"),
            (films.animated_png, "MULTI_FRAME"),
        ],
    )
    def test_a_film_that_is_none_has_a_code(
        self, send: Any, make: Callable[[], bytes], code: str
    ) -> None:
        with pytest.raises(NoUsableFilm) as refusal:
            send(make())
        (told,) = refusal.value.details["films"]
        assert (told["code"], bool(told["message"]), told["film"]) == (code, True, "")
        assert nothing_is_stored()

    def test_a_deflated_bomb_does_not_go_off(self, send: Any, settings: Any) -> None:
        settings.MAX_FILM_BYTES = 8 * 1024 * 1024
        with pytest.raises((NoUsableFilm, FilmTooLarge)):
            send(films.deflated_bomb_dicom())
        assert nothing_is_stored()

    def test_a_film_over_the_limit(self, send: Any, settings: Any) -> None:
        settings.MAX_FILM_BYTES = len(film()) - 1
        with pytest.raises(FilmTooLarge) as refusal:
            send()
        assert refusal.value.http_status == 413
        assert nothing_is_stored()

    def test_a_foreign_site(self, send: Any, other_site: Any) -> None:
        with pytest.raises(InvalidInput):
            send(site=other_site)
        assert nothing_is_stored()

    def test_a_birth_date_to_come(self, send: Any) -> None:
        with pytest.raises(InvalidInput):
            send(birth_date=db_now().date() + timedelta(days=1))

    def test_no_film_at_all(self, send: Any) -> None:
        with pytest.raises(InvalidInput):
            send(films=())

    @pytest.mark.parametrize("who", ["administrator", "auditor"])
    def test_only_clinical_roles_submit(
        self, send: Any, who: str, request: pytest.FixtureRequest
    ) -> None:
        with pytest.raises(NotPermitted):
            send(user=request.getfixturevalue(who))
        assert nothing_is_stored()


class TestNothingHalf:
    def test_a_fault_of_the_database_leaves_no_row_and_no_file(
        self, send: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(**_: Any) -> None:
            raise OperationalError("disk full")

        monkeypatch.setattr("diagnosis.dispatch.ring_on_commit", fail)
        with pytest.raises(OperationalError):
            send(film(1), film(2))
        assert nothing_is_stored()

    def test_a_store_that_fills_up_half_way_leaves_nothing(
        self, send: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put, count = store.put, iter(range(9))

        def full(*, data: bytes) -> Any:
            if next(count):
                raise StorageUnavailable
            return put(data=data)

        monkeypatch.setattr("diagnosis.services.films.put", full)
        with pytest.raises(StorageUnavailable) as refusal:
            send(film(1), film(2))
        assert refusal.value.http_status == 503
        assert nothing_is_stored()

    def test_a_store_that_is_away_is_503(self, send: Any, settings: Any, tmp_path: Any) -> None:
        (tmp_path / "a-file").write_bytes(b"")
        settings.FILM_DIR = tmp_path / "a-file" / "films"
        with pytest.raises(StorageUnavailable):
            send()
        assert not Study.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_a_connection_lost_while_it_commits_keeps_what_was_committed(
        self, send: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = connection.commit

        def lose() -> None:
            commit()
            monkeypatch.undo()
            raise OperationalError("the connection was lost")

        monkeypatch.setattr(connection, "commit", lose)
        with pytest.raises(OperationalError):
            send(idempotency_key="k")
        image = Image.objects.get()
        assert store.read(key=image.storage_key, sha256=image.sha256) == film()
        again, is_new = send(idempotency_key="k")
        assert (again, is_new) == (image.study, False)
