"""Walks every address of the product with every kind of user, and fails on one without a rule."""

from __future__ import annotations

import re
import uuid
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from diagnosis.admin import site as admin_site
from diagnosis.permissions import ROUTES, Actor, Role
from diagnosis.services import critical, jobs, readings, results, workers
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpResponse

    from diagnosis.models import CriticalFinding, Image, Study

pytestmark = pytest.mark.django_db
OPEN_ADMIN = {"admin:login", "admin:jsi18n"}
OF_REPORTS = {"report-pdf", "api-report-pdf"}
OF_FILMS = {"film", "film-pixels", "heat-map", "api-film", "api-heat-map"}
OF_FINDINGS = {name for name in ROUTES if re.match(r"(api-)?critical-", name)}
# Roles that a route lets in for its other method, and a service then refuses.
REFUSED_BY_SERVICE = {
    ("api-studies", "POST"): {Role.ADMINISTRATOR},
    ("api-study-readings", "POST"): {Role.SUBMITTER, Role.ADMINISTRATOR},
}


@dataclass(frozen=True)
class Route:
    name: str
    path: str  # with placeholders: <uid>, <object_id>, ...

    @property
    def is_admin(self) -> bool:
        return self.name.startswith("admin:")

    @property
    def is_api(self) -> bool:
        return self.name.startswith("api-")

    @property
    def is_read_only(self) -> bool:
        """Pages that Django's admin has for every table, and ours for few or none."""
        return self.is_admin and not self.name.endswith(("_changelist", "_change", "index"))

    @property
    def roles(self) -> frozenset[Role] | None:
        if self.is_admin:
            return None if self.name in OPEN_ADMIN else frozenset({Role.ADMINISTRATOR})
        return ROUTES[self.name]


def routes(
    resolver: URLResolver | None = None, path: str = "/", spaces: str = ""
) -> Iterator[Route]:
    for entry in (resolver or get_resolver()).url_patterns:
        here = path + _placeholders(entry)
        if isinstance(entry, URLResolver):
            inner = f"{spaces}{entry.namespace}:" if entry.namespace else spaces
            yield from routes(entry, here, inner)
        elif isinstance(entry, URLPattern):
            yield Route(f"{spaces}{entry.name or entry.lookup_str}", here)


def _placeholders(entry: URLPattern | URLResolver) -> str:
    """The pattern with each argument as <name>, whether it was a path or a regular expression."""
    text = str(entry.pattern)
    if isinstance(entry.pattern, RegexPattern):
        return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text).strip("^$")
    return re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", text)


ALL = list(routes())


@dataclass(frozen=True)
class World:
    """A case with a result, a signed one, and everybody who might ask for it."""

    study: Study
    signed: Study
    film: Image
    finding: CriticalFinding
    people: dict[str, Any]

    def address(self, route: Route, uid: uuid.UUID | None = None) -> str:
        of_rows = {
            **dict.fromkeys(OF_FILMS, self.film),
            **dict.fromkeys(OF_FINDINGS, self.finding),
            **dict.fromkeys(OF_REPORTS, self.signed),
        }
        own = of_rows.get(route.name, self.study).uid
        filled = route.path.replace("<uid>", str(uid or own)).replace("<app_label>", "diagnosis")
        filled = filled.replace("<content_type_id>", "1").replace("<url>", "nowhere")
        for word in ("<object_id>", "<id>"):
            filled = filled.replace(word, str(self._key(route)))
        assert "<" not in filled, f"{route}: teach this test the new argument"
        return filled

    def _key(self, route: Route) -> Any:
        """The key of a row of the admin page's table; a case's own where there is a choice."""
        table = re.match(r"/admin/(\w+)/(\w+)/", route.path)
        for model in admin_site._registry:
            if table and table.groups() == (model._meta.app_label, model._meta.model_name):
                found = model._default_manager.order_by("pk").first()
                assert found is not None, f"{model} has no row to ask for"
                return found.pk
        return 1


@pytest.fixture
def world(  # noqa: PLR0917 (fixtures)
    make_user: Any,
    site: Any,
    other_site: Any,
    submit: Callable[..., Study],
    submitter: Any,
    radiologist: Any,
    administrator: Any,
    auditor: Any,
) -> World:
    study, signed = submit(), submit()
    info = FakeClassifier().info
    for job in jobs.claim(worker="w", model_digest=FAKE_DIGEST, limit=9):
        score = Prediction(0.7, np.ones((4, 4), dtype=np.float32))
        ending = results.scored(job.id, job.attempt, score)
        results.record(endings=[ending], model=info, actor=Actor.system("w"))
    who: dict[str, Any] = {"user": radiologist, "actor": Actor.of(radiologist), "study": signed}
    readings.sign(report=readings.Report("PNEUMONIA", "Seen."), **who)
    finding = critical.mark(marked=critical.Marked("FREE_AIR", recipient=submitter.pk), **who)
    workers.seen(name="w", model=info)
    inactive = make_user("Radiologist", site, "gone")
    inactive.is_active = False
    inactive.save()
    nobody = make_user("Radiologist", site, "roleless")
    nobody.groups.clear()
    people = {
        "anonymous": None,
        "inactive": inactive,
        "roleless": nobody,
        "submitter": submitter,
        "radiologist": radiologist,
        "administrator": administrator,
        "auditor": auditor,
        **{f"foreign {role.lower()}": make_user(role, other_site) for role in Role},
    }
    return World(study, signed, study.images.get(), finding, people)


class Browser:
    """Somebody's browser; what a request changes is rolled back, there and here."""

    def __init__(self, user: Any) -> None:
        self.client = Client(raise_request_exception=False)  # a crash is a 500
        if user is not None:
            self.client.force_login(user)
        self.cookies = deepcopy(self.client.cookies)

    def ask(self, method: str, address: str) -> HttpResponse:
        self.client.cookies = deepcopy(self.cookies)
        with transaction.atomic():
            answer = self.client.generic(method, address)
            transaction.set_rollback(True)
        return answer  # type: ignore[return-value]


def role_of(person: str) -> Role | None:
    word = person.removeprefix("foreign ").capitalize()
    return Role(word) if word in set(Role) else None


def expected(route: Route, person: str, method: str) -> set[int]:
    """The statuses that this person may get for their own site's row, or for no row at all."""
    roles, role = route.roles, role_of(person)
    if roles is None:
        return {200, 302, 405}
    if person in {"anonymous", "inactive"}:
        return {401} if route.is_api else {302}
    if role not in roles or role in REFUSED_BY_SERVICE.get((route.name, method), ()):
        return {403}
    if method == "GET":
        # A page may send on, an action wants POST; most admin pages are read-only.
        return {200, 302, 405, *([403, 404] if route.is_read_only else [])}
    refused = {400, 405, 409, 415, 422}
    return {200, 201, 204, 302, *refused, *([403, 404] if route.is_admin else [])}


AT_HOME = [role.lower() for role in Role]
FOREIGN = [f"foreign {name}" for name in AT_HOME]
PEOPLE = ["anonymous", "inactive", "roleless", *AT_HOME, *FOREIGN]


def test_every_role_is_asked_at_home_and_from_another_site(world: World) -> None:
    assert set(world.people) == set(PEOPLE)
    assert {role_of(name) for name in FOREIGN} == {role_of(name) for name in AT_HOME} == set(Role)


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    named = {route.name for route in ALL if not route.is_admin}
    assert named - set(ROUTES) == set(), "add the route to permissions.ROUTES"
    assert set(ROUTES) - named == set(), "remove the rule from permissions.ROUTES"
    assert len(named) == sum(not route.is_admin for route in ALL)


@pytest.mark.parametrize("person", PEOPLE)
def test_every_route_answers_by_its_rule(world: World, person: str) -> None:
    browser, wrong = Browser(world.people[person]), []
    for route in ALL:
        for method in ("GET", "POST"):
            status = browser.ask(method, world.address(route)).status_code
            allowed = expected(route, person, method)
            if person.startswith("foreign") and "<uid>" in route.path and 403 not in allowed:
                allowed = {404, 405}
            if status not in allowed:
                wrong.append(f"{method} {route.name}: {status}, not {sorted(allowed)}")
    assert wrong == []


@pytest.mark.parametrize("person", FOREIGN)
def test_a_foreign_row_answers_exactly_like_an_unknown_one(world: World, person: str) -> None:
    unknown, not_there = uuid.uuid4(), set()
    browser = Browser(world.people[person])
    of_rows = [route for route in ALL if "<uid>" in route.path]
    for route in of_rows:
        for method in ("GET", "POST"):
            seen = browser.ask(method, world.address(route))
            other = browser.ask(method, world.address(route, unknown))
            assert (seen.status_code, _body(seen)) == (other.status_code, _body(other)), route
            if seen.status_code == 404:
                not_there.add(route.name)
    role = role_of(person)
    refused = {name for (name, _), roles in REFUSED_BY_SERVICE.items() if role in roles}
    assert not_there == {r.name for r in of_rows if r.roles and role in r.roles} - refused


def _body(answer: HttpResponse) -> str:
    """Without what is random in each page."""
    text = answer.content.decode(errors="replace")
    random = r'(name="csrfmiddlewaretoken" value|X-CSRFToken|name="idempotency_key" value)[^>]*'
    return re.sub(rf"{random}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", "", text)


@pytest.mark.parametrize("model", ["patient", "study", "image", "job", "result", "reading"])
def test_the_admin_shows_a_foreign_row_like_an_unknown_one(world: World, model: str) -> None:
    browser = Browser(world.people["foreign administrator"])
    for page in ("change", "history", "delete"):
        key = World._key(world, Route("", f"/admin/diagnosis/{model}/"))
        seen, other = (
            browser.ask("GET", f"/admin/diagnosis/{model}/{k}/{page}/") for k in (key, 987_654)
        )
        assert seen.status_code == other.status_code != 200
        assert seen.get("Location") == other.get("Location")


def test_a_route_without_a_rule_is_refused(
    radiologist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(radiologist)
    for name, address in (("worklist", "/worklist/"), ("api-studies", "/api/v1/studies/")):
        assert browser.ask("GET", address).status_code == 200
        monkeypatch.delitem(ROUTES, name)
        assert browser.ask("GET", address).status_code == 403


def test_the_walk_sees_the_admin_and_the_api() -> None:
    names = {route.name for route in ALL}
    assert {"admin:diagnosis_study_change", "admin:auth_user_add", "api-study", "healthz"} <= names
