"""What pages, counts, claims and sweeps look at does not grow with the studies.

Held against query plans, never against a clock. Small tables are scanned by right; so PostgreSQL is
told to prefer an index where there is one.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench import scale_rows, scale_work
from bench.scale_world import Shape, member
from diagnosis.admin import door
from diagnosis.models import Job, Study
from diagnosis.permissions import Actor, Role
from diagnosis.queries import invariants, next_case, submissions, worklist
from diagnosis.queries.filters import TABS, Filter, listed
from diagnosis.services import claims, jobs, sweeping
from diagnosis.web import present
from ml.contracts.fake import FAKE_DIGEST
from tests.integration.diagnosis.plans import SORTED, assert_bounded, plans_of, prefer_indexes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.scale_world import World

pytestmark = pytest.mark.django_db
SHAPE = Shape(studies=900, waiting=20, sites=3, to_read=0.3)
A_PAGE = 2 * worklist.PAGE_SIZE  # and what is passed over between its studies
SWEEPER = Actor.system("sweeper")


@pytest.fixture
def world() -> World:
    return scale_rows.generate(SHAPE)


@pytest.fixture
def asked(world: World) -> Callable[[Callable[[], Any]], list[str]]:
    """asked(act) -> the plan of each query that it makes."""
    prefer_indexes()
    return plans_of


@pytest.mark.parametrize("waiting", [0, 20])
def test_generated_rows_are_as_the_product_writes_them(waiting: int) -> None:
    scale_rows.generate(Shape(studies=300, waiting=waiting, sites=3))
    assert invariants.breaches(drained=not waiting) == []
    assert Job.objects.filter(status="QUEUED").count() == waiting
    assert Study.objects.count() == 300 + waiting
    last = Study.objects.latest("pk")
    again = Study.objects.create(
        site=last.site,
        patient=last.patient,
        submitted_by=last.submitted_by,
        due_at=last.due_at,
        worklist_rank=0,
    )
    assert again.pk == last.pk + 1


@pytest.mark.django_db(transaction=True)
def test_every_operation_of_the_bench_can_be_measured(world: World) -> None:
    for operation in scale_work.operations():
        assert operation.measure()["ms"] > 0


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("sites", [1, 3])
def test_a_page_looks_at_a_page_at_any_depth(
    world: World, asked: Any, sites: int, tab: str
) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites[-sites:])
    for priority, share in product(("", "URGENT"), (0, 0.5, 0.9)):
        chosen = Filter(tab=tab, priority=priority)
        rows = listed(reader, chosen)
        place = int(rows.count() * share)
        after = str(rows[place - 1].uid) if place else ""
        plans = asked(partial(worklist.page, reader, chosen, after=after))
        keys, *_details = [plan for plan in plans if "diagnosis_study" in plan][-2:]
        assert_bounded(keys, A_PAGE)
        assert SORTED not in keys


def test_a_count_looks_at_no_more_than_it_tells(
    world: World, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites)
    exact = worklist.counts(reader, Filter(tab="reported"))
    assert exact.tabs["to-read"] + exact.tabs["reported"] == exact.tabs["all"] == 920
    assert exact.priorities[""] == exact.tabs["reported"]
    assert (
        sum(exact.priorities[word] for word in ("STAT", "URGENT", "ROUTINE"))
        == (exact.tabs["reported"])
    )
    monkeypatch.setattr(worklist, "MOST_COUNTED", 10)
    capped = worklist.counts(reader).tabs
    assert {capped[tab] for tab in ("to-read", "reported", "all")} == {11}
    of_some = member("another", Role.RADIOLOGIST, world.sites[:2])
    for plan in asked(partial(worklist.counts, of_some)):
        assert_bounded(plan, 2 * 11)


def test_my_studies_look_at_a_page_at_any_depth(world: World, asked: Any) -> None:
    few = member("one-of-many", Role.SUBMITTER, world.sites)
    keys = list(Study.objects.order_by("id").values_list("pk", flat=True)[::10])
    Study.objects.filter(pk__in=keys).update(submitted_by=few)
    mine = Study.objects.filter(submitted_by=few).order_by("-id")
    for share in (0, 0.5, 0.9):
        place = int(mine.count() * share)
        before = str(mine[place - 1].uid) if place else ""
        for plan in asked(partial(submissions.page, few, before=before)):
            assert_bounded(plan, A_PAGE)
            assert SORTED not in plan or "study_of_submitter" not in plan


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0"), (999, "999"), (1000, "1,000"), (1001, "1,000+")]
)
def test_a_count_above_the_limit_says_so(number: int, told: str) -> None:
    assert present.count(number) == told


def test_a_claim_looks_at_what_it_takes(world: World, asked: Any) -> None:
    plans = asked(partial(jobs.claim, worker="w", model_digest=FAKE_DIGEST, limit=5))
    (eligible,) = [plan for plan in plans if "job_queue" in plan]
    # Job, film and study, and the five that were claimed before the plan was asked for.
    assert_bounded(eligible, 4 * 5)
    assert SORTED not in eligible


def test_the_next_case_looks_at_a_stretch_of_the_list(world: World, asked: Any) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites[:2])
    actor = Actor.of(reader)
    for plan in asked(partial(claims.next_case, user=reader, actor=actor)):
        assert_bounded(plan, 4 * next_case.AT_ONCE)  # the sites are not the user's alone
        assert SORTED not in plan or "diagnosis_caseclaim" in plan


@pytest.mark.parametrize("table", ["study", "image", "job"])
def test_a_list_of_the_administrators_counts_no_further_than_anybody_pages(
    world: World, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(door, "MOST_LISTED", 50)
    browser = Client()
    browser.force_login(member("chief", Role.ADMINISTRATOR, world.sites))
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(reverse(f"admin:diagnosis_{table}_changelist"))
    assert answer.context["cl"].result_count == 50
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 50" in sql for sql in counts if f'"diagnosis_{table}"' in sql)
    assert not any("DISTINCT" in query["sql"] for query in queries), "filters read no table"


def test_a_quick_round_looks_at_what_waits_alone(world: World, asked: Any) -> None:
    for plan in asked(partial(sweeping.sweep, actor=SWEEPER)):
        assert_bounded(plan, 3 * SHAPE.waiting)  # of each its film and model version


def test_studies_accepted_without_a_model_are_marked_by_the_migration(world: World) -> None:
    bare = Job.objects.filter(status="QUEUED").latest("pk")
    bare.delete()
    import_module("diagnosis.migrations.0006_flat_lists").mark_studies_that_await_a_model(
        apps, None
    )
    assert Study.objects.get(awaits_model=True) == bare.image.study
    assert sweeping.sweep(actor=SWEEPER).queued == 1
    assert not Study.objects.filter(awaits_model=True).exists()
