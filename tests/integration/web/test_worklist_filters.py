"""Filters, saved filters and the search on the page; a patient is never in an address."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.http import QueryDict
from django.urls import reverse

from diagnosis.models import SavedFilter
from diagnosis.queries import looking
from diagnosis.queries.filters import Filter
from diagnosis.web import search
from diagnosis.web import worklist_address as address

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
FULL = Filter(
    tab="all",
    priority="STAT",
    state="REPORTED",
    site="north",
    since=date(2026, 3, 1),
    until=date(2026, 3, 2),
    submitter="ward a&b",
    band="DOUBT",
    not_assessable=True,
    mine=True,
)


def names(browser: Client, words: str = "tab=all") -> list[str]:
    answer = browser.get(f"{reverse('worklist')}?{words}")
    assert answer.status_code == 200
    return [row.study.patient.name for row in answer.context["rows"]]


def look_for(browser: Client, term: str) -> str:
    """The address that the search leads to."""
    answer = browser.post(reverse("worklist-search"), {"term": term})
    assert answer.status_code == 302
    return str(answer["Location"])


def keep(browser: Client, **form: Any) -> Any:
    return browser.post(reverse("saved-filters"), form, follow=True)


class TestAddress:
    def test_it_tells_a_filter_and_back(self) -> None:
        assert address.parsed(QueryDict(address.query(FULL))) == FULL
        assert address.query(Filter()) == "tab=to-read"

    def test_it_never_tells_a_patient(self) -> None:
        assert "ada" not in address.query(Filter(search="ada"))

    @pytest.mark.parametrize(
        "words", ["tab=x&state=x&band=x&priority=x", "since=x&until=2026-99-01&mine=no"]
    )
    def test_words_that_are_none_mean_the_default(self, words: str) -> None:
        assert address.parsed(QueryDict(words)) == Filter()


class TestPage:
    @pytest.mark.parametrize(
        ("words", "is_found"),
        [
            ("state=PROCESSING", True),
            ("tab=all&state=AMENDED", False),
            ("site=north", True),
            ("site=south", False),
            ("since=2020-01-01", True),
            ("until=2020-01-01", False),
            ("submitter=submitter-north", True),
            ("submitter=x", False),
            ("band=NO_SCORE", True),
            ("band=DOUBT", False),
            ("not_assessable=1", False),
            ("mine=1", False),
        ],
    )
    def test_each_filter(
        self, as_user: Any, submit: Any, radiologist: Any, words: str, *, is_found: bool
    ) -> None:
        submit(name="Ada Sample")
        browser = as_user(radiologist)
        assert names(browser, words) == ["Ada Sample"] * is_found
        page = browser.get(f"{reverse('worklist')}?{words}").content.decode()
        assert 'class="chip"' in page
        assert ("No study matches these filters." in page) is not is_found

    def test_a_narrowed_list_is_not_counted(
        self, as_user: Any, submit: Any, radiologist: Any
    ) -> None:
        submit()
        context = as_user(radiologist).get(f"{reverse('worklist')}?mine=1").context
        assert [count for _, _, count, _ in context["tabs"]] == [None] * 5

    def test_a_cut_look_says_so_and_goes_on(
        self, as_user: Any, submit: Any, radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_LOOKED_AT", 1)
        submit()
        submit()
        text = as_user(radiologist).get(f"{reverse('worklist')}?not_assessable=1").content.decode()
        assert "Not everything was looked at." in text
        assert "Look further" in text
        assert "No study matches" not in text

    @pytest.mark.parametrize(
        ("role", "tabs"),
        [
            ("submitter", {"to-read", "reported", "all"}),
            ("radiologist", {"to-read", "second-read", "arbitration", "reported", "all"}),
        ],
    )
    def test_second_reads_are_radiologists_tabs(
        self, as_user: Any, role: str, tabs: set[str], request: pytest.FixtureRequest
    ) -> None:
        context = as_user(request.getfixturevalue(role)).get(reverse("worklist")).context
        assert {name for name, *_ in context["tabs"]} == tabs


class TestSearch:
    def test_it_finds_among_all_studies_and_its_address_names_nobody(
        self, as_user: Any, submit: Any, radiologist: Any
    ) -> None:
        submit(name="Ada Sample", mrn="M-77")
        submit(name="Zoe Other")
        browser = as_user(radiologist)
        where = look_for(browser, "ada")
        assert "ada" not in where.lower()
        page = browser.get(where)
        assert [row.study.patient.name for row in page.context["rows"]] == ["Ada Sample"]
        for link in ("here", "top"):
            assert f"search={search.token_of(page.wsgi_request)}" in page.context[link]
        text = page.content.decode()
        assert "Search: ada" in text
        assert "=ada" not in text

    def test_each_tab_of_a_browser_keeps_its_own(
        self, as_user: Any, submit: Any, radiologist: Any
    ) -> None:
        submit(name="Ada Sample")
        submit(name="Zoe Other")
        browser = as_user(radiologist)
        ada, zoe = look_for(browser, "ada"), look_for(browser, "zoe")
        assert names(browser, ada.partition("?")[2]) == ["Ada Sample"]
        assert names(browser, zoe.partition("?")[2]) == ["Zoe Other"]
        assert len(names(browser)) == 2

    def test_an_empty_one_clears_it(self, as_user: Any, radiologist: Any) -> None:
        assert look_for(as_user(radiologist), "  ") == f"{reverse('worklist')}?tab=to-read"

    def test_nobody_elses_and_no_ended_one_is_searched(
        self, as_user: Any, submit: Any, radiologist: Any, submitter: Any
    ) -> None:
        submit(name="Ada Sample")
        where = look_for(as_user(radiologist), "zoe")
        page = as_user(submitter).get(where)
        assert "This search has ended." in page.content.decode()

    def test_the_session_keeps_a_few(self, as_user: Any, radiologist: Any) -> None:
        browser = as_user(radiologist)
        for number in range(15):
            look_for(browser, f"name-{number}")
        kept = browser.session["searches"].values()
        assert list(kept) == [f"name-{number}" for number in range(5, 15)]


class TestSavedFilters:
    def test_saved_chosen_renamed_and_deleted(self, as_user: Any, radiologist: Any) -> None:
        browser = as_user(radiologist)
        page = keep(browser, action="save", name="  Night   STAT ", query="tab=all&priority=STAT")
        assert page.redirect_chain[0][0] == f"{reverse('worklist')}?tab=all&priority=STAT"
        saved = SavedFilter.objects.get()
        assert (saved.user, saved.name, saved.query) == (
            radiologist,
            "Night STAT",
            "tab=all&priority=STAT",
        )
        assert f'href="{reverse("worklist")}?tab=all&amp;priority=STAT"' in page.content.decode()
        keep(browser, action="rename", name="Nights", filter=saved.pk)
        saved.refresh_from_db()
        assert saved.name == "Nights"
        keep(browser, action="delete", filter=saved.pk)
        assert not SavedFilter.objects.exists()

    def test_the_same_name_replaces(self, as_user: Any, radiologist: Any) -> None:
        browser = as_user(radiologist)
        for words in ("tab=all", "tab=reported"):
            keep(browser, action="save", name="Mine", query=words)
        assert SavedFilter.objects.get().query == "tab=reported"

    def test_a_search_is_not_saved(self, as_user: Any, submit: Any, radiologist: Any) -> None:
        browser = as_user(radiologist)
        where = look_for(browser, "ada").partition("?")[2]
        keep(browser, action="save", name="Ada", query=f"{where}&x=<script>")
        assert SavedFilter.objects.get().query == "tab=all"

    def test_a_pinned_one_opens_the_worklist(self, as_user: Any, radiologist: Any) -> None:
        browser = as_user(radiologist)
        for name, words in (("a", "tab=all"), ("b", "tab=reported")):
            keep(browser, action="save", name=name, query=words)
            keep(browser, action="pin", filter=SavedFilter.objects.get(name=name).pk)
        assert SavedFilter.objects.get(is_default=True).name == "b"
        assert browser.get(reverse("worklist"))["Location"] == f"{reverse('worklist')}?tab=reported"
        assert browser.get(f"{reverse('worklist')}?tab=to-read").status_code == 200
        keep(browser, action="pin", filter=SavedFilter.objects.get(name="b").pk)
        assert browser.get(reverse("worklist")).status_code == 200

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"action": "save", "name": "  "}, "Give the filter a name."),
            ({"action": "rename", "name": "other"}, "Another of your filters has this name."),
            ({"action": "rename", "filter": "x"}, "Choose one of your filters."),
            ({"action": "delete", "filter": "987654"}, "There is no such record"),
        ],
    )
    def test_refusals_are_told(
        self, as_user: Any, radiologist: Any, form: dict[str, str], said: str
    ) -> None:
        mine, _ = (
            SavedFilter.objects.create(user=radiologist, name=name, query="tab=all")
            for name in ("mine", "other")
        )
        page = keep(as_user(radiologist), **{"filter": mine.pk, **form})
        assert said in page.content.decode()
        assert SavedFilter.objects.count() == 2

    @pytest.mark.parametrize("action", ["rename", "pin", "delete"])
    def test_nobody_elses(
        self, as_user: Any, radiologist: Any, submitter: Any, action: str
    ) -> None:
        theirs = SavedFilter.objects.create(user=submitter, name="theirs", query="tab=all")
        page = keep(as_user(radiologist), action=action, name="x", filter=theirs.pk)
        assert "There is no such record" in page.content.decode()
        theirs.refresh_from_db()
        assert (theirs.name, theirs.is_default) == ("theirs", False)
