"""What the product does with a database that is full: each operation as its users cause it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from bench.scale_world import member
from bench.submitter import Submitter
from diagnosis.models import CaseClaim, ModelVersion, Site
from diagnosis.models.clock import db_now
from diagnosis.models.model_version import Stage
from diagnosis.permissions import Actor, Role
from diagnosis.queries import queue, worklist
from diagnosis.queries.filters import Band, Filter, listed
from diagnosis.services import claims, jobs, readiness, sweeping
from tests import films

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from diagnosis.models import Study
    from diagnosis.services.jobs import ClaimedJob

    Sql = tuple[str, Any]

_SYSTEM = Actor.system("bench")
_LISTS = (("to-read", ""), ("to-read", "URGENT"), ("reported", ""), ("all", ""))
_DEPTHS = (0.0, 0.5, 0.9)


def _nothing(_done: Any) -> None:
    """What most operations leave to undo."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`undo` takes what `act` returned, and is not measured."""

    name: str
    act: Callable[[], Any]
    undo: Callable[[Any], None] = _nothing

    def measure(self) -> dict[str, float]:
        """Milliseconds, and how many of them the database took."""
        taken: list[float] = []

        def clock(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 (Django calls it)
            started = time.perf_counter()
            try:
                return execute(sql, params, many, context)
            finally:
                taken.append(time.perf_counter() - started)

        with connection.execute_wrapper(clock):
            started = time.perf_counter()
            done = self.act()
            total = time.perf_counter() - started
        self.undo(done)
        return {"ms": total * 1000, "sql": sum(taken) * 1000}

    def plans(self) -> Iterator[str]:
        """Each query that it asks, as the database carries it out."""
        asked: list[Sql] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 (Django calls it)
            asked.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            self.undo(self.act())
        how = "(ANALYZE, BUFFERS)" if connection.vendor == "postgresql" else "QUERY PLAN"
        with connection.cursor() as cursor:
            for sql, params in asked:
                if sql.startswith("SELECT"):
                    cursor.execute(f"EXPLAIN {how} {sql}", params)
                    yield "\n".join(str(row[-1]) for row in cursor.fetchall())


def operations() -> list[Operation]:
    """On a database that `scale_rows.generate` filled; everything is there for each of them."""
    sites = list(Site.objects.order_by("pk"))
    readers = {
        "one site": _person("one", Role.RADIOLOGIST, sites[len(sites) // 2 :][:1]),
        "two small sites": _person("two", Role.RADIOLOGIST, sites[:2]),
        "every site": _person("every", Role.RADIOLOGIST, sites),
    }
    return [*_of_readers(readers), *_of_everybody(readers["every site"], sites)]


def _of_readers(readers: dict[str, User]) -> Iterator[Operation]:
    for (who, user), (tab, priority), depth in product(readers.items(), _LISTS, _DEPTHS):
        name = f"page: {' '.join(filter(None, (tab, priority)))} at {depth:.0%}, {who}"
        yield Operation(name, _page(user, tab, priority, depth))
    for who, user in readers.items():
        yield Operation(f"counts of the worklist, {who}", partial(worklist.counts, user))
    for who in ("one site", "every site"):
        user = readers[who]
        yield Operation(f"next case: list and claim, {who}", partial(_next_case, user), _give_back)


def _of_everybody(reader: User, sites: list[Site]) -> Iterator[Operation]:
    yield Operation("worklist as a page", _visit(reader, "worklist"))
    for name, chosen in _filters().items():
        yield Operation(f"worklist filtered: {name}", partial(worklist.page, reader, chosen))
    yield Operation(f"job claim of {settings.BATCH_SIZE}", _claim, _hand_back)
    yield Operation("state of the queue", queue.state)
    yield Operation("readiness", readiness.report)
    chief = _person("chief", Role.ADMINISTRATOR, sites)
    yield Operation("administrators' first page", _visit(chief, "admin:index"))
    for table in ("study", "job"):
        route = f"admin:diagnosis_{table}_changelist"
        yield Operation(f"administrators' list: {table}", _visit(chief, route))
    yield Operation("audit trail", _visit(chief, "audit"))
    yield Operation("sweeper's quick round", partial(sweeping.sweep, actor=_SYSTEM))
    sender = _person("sender", Role.SUBMITTER, sites)
    yield Operation("submission of a film", _submit(sender, sites[0]))


def _filters() -> dict[str, Filter]:
    """One that each way of looking serves, over all studies."""
    today = db_now().date()
    return {
        "band, to read": Filter(band=Band.DOUBT),
        "band, all": Filter(tab="all", band=Band.DOUBT),
        "not assessable, all": Filter(tab="all", not_assessable=True),
        "a month": Filter(
            tab="all", since=today - timedelta(days=400), until=today - timedelta(days=370)
        ),
        "a submitter": Filter(tab="all", submitter="submitter"),
        "mine": Filter(tab="all", mine=True),
        "a patient": Filter(tab="all", search="patient 4711"),
        "a search that matches everybody": Filter(tab="all", search="p"),
    }


def _person(name: str, role: Role, sites: list[Site]) -> User:
    return User.objects.filter(username=name).first() or member(name, role, sites)


def _page(user: User, tab: str, priority: str, depth: float) -> Callable[[], worklist.Page]:
    chosen = Filter(tab=tab, priority=priority)
    rows = listed(user, chosen)
    place = int(rows.count() * depth)
    before = rows.values_list("uid", flat=True)[place - 1 : place] if place else ()
    after = "".join(map(str, before))
    return partial(worklist.page, user, chosen, after=after)


def _next_case(user: User) -> Study | None:
    return claims.next_case(user=user, actor=Actor.of(user))


def _give_back(study: Study | None) -> None:
    """Without the event of a release, after which the reader would be given another one."""
    CaseClaim.objects.filter(study=study).delete()


def _visit(user: User, route: str) -> Callable[[], None]:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user)
    address = reverse(route)

    def visit() -> None:
        answer = browser.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"

    return visit


def _claim() -> list[ClaimedJob]:
    digest = ModelVersion.objects.get(stage=Stage.ACTIVE).digest
    return jobs.claim(worker="bench", model_digest=digest, limit=settings.BATCH_SIZE)


def _hand_back(claimed: list[ClaimedJob]) -> None:
    for job in claimed:
        jobs.release(job_id=job.id, attempt=job.attempt, actor=_SYSTEM)


def _submit(user: User, site: Site) -> Callable[[], object]:
    submitter, seeds = Submitter(user, site), itertools.count()
    return lambda: submitter.submit(films.as_png8(films.chest(next(seeds), size=(64, 64))))
