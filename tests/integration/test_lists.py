"""Lists show names and scores, so reading one is an event: once per user, site and ten minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from diagnosis.models import AuditEvent
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import worklist
from diagnosis.queries.filters import Filter
from diagnosis.services import accounts, readings, viewing
from tests.integration.diagnosis.work import analyse, at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db
WAYS = ["worklist", "worklist-rows", "api-studies"]
TABLES = ["patient", "study", "image", "job", "result", "reading"]


def of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def look(browser: Client, route: str, **query: Any) -> None:
    assert browser.get(reverse(route), query).status_code == 200


def listed() -> list[tuple[str, str, str, dict[str, str]]]:
    rows = AuditEvent.objects.filter(action__in=["WORKLIST_VIEWED", "ADMIN_LISTED"])
    return list(rows.values_list("actor_name", "action", "site", "after"))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """later(n): n minutes have passed since what was seen so far."""

    def pass_by(minutes: int) -> None:
        now = db_now() + timedelta(minutes=minutes)
        monkeypatch.setattr(viewing, "db_now", lambda: now)

    return pass_by


@pytest.fixture
def signed(submit: Callable[..., Study], radiologist: Any) -> Study:
    study = submit()
    analyse()
    report = readings.Report("PNEUMONIA", "Seen.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=study, report=report)
    return study


class TestWorklist:
    @pytest.mark.parametrize("route", WAYS)
    def test_each_way_to_page_it_is_an_event(
        self, radiologist: Any, submit: Callable[..., Study], route: str
    ) -> None:
        submit()
        look(of(radiologist), route)
        assert listed() == [(radiologist.username, "WORKLIST_VIEWED", "north", {})]

    def test_paging_and_polling_for_ten_minutes_is_one_look(
        self, radiologist: Any, submit: Callable[..., Study], later: Callable[[int], None]
    ) -> None:
        first, _ = submit(), submit()
        browser = of(radiologist)
        for minutes in (0, 9):
            later(minutes)
            for route in WAYS:
                look(browser, route)
                look(browser, route, after=first.uid)
        assert len(listed()) == 1
        later(11)
        look(browser, "worklist-rows")
        assert len(listed()) == 2

    def test_each_user_and_each_site_counts_for_itself(
        self,
        make_user: Any,
        submitter: Any,
        site: Any,
        other_site: Any,
        submit: Callable[..., Study],
    ) -> None:
        both, one = make_user("Radiologist", site, "both"), make_user("Radiologist", site, "one")
        for user in (both, submitter):
            sites = [site, other_site]
            accounts.set_sites(by=None, actor=Actor.system("t"), target=user, sites=sites)
        submit()
        look(of(both), "worklist")
        look(of(one), "worklist")
        assert [row[0::2] for row in listed()] == [("both", "north"), ("one", "north")]
        submit(site=other_site)
        look(of(both), "worklist")
        look(of(one), "worklist")
        assert [row[0::2] for row in listed()[2:]] == [("both", "south")]

    def test_a_page_that_shows_nobody_is_no_event(self, radiologist: Any) -> None:
        look(of(radiologist), "worklist")
        assert listed() == []

    def test_a_poll_of_the_same_look_writes_nothing(
        self, radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        submit()
        look(browser := of(radiologist), "worklist-rows")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            look(browser, "worklist-rows")
        assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "SAVEPOINT"))]


class TestAdmin:
    @pytest.mark.parametrize("table", TABLES)
    def test_a_list_of_cases_is_an_event_that_names_the_table(
        self, administrator: Any, signed: Study, table: str, later: Callable[[int], None]
    ) -> None:
        browser, route = of(administrator), f"admin:diagnosis_{table}_changelist"
        for _ in range(2):
            look(browser, route)
        event = (administrator.username, "ADMIN_LISTED", "north", {"model": table})
        assert listed() == [event]
        later(11)
        look(browser, route)
        assert listed() == [event, event]

    def test_each_list_counts_for_itself(self, administrator: Any, signed: Study) -> None:
        browser = of(administrator)
        look(browser, "worklist", tab="all")
        for table in TABLES:
            look(browser, f"admin:diagnosis_{table}_changelist")
        assert len(listed()) == 1 + len(TABLES)

    def test_a_list_without_a_row_of_a_patient_is_none(
        self, make_user: Any, other_site: Any, signed: Study
    ) -> None:
        browser = of(make_user("Administrator", other_site))
        for table in (*TABLES, "site", "modelversion"):
            look(browser, f"admin:diagnosis_{table}_changelist")
        assert listed() == []

    @pytest.mark.parametrize("table", TABLES)
    def test_a_longer_list_asks_the_database_no_more_often(
        self, administrator: Any, signed: Study, submit: Callable[..., Study], table: str
    ) -> None:
        browser, address = of(administrator), reverse(f"admin:diagnosis_{table}_changelist")
        counts = []
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                browser.get(address)
            counts.append(len(queries))
            submit()
            submit()
            analyse()
        assert counts[2] == counts[1]


def test_the_page_is_the_querys_own(radiologist: Any, submit: Callable[..., Study]) -> None:
    made = [submit(priority=priority) for priority in ("ROUTINE", "STAT")]
    who = {"user": radiologist, "actor": Actor.of(radiologist)}
    assert viewing.worklist_page(**who).studies == made[::-1]
    assert viewing.worklist_page(**who, chosen=Filter(priority="STAT")).studies == made[1:]
    assert viewing.worklist_page(**who, after=str(made[1].uid)).studies == made[:1]
    assert viewing.worklist_page(**who, chosen=Filter(tab="reported")) == worklist.Page([], "")


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_once_are_one(radiologist: Any, submit: Callable[..., Study]) -> None:
    submit()
    who = {"user": radiologist, "actor": Actor.of(radiologist)}
    pages = at_once([lambda: viewing.worklist_page(**who)] * 6)
    assert [len(page.studies) for page in pages] == [1] * 6
    assert len(listed()) == 1
