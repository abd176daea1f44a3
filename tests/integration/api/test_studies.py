"""Lists, studies and readings as a client sees them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import AuditEvent
from diagnosis.services import results
from tests.integration.api.client import RESEARCH_USE, STUDIES, client_of, form
from tests.integration.diagnosis.work import INFO, analyse, claim_one, end

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.test import APIClient

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db


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
        assert film["model"] == {"name": "fake", "version": "1", "digest": INFO.digest}
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
        job = claim_one()
        end(results.refused(job.id, job.attempt, "NOT_CHEST"))
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
        for wrong in (
            {"tab": "x"},
            {"priority": "x"},
            {"after": "x"},
            {"band": "x"},
            {"since": "x"},
        ):
            assert as_submitter.get(STUDIES, wrong).status_code == 422

    @pytest.mark.parametrize(
        ("narrow", "is_found"),
        [
            ({"state": "PROCESSING"}, True),
            ({"state": "REPORTED"}, False),
            ({"site": "north"}, True),
            ({"site": "south"}, False),
            ({"since": "2020-01-01"}, True),
            ({"until": "2020-01-01"}, False),
            ({"submitter": "submitter-north"}, True),
            ({"submitter": "x"}, False),
            ({"band": "NO_SCORE"}, True),
            ({"band": "SUGGESTS"}, False),
            ({"not_assessable": "true"}, False),
            ({"mine": "true"}, True),
            ({"search": "nobody"}, True),  # no filter of the API
        ],
    )
    def test_each_filter(
        self,
        as_submitter: APIClient,
        submit: Callable[..., Study],
        narrow: dict[str, str],
        *,
        is_found: bool,
    ) -> None:
        uid = str(submit().uid)
        answer = as_submitter.get(STUDIES, {"tab": "all", **narrow}).json()
        assert [row["uid"] for row in answer["results"]] == [uid] * is_found
        assert answer["cut"] == ""


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
        addendum = {**self.REPORT, "opinion": "INDETERMINATE", "addendum": True, "supersedes": 1}
        early = client.post(address, {**addendum, "reason": "Prior films"}, format="json")
        assert (early.status_code, early.json()["code"]) == (409, "TRANSITION_REFUSED")
        signed = client.post(address, self.REPORT, format="json").json()["reading"]
        addendum["supersedes"] = signed["id"]
        assert client.post(address, addendum, format="json").json()["code"] == "INVALID"
        added = client.post(address, {**addendum, "reason": "Prior films"}, format="json")
        assert (added.status_code, added.json()["state"]) == (201, "AMENDED")
        shown = client.get(f"{STUDIES}{study.uid}/").json()["readings"]
        assert [reading["kind"] for reading in shown] == ["ADDENDUM", "FIRST"]

    def test_an_addendum_answers_the_newest_text(
        self, radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        client, address = client_of(radiologist), f"{STUDIES}{submit().uid}/readings/"
        signed = client.post(address, self.REPORT, format="json").json()["reading"]
        addendum = {**self.REPORT, "addendum": True, "reason": "Prior films"}
        blind = client.post(address, addendum, format="json")
        assert (blind.status_code, blind.json()["code"]) == (422, "INVALID")
        assert list(blind.json()["details"]["fields"]) == ["supersedes"]
        addendum["supersedes"] = signed["id"]
        assert client.post(address, addendum, format="json").status_code == 201
        again = client.post(address, addendum, format="json")
        assert (again.status_code, again.json()["code"]) == (409, "REPORT_AMENDED")

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
