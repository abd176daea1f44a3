"""The JSON API as a client sees it: shapes, codes, and what each role gets."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Image, Job, Study
from diagnosis.permissions import Actor
from diagnosis.services import jobs, results
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
from tests import films

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
STUDIES = "/api/v1/studies/"
RESEARCH_USE = "Research use only, not a diagnosis."


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def form(*contents: bytes, **changes: Any) -> dict[str, Any]:
    sent = contents or (films.as_png8(films.chest(1, size=(300, 260))),)
    return {
        "mrn": "MRN-7",
        "name": "Test Patient",
        "birth_date": "2020-01-02",
        "sex": "F",
        "films": [SimpleUploadedFile(f"f{n}.png", data) for n, data in enumerate(sent)],
        **changes,
    }


def analyse(probability: float = 0.8) -> None:
    """Score every waiting film, as a worker would."""
    info = FakeClassifier().info
    for job in jobs.claim(worker="w1", model_digest=FAKE_DIGEST, limit=50):
        prediction = Prediction(probability, np.ones((4, 4), dtype=np.float32))
        results.record(
            job_id=job.id,
            attempt=job.attempt,
            prediction=prediction,
            model=info,
            actor=Actor.system("w1"),
        )


@pytest.fixture
def as_submitter(submitter: Any, model_version: Any) -> APIClient:
    return client_of(submitter)


class TestSubmit:
    def test_answers_with_the_study_and_a_code_per_film(self, as_submitter: APIClient) -> None:
        good = films.as_png8(films.chest(1, size=(300, 260)))
        answer = as_submitter.post(STUDIES, form(good, films.text_named_jpg(), good))
        body = answer.json()
        assert answer.status_code == 201
        codes = [(film["position"], film["code"]) for film in body["films"]]
        assert codes == [(1, "ACCEPTED"), (2, "UNSUPPORTED_TYPE"), (3, "DUPLICATE")]
        study = Study.objects.get()
        assert body["uid"] == str(study.uid)
        assert body["films"][0]["film"] == str(study.images.get().uid)
        assert study.state == "PROCESSING"

    def test_the_same_key_returns_the_same_study(self, as_submitter: APIClient) -> None:
        key = {"HTTP_IDEMPOTENCY_KEY": "a-key"}
        first = as_submitter.post(STUDIES, form(), **key)
        again = as_submitter.post(STUDIES, form(), **key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert Study.objects.count() == 1

    def test_the_same_key_with_other_content_is_a_conflict(self, as_submitter: APIClient) -> None:
        key = {"HTTP_IDEMPOTENCY_KEY": "a-key"}
        as_submitter.post(STUDIES, form(), **key)
        answer = as_submitter.post(STUDIES, form(indication="cough"), **key)
        assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")

    def test_without_a_usable_film_nothing_is_stored(self, as_submitter: APIClient) -> None:
        answer = as_submitter.post(STUDIES, form(films.empty(), films.truncated_jpeg()))
        body = answer.json()
        assert (answer.status_code, body["code"]) == (422, "NO_USABLE_FILM")
        assert [film["code"] for film in body["details"]["films"]] == ["EMPTY", "CORRUPT"]
        assert not Study.objects.exists()

    def test_a_film_of_somebody_else_needs_a_confirmation(self, as_submitter: APIClient) -> None:
        dicom = films.as_dicom(films.chest(2, size=(300, 260)), patient_id="OTHER-9")
        answer = as_submitter.post(STUDIES, form(dicom))
        assert (answer.status_code, answer.json()["code"]) == (409, "PATIENT_MISMATCH")
        assert "OTHER-9" not in answer.content.decode()
        confirmed = as_submitter.post(STUDIES, form(dicom, confirm_mismatch="true"))
        assert confirmed.status_code == 201

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("birth_date", "soon"),
            ("birth_date", "2999-01-01"),
            ("sex", "X"),
            ("mrn", ""),
            ("name", "a\0b"),
            ("priority", "NOW"),
            ("films", []),
            ("site", "south"),
            ("site", "nowhere"),
        ],
    )
    def test_wrong_fields_are_named(
        self, as_submitter: APIClient, other_site: Any, field: str, value: Any
    ) -> None:
        answer = as_submitter.post(STUDIES, form(**{field: value}))
        body = answer.json()
        assert (answer.status_code, body["code"]) == (422, "INVALID")
        assert field in json.dumps(body["details"])
        assert not Study.objects.exists()

    def test_who_has_two_sites_must_name_one(
        self, as_submitter: APIClient, submitter: Any, other_site: Any
    ) -> None:
        submitter.memberships.create(site=other_site)
        assert as_submitter.post(STUDIES, form()).status_code == 422
        assert as_submitter.post(STUDIES, form(site="south")).json()["site"] == "south"

    def test_a_key_that_is_too_long_is_refused(self, as_submitter: APIClient) -> None:
        answer = as_submitter.post(STUDIES, form(), HTTP_IDEMPOTENCY_KEY="k" * 101)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")

    def test_json_is_no_upload(self, as_submitter: APIClient) -> None:
        answer = as_submitter.post(STUDIES, {"mrn": "1"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")

    def test_a_broken_body_is_a_client_error(self, as_submitter: APIClient) -> None:
        broken = as_submitter.post(STUDIES, b"junk", content_type="multipart/form-data")
        assert (broken.status_code, broken.json()["code"]) == (400, "PARSE_ERROR")

    def test_too_many_films_are_a_client_error(
        self, as_submitter: APIClient, settings: Any
    ) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
        answer = as_submitter.post(STUDIES, form(b"1", b"2", b"3"))
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")

    def test_administrators_do_not_submit(self, administrator: Any, model_version: Any) -> None:
        answer = client_of(administrator).post(STUDIES, form())
        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")


class TestUploadCap:
    def test_a_film_over_the_limit_is_told_and_the_others_stay(
        self, as_submitter: APIClient, settings: Any
    ) -> None:
        good = films.as_png8(films.chest(1, size=(300, 260)))
        settings.MAX_FILM_BYTES = len(good)
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
        body = as_submitter.post(STUDIES, form(good + b"\0" * len(good), good)).json()
        assert [film["code"] for film in body["films"]] == ["TOO_LARGE", "ACCEPTED"]
        assert Image.objects.get().size_bytes == len(good)

    def test_only_films_over_the_limit_are_413(
        self, as_submitter: APIClient, settings: Any
    ) -> None:
        settings.MAX_FILM_BYTES = 1000
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
        answer = as_submitter.post(STUDIES, form(films.huge_header_png() + bytes(2000)))
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")

    def test_the_handler_keeps_no_more_than_it_must(self, settings: Any) -> None:
        from diagnosis.api.uploads import CappedUploadHandler

        settings.MAX_FILM_BYTES = 100
        handler = CappedUploadHandler()
        handler.new_file("films", "f.png", "image/png", None)
        for start in range(0, 6400, 64):
            handler.receive_data_chunk(b"x" * 64, start)
        kept = handler.file_complete(6400)
        assert kept is not None
        assert (kept.size, len(kept.read())) == (101, 101)

    def test_a_request_over_the_limit_is_refused_unread(
        self, as_submitter: APIClient, settings: Any
    ) -> None:
        settings.MAX_FILM_BYTES = 1000
        unread = _Unreadable()
        answer = as_submitter.generic(
            "POST", STUDIES, content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH="4001", **{"wsgi.input": unread},
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


class _Unreadable:
    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


class TestStudies:
    def test_a_study_shows_its_films_with_their_results(
        self, as_submitter: APIClient, submit: Callable[..., Study], model_version: Any
    ) -> None:
        study = submit()
        address = f"{STUDIES}{study.uid}/"
        film = as_submitter.get(address).json()["films"][0]
        assert (film["status"], film["probability"], film["label"]) == ("QUEUED", None, None)
        assert (film["heat_map"], film["seconds_to_result"]) == (None, None)
        analyse(0.8)
        body = as_submitter.get(address).json()
        film = body["films"][0]
        assert body["research_use"] == RESEARCH_USE
        assert (body["state"], body["probability"], body["label"]) == (
            "AWAITING_READ",
            0.8,
            "PNEUMONIA",
        )
        assert (film["status"], film["probability"], film["threshold"]) == ("SUCCEEDED", 0.8, 0.5)
        assert film["model"] == {"name": "fake", "version": "1", "digest": FAKE_DIGEST}
        assert film["is_late"] is False
        assert film["seconds_to_result"] >= 0
        assert as_submitter.get(film["heat_map"])["Content-Type"] == "image/png"

    def test_a_score_below_the_threshold_has_the_other_label(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        study = submit()
        analyse(0.2)
        body = as_submitter.get(f"{STUDIES}{study.uid}/").json()
        assert body["films"][0]["label"] == body["label"] == "NO_PNEUMONIA"

    def test_a_refused_film_has_a_code_and_no_number(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        study = submit()
        (job,) = jobs.claim(worker="w1", model_digest=FAKE_DIGEST, limit=1)
        results.refuse(
            job_id=job.id, attempt=job.attempt, code="NOT_CHEST", actor=Actor.system("w1")
        )
        body = as_submitter.get(f"{STUDIES}{study.uid}/").json()
        film = body["films"][0]
        assert (film["status"], film["code"]) == ("NOT_ASSESSABLE", "NOT_CHEST")
        assert (film["probability"], film["label"], film["threshold"]) == (None, None, None)
        assert body["needs_new_film"] is True

    def test_a_film_that_no_model_waits_for_says_so(
        self, submitter: Any, site: Any, db: None
    ) -> None:
        client = client_of(submitter)
        uid = client.post(STUDIES, form()).json()["uid"]
        film = client.get(f"{STUDIES}{uid}/").json()["films"][0]
        assert (film["status"], film["model"]) == ("WAITING_FOR_MODEL", None)

    def test_asking_again_and_again_is_one_look_until_something_happens(
        self, as_submitter: APIClient, submitter: Any, radiologist: Any, submit: Any
    ) -> None:
        study = submit()
        looks = AuditEvent.objects.filter(action="STUDY_VIEWED", study=str(study.uid))
        for _ in range(3):
            as_submitter.get(f"{STUDIES}{study.uid}/")
        client_of(radiologist).get(f"{STUDIES}{study.uid}/")
        as_submitter.get(f"{STUDIES}{study.uid}/")
        assert list(looks.values_list("actor_name", flat=True)) == [
            submitter.username,
            radiologist.username,
        ]
        analyse()
        as_submitter.get(f"{STUDIES}{study.uid}/")
        assert looks.count() == 3

    def test_a_foreign_study_reads_like_an_unknown_one(
        self, make_user: Any, other_site: Any, submit: Callable[..., Study]
    ) -> None:
        foreign = client_of(make_user("Radiologist", other_site))
        seen = foreign.get(f"{STUDIES}{submit().uid}/")
        unknown = foreign.get(f"{STUDIES}{uuid.uuid4()}/")
        assert (seen.status_code, seen.json()) == (404, unknown.json())

    def test_the_worklist_is_paged_in_its_order(
        self, as_submitter: APIClient, submit: Callable[..., Study], monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("diagnosis.queries.worklist.page.__kwdefaults__", _page_of(2))
        uids = [str(submit(priority=p).uid) for p in ("ROUTINE", "STAT", "URGENT")]
        first = as_submitter.get(STUDIES).json()
        second = as_submitter.get(STUDIES, {"after": first["next"]}).json()
        assert [row["uid"] for row in first["results"]] == [uids[1], uids[2]]
        assert [row["uid"] for row in second["results"]] == [uids[0]]
        assert (second["next"], first["research_use"]) == ("", RESEARCH_USE)

    def test_the_worklist_is_filtered(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        stat, _ = submit(priority="STAT"), submit()
        rows = as_submitter.get(STUDIES, {"priority": "STAT", "tab": "all"}).json()["results"]
        assert [row["uid"] for row in rows] == [str(stat.uid)]
        assert as_submitter.get(STUDIES, {"tab": "reported"}).json()["results"] == []
        for wrong in ({"tab": "x"}, {"priority": "x"}, {"after": "x"}):
            assert as_submitter.get(STUDIES, wrong).status_code == 422


def _page_of(size: int) -> dict[str, Any]:
    from diagnosis.queries import worklist

    return {**(worklist.page.__kwdefaults__ or {}), "size": size}


class TestReadings:
    REPORT = {"opinion": "PNEUMONIA", "impression": "Consolidation in the right lower lobe."}

    def test_a_radiologist_signs(self, radiologist: Any, submit: Callable[..., Study]) -> None:
        study = submit()
        client = client_of(radiologist)
        answer = client.post(f"{STUDIES}{study.uid}/readings/", self.REPORT, format="json")
        body = answer.json()
        assert (answer.status_code, body["state"]) == (201, "REPORTED")
        assert body["reading"]["opinion"] == "PNEUMONIA"
        shown = client.get(f"{STUDIES}{study.uid}/").json()["readings"]
        assert [reading["reader"] for reading in shown] == [radiologist.username]
        again = client.post(f"{STUDIES}{study.uid}/readings/", self.REPORT, format="json")
        assert (again.status_code, again.json()["code"]) == (409, "ALREADY_SIGNED")

    def test_an_addendum_needs_a_reason_and_keeps_the_first(
        self, radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        study = submit()
        client, address = client_of(radiologist), f"{STUDIES}{study.uid}/readings/"
        addendum = {**self.REPORT, "opinion": "INDETERMINATE", "addendum": True}
        early = client.post(address, {**addendum, "reason": "Prior films"}, format="json")
        assert (early.status_code, early.json()["code"]) == (409, "TRANSITION_REFUSED")
        client.post(address, self.REPORT, format="json")
        assert client.post(address, addendum, format="json").json()["code"] == "INVALID"
        added = client.post(address, {**addendum, "reason": "Prior films"}, format="json")
        assert (added.status_code, added.json()["state"]) == (201, "AMENDED")
        shown = client.get(f"{STUDIES}{study.uid}/").json()["readings"]
        assert [reading["kind"] for reading in shown] == ["ADDENDUM", "FIRST"]

    def test_a_submitter_reads_but_does_not_sign(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        address = f"{STUDIES}{submit().uid}/readings/"
        answer = as_submitter.post(address, self.REPORT, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")

    @pytest.mark.parametrize("change", [{"opinion": "YES"}, {"impression": "  "}])
    def test_a_report_is_complete(
        self, radiologist: Any, submit: Callable[..., Study], change: dict[str, str]
    ) -> None:
        answer = client_of(radiologist).post(
            f"{STUDIES}{submit().uid}/readings/", {**self.REPORT, **change}, format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


class TestPictures:
    def test_a_film_is_served_private_and_audited(
        self, as_submitter: APIClient, submitter: Any, submit: Callable[..., Study]
    ) -> None:
        image = submit().images.get()
        answer = as_submitter.get(
            f"/api/v1/films/{image.uid}/image.png?max_side=64", HTTP_ACCEPT="image/png"
        )
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        event = AuditEvent.objects.get(action="FILM_VIEWED")
        assert (event.actor_name, event.object_id) == (submitter.username, str(image.uid))

    def test_a_film_whose_bytes_changed_is_not_shown(
        self, as_submitter: APIClient, submit: Callable[..., Study], settings: Any
    ) -> None:
        image = submit().images.get()
        path = settings.FILM_DIR / image.storage_key[:2] / image.storage_key
        path.write_bytes(b"something else")
        answer = as_submitter.get(f"/api/v1/films/{image.uid}/image.png")
        assert (answer.status_code, answer.json()["code"]) == (404, "FILM_UNREADABLE")

    def test_no_result_no_heat_map(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        answer = as_submitter.get(f"/api/v1/films/{submit().images.get().uid}/heat-map.png")
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_HEAT_MAP")

    def test_the_store_away_is_not_a_fault_of_the_film(
        self, as_submitter: APIClient, submit: Callable[..., Study], settings: Any
    ) -> None:
        image = submit().images.get()
        settings.FILM_DIR = settings.FILM_DIR / "away"
        answer = as_submitter.get(f"/api/v1/films/{image.uid}/image.png")
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")


class TestDoor:
    def test_without_a_login_401(self, db: None) -> None:
        answer = APIClient().get(STUDIES)
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")

    def test_a_session_works_and_asks_for_a_csrf_token(
        self, submitter: Any, model_version: Any
    ) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(submitter)
        assert client.get(STUDIES).status_code == 200
        assert client.post(STUDIES, form()).status_code == 403
        assert not Study.objects.exists()

    def test_an_inactive_user_is_out(self, submitter: Any, model_version: Any) -> None:
        client = client_of(submitter)
        submitter.is_active = False
        submitter.save()
        assert client.get(STUDIES).status_code == 401
        assert not Job.objects.exists()

    def test_the_schema_describes_every_route(self, auditor: Any) -> None:
        client = client_of(auditor)
        schema = client.get("/api/v1/schema/?format=json").json()
        assert set(schema["paths"]) == {
            "/api/v1/studies/",
            "/api/v1/studies/{uid}/",
            "/api/v1/studies/{uid}/readings/",
            "/api/v1/films/{uid}/image.png",
            "/api/v1/films/{uid}/heat-map.png",
        }
        assert client.get("/api/v1/docs/").status_code == 200

    def test_strangers_get_no_schema(self, db: None) -> None:
        assert APIClient().get("/api/v1/schema/").status_code == 401
        assert APIClient().get("/api/v1/docs/").status_code == 401
