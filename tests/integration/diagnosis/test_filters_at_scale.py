"""No filter walks a whole table: an index serves it, or a bounded part is looked at."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from bench import scale_rows
from bench.scale_world import Shape, member
from diagnosis.models import Patient
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role
from diagnosis.queries import looking, worklist
from diagnosis.queries.filters import TABS, Band, Filter
from tests.integration.diagnosis.plans import SORTED, assert_bounded, plans_of, prefer_indexes

if TYPE_CHECKING:
    from bench.scale_world import World

pytestmark = pytest.mark.django_db
SHAPE = Shape(studies=1200, waiting=20, sites=3, to_read=0.3)
LOOKED_AT, PATIENTS = 60, 20
NARROW: dict[str, dict[str, Any]] = {
    "state": {"state": "AMENDED"},
    "submitter": {"submitter": "submitter"},
    "nobody": {"submitter": "nobody"},
    "suggests": {"band": Band.SUGGESTS},
    "doubt": {"band": Band.DOUBT},
    "no score": {"band": Band.NO_SCORE},
    "not assessable": {"not_assessable": True},
    "mine": {"mine": True},
    "everybody": {"search": "pat"},
    "one patient": {"search": "mrn-17"},
    "number": {"search": "acc-17"},
    "no patient": {"search": "zz"},
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(looking, "MOST_LOOKED_AT", LOOKED_AT)
    monkeypatch.setattr(looking, "MOST_PATIENTS", PATIENTS)
    made = scale_rows.generate(SHAPE)
    prefer_indexes()
    return made


def looked_at(reader: User, chosen: Filter) -> list[str]:
    return plans_of(partial(worklist.page, reader, chosen))


@pytest.mark.parametrize("sites", [1, 2])
@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("narrow", NARROW.values(), ids=NARROW)
def test_a_filter_looks_at_a_bounded_part(
    world: World, narrow: dict[str, Any], tab: str, sites: int
) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites[:sites])
    for plan in looked_at(reader, Filter(tab=tab, **narrow)):
        # Study, film, job and reading of each, and the last of the stretch that is looked for.
        assert_bounded(plan, 5 * LOOKED_AT)


@pytest.mark.parametrize("tab", TABS)
def test_days_look_at_the_newest_of_them(world: World, tab: str) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites[:2])
    since = db_now().date() - timedelta(days=700)
    for chosen in (Filter(tab=tab, since=since), Filter(tab=tab, since=since, site="site-01")):
        for plan in looked_at(reader, chosen):
            assert_bounded(plan, 5 * LOOKED_AT)


@pytest.mark.parametrize("state", ["PROCESSING", "AWAITING_SECOND_READ"])
@pytest.mark.parametrize("sites", [1, 3])
def test_an_open_state_is_a_list_of_its_own(world: World, state: str, sites: int) -> None:
    reader = member("one-more", Role.RADIOLOGIST, world.sites[-sites:])
    index = "study_in_state_of_site" if sites == 1 else "study_in_state"
    walks = [plan for plan in looked_at(reader, Filter(state=state)) if index in plan]
    assert walks
    for plan in walks:
        assert_bounded(plan, 2 * worklist.PAGE_SIZE)
        assert SORTED not in plan


def test_a_submitters_own_are_found_by_submitter(world: World) -> None:
    sender = User.objects.get(username="submitter")
    for plan in looked_at(sender, Filter(mine=True)):
        assert_bounded(plan, 5 * LOOKED_AT)


@pytest.mark.parametrize(
    ("field", "index", "begin"),
    [
        ("name_key", "patient_name", "patient 11"),
        ("family_key", "patient_family", "11"),
        ("mrn_key", "patient_mrn", "mrn-11"),
    ],
)
def test_a_search_is_a_range_of_an_index(world: World, field: str, index: str, begin: str) -> None:
    rows = Patient.objects.filter(looking._begins(field, begin, [world.sites[0].pk]))
    (plan,) = plans_of(lambda: list(rows.order_by().values_list("pk")[:PATIENTS]))
    assert index in plan
    ranged = f"(({field})::text ~>=~ '{begin}'" if connection.vendor != "sqlite" else f"{field}>?"
    assert ranged in plan
