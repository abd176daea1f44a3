"""The submitter's side: where each study stands, and a new film for one of them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from diagnosis.models import AuditEvent, Membership, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import submissions
from diagnosis.services import claims
from tests.integration.api.client import client_of
from tests.integration.diagnosis.test_lifecycle import amend, sign
from tests.integration.diagnosis.work import analyse as analysed
from tests.integration.diagnosis.work import film, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def ward(as_user: Any, submitter: Any) -> Client:
    browser: Client = as_user(submitter)
    return browser


def row(browser: Client, study: Study) -> str:
    page = browser.get(reverse("my-studies")).content.decode()
    start = page.index(f'data-study="{study.uid}"')
    return " ".join(page[start : page.index("</tr>", start)].split())


def upload(*contents: bytes) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(f"f{n}.png", data) for n, data in enumerate(contents)]


class TestMyStudies:
    def test_each_step_is_told_in_plain_words(
        self, ward: Client, submit: Any, radiologist: Any, make_user: Any, site: Any
    ) -> None:
        study = submit(priority="STAT")
        assert "Waiting for analysis" in row(ward, study)
        assert "No worker is running." in row(ward, study)
        analysed()
        assert "Waiting for a reader" in row(ward, study)
        assert "report due in" in row(ward, study)
        claims.take(user=radiologist, actor=Actor.of(radiologist), study=study)
        assert "Being read" in row(ward, study)
        sign(study, radiologist)
        told = row(ward, study)
        assert "Reported" in told
        assert f"{reverse('study', args=[study.uid])}#reading" in told
        assert "due in" not in told
        amend(study, make_user("Radiologist", site, "second"))
        assert "Reported, with an addendum" in row(ward, study)

    def test_a_film_to_be_taken_again_says_why_and_how(self, ward: Client, submit: Any) -> None:
        study = submit()
        refuse()
        told = row(ward, study)
        for part in (
            "Needs a new film",
            "The gray scale looks inverted.",
            "Export the film again",
            reverse("study-add-films", args=[study.uid]),
        ):
            assert part in told

    def test_while_the_model_is_hidden_nothing_of_it_is_told(
        self, ward: Client, submit: Any, radiologist: Any
    ) -> None:
        study = submit()
        Study.objects.filter(pk=study.pk).update(is_blinded=True)
        refuse()
        told = row(ward, study)
        assert "Waiting for a reader" in told
        page = ward.get(reverse("study-add-films", args=[study.uid])).content.decode()
        for word in ("inverted", "assessable", "Needs"):
            assert word not in told
            assert word not in page

    def test_a_late_report_says_so(self, ward: Client, submit: Any) -> None:
        study = submit()
        Study.objects.update(due_at=db_now() - timedelta(minutes=20))
        assert "overdue by 20 min" in row(ward, study)

    def test_only_mine_newest_first_page_by_page(
        self, submit: Any, submitter: Any, make_user: Any, site: Any, monkeypatch: Any
    ) -> None:
        made = [submit() for _ in range(5)]
        colleague = make_user("Submitter", site, "colleague")
        Study.objects.filter(pk=made[3].pk).update(submitted_by=colleague)
        mine, before = [], ""
        while True:
            page = submissions.page(submitter, before=before, size=2)
            mine += [found.study for found in page.rows]
            before = page.next_cursor
            if not before:
                break
        assert mine == [made[4], made[2], made[1], made[0]]
        for odd in ("nonsense", str(uuid.uuid4())):
            assert submissions.page(submitter, before=odd).rows[0].study == made[4]

    def test_a_site_that_was_left_is_not_shown(self, submit: Any, submitter: Any) -> None:
        submit()
        Membership.objects.filter(user=submitter).delete()
        assert submissions.page(submitter).rows == []

    def test_a_list_of_names_is_an_event(self, ward: Client, submit: Any, submitter: Any) -> None:
        ward.get(reverse("my-studies"))
        assert not AuditEvent.objects.filter(action="SUBMISSIONS_VIEWED").exists()
        submit()
        for _ in range(2):
            ward.get(reverse("my-studies"))
        event = AuditEvent.objects.get(action="SUBMISSIONS_VIEWED")
        assert (event.actor_name, event.site) == (submitter.username, "north")

    def test_a_longer_list_asks_no_more_often(self, ward: Client, submit: Any) -> None:
        submit()
        refuse()
        ward.get(reverse("my-studies"))
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as asked:
                ward.get(reverse("my-studies"))
            counts.append(len(asked))
            submit()
            refuse()
        assert counts[0] == counts[1]


class TestANewFilm:
    def test_from_the_page_to_the_study(self, ward: Client, submit: Any) -> None:
        study = submit()
        refuse()
        address = reverse("study-add-films", args=[study.uid])
        page = ward.get(address)
        assert "The gray scale looks inverted." in page.content.decode()
        key = page.context["form"]["idempotency_key"].value()
        form = {"films": upload(film(7)), "idempotency_key": key}
        answer = ward.post(address, form, headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == reverse("study", args=[study.uid])
        shown = ward.get(reverse("study", args=[study.uid])).content.decode()
        assert "1 film added." in shown
        assert "New film needed" not in shown
        assert "sent further films" in shown
        assert "1 accepted, 0 refused" in shown

    def test_a_refusal_names_the_film_and_keeps_the_rest(self, ward: Client, submit: Any) -> None:
        study = submit([film(1)])
        address = reverse("study-add-films", args=[study.uid])
        form = {"films": upload(film(1)), "idempotency_key": "k" * 32}
        answer = ward.post(address, form, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        assert "DUPLICATE" in answer.content.decode()
        assert "Your films are still chosen." in answer.content.decode()

    def test_a_reported_study_offers_a_new_study_instead(
        self, ward: Client, submit: Any, radiologist: Any
    ) -> None:
        study = submit()
        assert "Send a new film" in ward.get(reverse("study", args=[study.uid])).content.decode()
        sign(study, radiologist)
        shown = ward.get(reverse("study", args=[study.uid])).content.decode()
        assert "Send a new film" not in shown
        page = ward.get(reverse("study-add-films", args=[study.uid])).content.decode()
        assert "This study is reported." in page
        assert 'type="file"' not in page

    def test_an_administrator_is_offered_none(
        self, as_user: Any, administrator: Any, submit: Callable[..., Study]
    ) -> None:
        page = as_user(administrator).get(reverse("study", args=[submit().uid]))
        assert "Send a new film" not in page.content.decode()


class TestApi:
    def address(self, study: Study) -> str:
        return f"/api/v1/studies/{study.uid}/films/"

    def test_a_film_is_added_once_a_key(self, submit: Any, submitter: Any) -> None:
        study, client = submit(), client_of(submitter)
        refuse()
        codes = []
        for _ in range(2):
            answer = client.post(
                self.address(study),
                {"films": upload(film(7))},
                format="multipart",
                HTTP_IDEMPOTENCY_KEY="k1",
            )
            codes.append(answer.status_code)
            assert answer.json()["films"][0]["code"] == "ACCEPTED"
            assert answer.json()["uid"] == str(study.uid)
            assert answer.json()["state"] == "PROCESSING"
        assert codes == [201, 200]
        assert study.images.count() == 2

    def test_refusals_are_told_by_code(
        self, submit: Any, submitter: Any, radiologist: Any, administrator: Any
    ) -> None:
        study, client = submit(), client_of(submitter)
        long = {"HTTP_IDEMPOTENCY_KEY": "k" * 101}
        sent = {"films": upload(film(7))}
        assert client.post(self.address(study), sent, **long).json()["code"] == "INVALID"
        assert client.post(self.address(study), {}).status_code == 422
        assert client_of(administrator).post(self.address(study), {}).status_code == 403
        sign(study, radiologist)
        answer = client.post(self.address(study), {"films": upload(film(7))})
        assert (answer.status_code, answer.json()["code"]) == (409, "TRANSITION_REFUSED")
