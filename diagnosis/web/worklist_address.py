"""The worklist's filters as its address tells them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpResponseRedirect
from django.urls import reverse

from diagnosis.queries.filters import DEFAULT_TAB, TABS, Band, Filter
from diagnosis.states import Priority, StudyState
from diagnosis.web import search as searches

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from django.http import HttpRequest, HttpResponse

_WORDS: dict[str, Container[str]] = {
    "tab": TABS, "priority": set(Priority), "state": set(StudyState), "band": set(Band),
}  # fmt: skip
_TEXTS = {"site": 32, "submitter": 150}
_DAYS = ("since", "until")
_FLAGS = ("not_assessable", "mine")


def filter_of(request: HttpRequest) -> Filter:
    """The filter that is asked for; a word that is none means the default."""
    return parsed(request.GET, search=searches.term(request))


def parsed(data: Mapping[str, str], search: str = "") -> Filter:
    found: dict[str, Any] = {name: data.get(name, "") for name in _WORDS}
    found = {name: word if word in _WORDS[name] else "" for name, word in found.items()}
    found["tab"] = found["tab"] or DEFAULT_TAB
    found |= {name: data.get(name, "").strip()[:most] for name, most in _TEXTS.items()}
    found |= {name: _day(data.get(name, "")) for name in _DAYS}
    found |= {name: data.get(name) == "1" for name in _FLAGS}
    return Filter(**found, search=search)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def query(chosen: Filter, **more: str) -> str:
    """The filter for an address: all but the search, of which an address holds a token at most."""
    words = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
    del words["search"]
    told = {name: "1" if word is True else str(word) for name, word in words.items() if word}
    return urlencode({**told, **{name: word for name, word in more.items() if word}})


def at(words: str) -> HttpResponse:
    """To the worklist with these words of the address."""
    return HttpResponseRedirect(f"{reverse('worklist')}?{words}")
