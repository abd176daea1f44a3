"""Next case: the most pressing one that is free, and never the same one twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction

from diagnosis.errors import AlreadySigned, NotPermitted
from diagnosis.models import AuditEvent, CaseClaim, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import next_case as queue
from diagnosis.services import claims, lifecycle, readings
from tests.integration.diagnosis.work import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db
READERS, CASES = 50, 20


def next_of(user: Any) -> Study | None:
    return claims.next_case(user=user, actor=Actor.of(user))


def take(study: Study, by: Any, reason: str = "") -> None:
    claims.take(user=by, actor=Actor.of(by), study=study, reason=reason)


def release(study: Study, by: Any) -> None:
    claims.release(user=by, actor=Actor.of(by), study=study)


def sign(study: Study, by: Any, opinion: str = "PNEUMONIA") -> None:
    report = readings.Report(opinion, "Seen.")
    readings.sign(user=by, actor=Actor.of(by), study=study, report=report)


@pytest.fixture
def third(make_user: Any, site: Any) -> Any:
    return make_user("Radiologist", site, "third")


def test_the_most_pressing_case_comes_first(
    submit: Callable[..., Study], radiologist: Any, colleague: Any
) -> None:
    submit()
    urgent = submit(priority="URGENT")
    assert next_of(radiologist) == urgent
    assert claims.holder(study=urgent).holder == radiologist  # type: ignore[union-attr]
    assert AuditEvent.objects.get(action="CASE_CLAIMED").study == str(urgent.uid)
    assert next_of(colleague) != urgent


def test_who_holds_a_case_gets_that_one(submit: Callable[..., Study], radiologist: Any) -> None:
    held = submit()
    take(held, radiologist)
    CaseClaim.objects.update(lease_expires_at=db_now() + timedelta(seconds=5))
    submit(priority="STAT")
    assert next_of(radiologist) == held
    assert CaseClaim.objects.get().lease_expires_at > db_now() + timedelta(minutes=1)


def test_an_ended_lease_holds_nothing(
    submit: Callable[..., Study], radiologist: Any, colleague: Any
) -> None:
    case = submit()
    take(case, colleague)
    assert next_of(radiologist) is None
    CaseClaim.objects.update(lease_expires_at=db_now() - timedelta(seconds=1))
    assert next_of(radiologist) == case


def test_a_case_passed_on_comes_last(
    submit: Callable[..., Study], radiologist: Any, colleague: Any
) -> None:
    first, second, third = submit(), submit(), submit()
    for expected in (first, second, third, first):
        assert next_of(radiologist) == expected
        release(expected, radiologist)
    assert next_of(colleague) == first
    stat = submit(priority="STAT")
    assert next_of(radiologist) == stat


def test_second_reads_and_arbitrations_go_to_who_has_not_signed(
    submit: Callable[..., Study], radiologist: Any, colleague: Any, third: Any
) -> None:
    case = submit()
    Study.objects.update(reads_required=2)
    sign(case, radiologist)
    assert next_of(radiologist) is None
    assert next_of(colleague) == case
    sign(case, colleague, "NO_PNEUMONIA")
    assert next_of(radiologist) is next_of(colleague) is None
    assert next_of(third) == case
    sign(case, third)
    assert next_of(third) is None


def test_only_ones_own_sites(submit: Callable[..., Study], make_user: Any, other_site: Any) -> None:
    submit()
    assert next_of(make_user("Radiologist", other_site)) is None


@pytest.mark.parametrize("who", ["submitter", "administrator", "auditor"])
def test_only_radiologists(
    submit: Callable[..., Study], who: str, request: pytest.FixtureRequest
) -> None:
    submit()
    with pytest.raises(NotPermitted):
        next_of(request.getfixturevalue(who))


def test_a_signed_case_is_taken_by_nobody(submit: Callable[..., Study], radiologist: Any) -> None:
    case = submit()
    sign(case, radiologist)
    with pytest.raises(AlreadySigned):
        take(case, radiologist)


def test_the_walk_goes_on_past_a_page_of_held_cases(
    submit: Callable[..., Study],
    radiologist: Any,
    colleague: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "AT_ONCE", 2)
    made = [submit() for _ in range(5)]
    for case in made[:4]:
        take(case, colleague)
    assert next_of(radiologist) == made[4]
    assert list(queue.free(colleague)) == [case.pk for case in made[:4]]


def test_a_take_over_keeps_the_draft(
    submit: Callable[..., Study], radiologist: Any, colleague: Any
) -> None:
    case = submit()
    take(case, radiologist)
    Reading.objects.create(study=case, reader=radiologist, impression="Half a thought")
    take(case, colleague, "Shift change")
    sign(case, colleague)
    draft = Reading.objects.get(signed_at__isnull=True)
    assert (draft.reader, draft.impression) == (radiologist, "Half a thought")


def test_a_page_that_is_left_leaves_some_seconds(
    submit: Callable[..., Study], radiologist: Any, colleague: Any
) -> None:
    case = submit()
    take(case, radiologist)
    claims.leave(user=colleague, study=case)
    assert CaseClaim.objects.get().lease_expires_at > db_now() + claims.LEFT
    claims.leave(user=radiologist, study=case)
    until = CaseClaim.objects.get().lease_expires_at
    assert db_now() < until <= db_now() + claims.LEFT
    claims.leave(user=radiologist, study=case)
    assert CaseClaim.objects.get().lease_expires_at == until
    assert claims.heartbeat(user=radiologist, study=case)
    assert CaseClaim.objects.get().lease_expires_at > db_now() + claims.LEFT


@pytest.mark.django_db(transaction=True)
def test_fifty_at_twenty_cases_take_twenty(
    submit: Callable[..., Study], make_user: Any, site: Any
) -> None:
    for _ in range(CASES):
        submit()
    people = [make_user("Radiologist", site, f"reader-{number}") for number in range(READERS)]
    answers = at_once([lambda who=who: next_of(who) for who in people])
    assert Counter(type(answer).__name__ for answer in answers) == {
        "Study": CASES,
        "NoneType": READERS - CASES,
    }
    assert len({answer.pk for answer in answers if answer}) == CASES
    held = CaseClaim.objects.values_list("study", "holder")
    assert len({holder for _, holder in held}) == len({study for study, _ in held}) == CASES


@pytest.mark.django_db(transaction=True)
def test_one_reader_who_asks_twice_at_once_takes_one(
    submit: Callable[..., Study], radiologist: Any
) -> None:
    for _ in range(3):
        submit()
    answers = at_once([lambda: next_of(radiologist)] * 6)
    assert len({answer.pk for answer in answers}) == CaseClaim.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_case_that_somebody_is_writing_is_waited_for_and_not_passed_over(
    submit: Callable[..., Study], radiologist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = submit()
    locked, walked_again = Event(), Event()
    walks: list[Any] = []
    walk = queue.free

    def free(user: Any) -> Iterator[int]:
        walks.append(user)
        if len(walks) == 2:
            walked_again.set()
        return walk(user)

    def write() -> None:
        with transaction.atomic():
            lifecycle.lock(study_id=case.pk)
            locked.set()
            if connection.features.has_select_for_update:  # else the other one is not let in yet
                assert walked_again.wait(20)

    def ask() -> Study | None:
        assert locked.wait(20)
        return next_of(radiologist)

    monkeypatch.setattr(queue, "free", free)
    assert at_once([write, ask]) == [None, case]
