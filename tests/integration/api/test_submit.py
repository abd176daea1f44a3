"""POST /studies/: shapes, codes and bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from diagnosis.models import Image, Study
from tests import films
from tests.integration.api.client import STUDIES, client_of, form

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


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

    def test_more_films_take_no_more_statements(self, as_submitter: APIClient) -> None:
        def statements(count: int) -> int:
            some = [films.as_png8(films.chest(seed, size=(300, 260))) for seed in range(count)]
            with CaptureQueriesContext(connection) as captured:
                answer = as_submitter.post(STUDIES, form(*some), HTTP_IDEMPOTENCY_KEY=f"{count}")
            assert [film["code"] for film in answer.json()["films"]] == ["ACCEPTED"] * count
            return len(captured)

        one = statements(1)
        assert statements(3) <= one

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

    def test_without_a_place_for_the_upload_nothing_is_stored(
        self, as_submitter: APIClient, settings: Any
    ) -> None:
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
        settings.FILE_UPLOAD_TEMP_DIR = settings.DATA_DIR / "full"
        answer = as_submitter.post(STUDIES, form())
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert not Study.objects.exists()

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
