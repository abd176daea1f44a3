"""Who holds a case: one reader at a time, never for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import CaseHeld, NotPermitted
from diagnosis.models import AuditEvent, CaseClaim, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import claims
from tests.integration.diagnosis.work import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def take(study: Study, by: Any, reason: str = "") -> CaseClaim:
    return claims.take(user=by, actor=Actor.of(by), study=study, reason=reason)


def expire() -> None:
    CaseClaim.objects.update(lease_expires_at=db_now() - timedelta(seconds=1))


def told() -> list[str]:
    return list(
        AuditEvent.objects.filter(action__startswith="CASE_").values_list("action", flat=True)
    )


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


def test_a_claim_is_a_lease(study: Study, radiologist: Any) -> None:
    claim = take(study, radiologist)
    assert db_now() < claim.lease_expires_at <= db_now() + claims.LEASE
    assert claims.holder(study=study) == claim
    assert told() == ["CASE_CLAIMED"]


def test_taking_it_again_extends_it_without_a_second_event(study: Study, radiologist: Any) -> None:
    take(study, radiologist)
    CaseClaim.objects.update(lease_expires_at=db_now() + timedelta(seconds=5))
    take(study, radiologist)
    assert CaseClaim.objects.get().lease_expires_at > db_now() + timedelta(minutes=1)
    assert told() == ["CASE_CLAIMED"]


def test_a_colleague_needs_a_reason(study: Study, radiologist: Any, colleague: Any) -> None:
    take(study, radiologist)
    with pytest.raises(CaseHeld):
        take(study, colleague, "  ")
    assert take(study, colleague, "Shift change").holder == colleague
    event = AuditEvent.objects.get(action="CASE_TAKEN_OVER")
    assert (event.reason, event.actor_name) == ("Shift change", "colleague")
    assert not claims.heartbeat(user=radiologist, study=study)


def test_an_expired_lease_needs_none(study: Study, radiologist: Any, colleague: Any) -> None:
    take(study, radiologist)
    expire()
    assert claims.holder(study=study) is None
    assert take(study, colleague).holder == colleague
    assert told() == ["CASE_CLAIMED", "CASE_CLAIMED"]


def test_a_heartbeat_keeps_it_and_does_not_revive_it(study: Study, radiologist: Any) -> None:
    take(study, radiologist)
    CaseClaim.objects.update(lease_expires_at=db_now() + timedelta(seconds=5))
    assert claims.heartbeat(user=radiologist, study=study)
    assert CaseClaim.objects.get().lease_expires_at > db_now() + timedelta(minutes=1)
    expire()
    assert not claims.heartbeat(user=radiologist, study=study)


def test_only_the_holder_gives_it_back(study: Study, radiologist: Any, colleague: Any) -> None:
    take(study, radiologist)
    claims.release(user=colleague, actor=Actor.of(colleague), study=study)
    assert CaseClaim.objects.count() == 1
    claims.release(user=radiologist, actor=Actor.of(radiologist), study=study)
    assert not CaseClaim.objects.exists()
    assert told() == ["CASE_CLAIMED", "CASE_RELEASED"]


@pytest.mark.parametrize("who", ["submitter", "administrator", "auditor"])
def test_only_radiologists(study: Study, who: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotPermitted):
        take(study, request.getfixturevalue(who))


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_it(study: Study, radiologist: Any, colleague: Any) -> None:
    answers = at_once([lambda: take(study, radiologist), lambda: take(study, colleague)])
    assert sorted(type(answer).__name__ for answer in answers) == ["CaseClaim", "CaseHeld"]
    assert CaseClaim.objects.count() == 1
