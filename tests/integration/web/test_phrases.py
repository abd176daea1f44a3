"""Phrases: who writes whose, and which of several with one key counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.errors import InvalidInput, NotFound, NotPermitted
from diagnosis.models import AuditEvent, ReportPhrase
from diagnosis.permissions import Actor
from diagnosis.queries import phrases as queries
from diagnosis.services import phrases

if TYPE_CHECKING:
    from diagnosis.models import Site

pytestmark = pytest.mark.django_db
FORM = {"site": "", "key": "rlz", "section": "RIGHT_LUNG", "text": "Opacity."}


def save(by: Any, site: Site | None = None, **changes: Any) -> ReportPhrase:
    words = {"key": "rlz", "section": "RIGHT_LUNG", "text": "Opacity."}
    number = changes.pop("phrase_id", None)
    phrase = phrases.Phrase(site=site, **{**words, **changes})
    return phrases.save(user=by, actor=Actor.of(by), phrase=phrase, phrase_id=number)


def texts(user: Any, site: Site, key: str = "rlz") -> dict[str, str]:
    found = dict(queries.usable(user, site)).get(key, [])
    return {one.section: str(one.text) for one in found}


class TestWhichCounts:
    def test_the_nearer_one_counts_section_by_section(
        self, radiologist: Any, administrator: Any, site: Site
    ) -> None:
        built_in = texts(radiologist, site)
        assert set(built_in) == {"RIGHT_LUNG", "impression"}
        save(administrator, site, text="The site's.")
        assert texts(radiologist, site) == {**built_in, "RIGHT_LUNG": "The site's."}
        save(radiologist, text="My own.")
        assert texts(radiologist, site)["RIGHT_LUNG"] == "My own."

    def test_others_and_other_sites_do_not(
        self, radiologist: Any, make_user: Any, site: Site, other_site: Site
    ) -> None:
        save(make_user("Radiologist", site, "colleague"), key="theirs")
        save(make_user("Administrator", other_site), other_site, key="there")
        assert texts(radiologist, site, "theirs") == texts(radiologist, site, "there") == {}

    def test_a_template_has_its_sections_in_the_order_of_a_report(
        self, radiologist: Any, site: Site
    ) -> None:
        assert [*texts(radiologist, site, "normal")][0::7] == ["RIGHT_LUNG", "impression"]


class TestWhoWrites:
    def test_readers_write_their_own_and_administrators_their_sites(
        self, radiologist: Any, administrator: Any, site: Site, other_site: Site
    ) -> None:
        with pytest.raises(NotPermitted):
            save(radiologist, site)
        with pytest.raises(NotPermitted):
            save(administrator)
        with pytest.raises(NotFound):
            save(administrator, other_site)
        assert not ReportPhrase.objects.exists()

    def test_nobody_changes_or_deletes_anothers(
        self, radiologist: Any, make_user: Any, site: Site
    ) -> None:
        row = save(radiologist)
        colleague = make_user("Radiologist", site, "colleague")
        with pytest.raises(NotFound):
            save(colleague, phrase_id=row.pk)
        with pytest.raises(NotFound):
            phrases.delete(user=colleague, actor=Actor.of(colleague), phrase_id=row.pk)
        assert ReportPhrase.objects.get().owner == radiologist

    def test_each_change_is_told_without_its_text(self, radiologist: Any) -> None:
        row = save(radiologist)
        save(radiologist, text="Other.", phrase_id=row.pk)
        phrases.delete(user=radiologist, actor=Actor.of(radiologist), phrase_id=row.pk)
        events = AuditEvent.objects.filter(action__startswith="PHRASE_")
        told = list(events.values_list("action", "object_id", "after"))
        key = str(row.pk)
        assert told == [("PHRASE_SAVED", key, {})] * 2 + [("PHRASE_DELETED", key, {})]

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"key": "Not a key"}, "key"),
            ({"key": "x" * 33}, "key"),
            ({"key": ""}, "key"),
            ({"text": " "}, "text"),
            ({}, "key"),
        ],
    )
    def test_what_cannot_be_kept_is_refused(
        self, radiologist: Any, wrong: dict[str, str], field: str
    ) -> None:
        save(radiologist)
        with pytest.raises(InvalidInput) as refused:
            save(radiologist, **wrong)
        assert refused.value.details == {"field": field}


class TestPage:
    def test_a_reader_adds_changes_and_deletes(self, as_user: Any, radiologist: Any) -> None:
        browser, address = as_user(radiologist), reverse("phrases")
        assert browser.post(address, FORM).status_code == 302
        row = ReportPhrase.objects.get()
        edited = browser.get(f"{address}?edit={row.pk}").content.decode()
        assert "Opacity." in edited
        browser.post(address, {**FORM, "text": "Denser.", "phrase": row.pk})
        assert ReportPhrase.objects.get().text == "Denser."
        browser.post(address, {"delete": row.pk})
        assert not ReportPhrase.objects.exists()

    def test_a_refusal_keeps_what_was_typed(self, as_user: Any, radiologist: Any) -> None:
        answer = as_user(radiologist).post(reverse("phrases"), {**FORM, "key": "Not a key"})
        assert answer.status_code == 422
        assert "Opacity." in answer.content.decode()

    def test_an_administrator_names_a_site_and_a_reader_none(
        self, as_user: Any, administrator: Any, radiologist: Any, site: Site
    ) -> None:
        named = {**FORM, "site": site.pk}
        assert as_user(radiologist).post(reverse("phrases"), named).status_code == 422
        assert as_user(administrator).post(reverse("phrases"), FORM).status_code == 422
        assert as_user(administrator).post(reverse("phrases"), named).status_code == 302
        assert ReportPhrase.objects.get().site == site

    @pytest.mark.parametrize("who", ["submitter", "auditor"])
    def test_nobody_else_opens_it(
        self, as_user: Any, who: str, request: pytest.FixtureRequest
    ) -> None:
        assert as_user(request.getfixturevalue(who)).get(reverse("phrases")).status_code == 403

    @pytest.mark.parametrize("number", ["0", "999999", "x"])
    def test_an_unknown_phrase(self, as_user: Any, radiologist: Any, number: str) -> None:
        browser, address = as_user(radiologist), reverse("phrases")
        assert browser.post(address, {"delete": number}).status_code == 404
        expected = 200 if number == "x" else 404
        assert browser.get(f"{address}?edit={number}").status_code == expected
