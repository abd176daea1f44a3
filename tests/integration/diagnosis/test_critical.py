"""Critical findings: who may mark, tell, confirm and withdraw them, and what happens if nobody does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from diagnosis.errors import InvalidInput, NotFound, NotPermitted, TransitionRefused
from diagnosis.models import AuditEvent, CriticalFinding, Notification, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import critical as query
from diagnosis.services import claims, critical, sweeping
from diagnosis.services.critical import Marked
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
SWEEPER = Actor.system("sweeper")
PRIVATE = "Left-sided, of Jane Doe"


def who(user: Any) -> dict[str, Any]:
    return {"user": user, "actor": Actor.of(user)}


@pytest.fixture
def study(submit: Callable[..., Study], radiologist: Any) -> Study:
    found = submit()
    claims.take(study=found, **who(radiologist))
    return found


@pytest.fixture
def finding(study: Study, radiologist: Any, submitter: Any) -> CriticalFinding:
    marked = Marked("PNEUMOTHORAX", PRIVATE, recipient=submitter.pk)
    return critical.mark(study=study, marked=marked, **who(radiologist))


def status(finding: CriticalFinding) -> str:
    finding.refresh_from_db()
    return finding.status


def actions(finding: CriticalFinding) -> list[str]:
    events = AuditEvent.objects.filter(object_type="criticalfinding", object_id=finding.uid)
    return list(events.order_by("id").values_list("action", flat=True))


def told(kind: str) -> list[str]:
    rows = Notification.objects.filter(kind=f"CRITICAL_{kind}").order_by("user__username")
    return list(rows.values_list("user__username", flat=True))


def make_due(finding: CriticalFinding) -> None:
    past = db_now() - timedelta(seconds=1)
    CriticalFinding.objects.filter(pk=finding.pk).update(acknowledge_by=past)


class TestMarking:
    def test_who_reads_the_case_marks_and_the_submitter_is_told(
        self, finding: CriticalFinding, submitter: Any, study: Study
    ) -> None:
        assert status(finding) == "IDENTIFIED"
        span = finding.acknowledge_by - finding.identified_at
        assert span == timedelta(minutes=study.site.acknowledge_minutes)
        assert query.to_acknowledge(submitter) == [finding]
        assert told("TO_ACKNOWLEDGE") == [submitter.username]
        event = AuditEvent.objects.get(action="CRITICAL_MARK")
        assert event.study == str(study.uid)
        assert event.after == {"kind": "PNEUMOTHORAX", "recipient": submitter.pk}

    def test_who_has_signed_it_marks_too_and_nobody_else(
        self, submit: Any, radiologist: Any, submitter: Any, make_user: Any, site: Any
    ) -> None:
        study = submit()
        mark = partial(critical.mark, study=study, marked=Marked("FREE_AIR", "", submitter.pk))
        for other in (radiologist, make_user("Radiologist", site, "idle"), submitter):
            with pytest.raises(NotPermitted):
                mark(**who(other))
        sign(study, radiologist)
        mark(**who(radiologist))
        assert CriticalFinding.objects.count() == 1

    def test_somebody_outside_needs_no_account(self, study: Study, radiologist: Any) -> None:
        marked = Marked("OTHER", "Button battery", outside="Dr. Away, ward 3")
        found = critical.mark(study=study, marked=marked, **who(radiologist))
        assert (found.recipient, found.outside) == (None, "Dr. Away, ward 3")
        assert AuditEvent.objects.get(action="CRITICAL_MARK").after["recipient"] == "outside"
        assert told("TO_ACKNOWLEDGE") == []

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"kind": "NONSENSE"}, "kind"),
            ({"kind": "OTHER", "text": " "}, "text"),
            ({"recipient": None}, "recipient"),
            ({"recipient": -1}, "recipient"),
        ],
    )
    def test_what_is_missing_is_named(
        self, study: Study, radiologist: Any, submitter: Any, changes: Any, field: str
    ) -> None:
        fields = {"kind": "FREE_AIR", "recipient": submitter.pk, **changes}
        with pytest.raises(InvalidInput) as refusal:
            critical.mark(study=study, marked=Marked(**fields), **who(radiologist))
        assert refusal.value.details["field"] == field

    def test_only_clinicians_of_the_site_can_be_chosen(
        self, study: Study, radiologist: Any, make_user: Any, other_site: Any, auditor: Any
    ) -> None:
        gone = make_user("Submitter", study.site, "gone")
        gone.is_active = False
        gone.save()
        for stranger in (make_user("Submitter", other_site), auditor, gone):
            marked = Marked("FREE_AIR", recipient=stranger.pk)
            with pytest.raises(InvalidInput):
                critical.mark(study=study, marked=marked, **who(radiologist))


class TestSteps:
    def test_the_whole_way(
        self, finding: CriticalFinding, radiologist: Any, submitter: Any
    ) -> None:
        critical.tell(finding=finding, means="PHONE", **who(radiologist))
        assert status(finding) == "TOLD"
        critical.read_back(finding=finding, received_by="Nurse Quinn", **who(radiologist))
        assert status(finding) == "RECEIVED"
        assert query.to_acknowledge(submitter) == []
        critical.acknowledge(finding=finding, **who(submitter))
        assert status(finding) == "ACKNOWLEDGED"
        assert told("ACKNOWLEDGED") == [radiologist.username]
        steps = ("MARK", "TELL", "READ_BACK", "ACKNOWLEDGE")
        assert actions(finding) == [f"CRITICAL_{step}" for step in steps]

    def test_told_and_read_back_in_one_call(
        self, finding: CriticalFinding, radiologist: Any
    ) -> None:
        critical.tell(finding=finding, means="PHONE", received_by="Dr. Ward", **who(radiologist))
        assert (status(finding), finding.received_by) == ("RECEIVED", "Dr. Ward")
        assert actions(finding)[1:] == ["CRITICAL_TELL", "CRITICAL_READ_BACK"]

    def test_only_who_must_be_told_acknowledges_and_twice_is_once(
        self, finding: CriticalFinding, radiologist: Any, submitter: Any, make_user: Any, site: Any
    ) -> None:
        for other in (radiologist, make_user("Submitter", site, "colleague")):
            with pytest.raises(TransitionRefused):
                critical.acknowledge(finding=finding, **who(other))
        for _ in range(2):
            critical.acknowledge(finding=finding, **who(submitter))
        assert actions(finding) == ["CRITICAL_MARK", "CRITICAL_ACKNOWLEDGE"]

    def test_withdrawn_with_a_reason_and_the_person_is_told(
        self, finding: CriticalFinding, radiologist: Any, submitter: Any
    ) -> None:
        with pytest.raises(InvalidInput):
            critical.withdraw(finding=finding, reason=" ", **who(radiologist))
        critical.acknowledge(finding=finding, **who(submitter))
        critical.withdraw(finding=finding, reason="A skin fold", **who(radiologist))
        assert status(finding) == "WITHDRAWN"
        assert told("WITHDRAWN") == [submitter.username]
        assert AuditEvent.objects.get(action="CRITICAL_WITHDRAW").reason == "A skin fold"

    def test_what_the_table_does_not_know_is_refused(
        self, finding: CriticalFinding, radiologist: Any, submitter: Any
    ) -> None:
        with pytest.raises(TransitionRefused):
            critical.read_back(finding=finding, received_by="Somebody", **who(radiologist))
        critical.tell(finding=finding, means="PAGE", **who(radiologist))
        with pytest.raises(TransitionRefused):
            critical.tell(finding=finding, means="PHONE", **who(radiologist))
        critical.withdraw(finding=finding, reason="Wrong film", **who(radiologist))
        with pytest.raises(TransitionRefused):
            critical.acknowledge(finding=finding, **who(submitter))
        assert actions(finding)[1:] == ["CRITICAL_TELL", "CRITICAL_WITHDRAW"]

    def test_a_submitter_records_no_call(self, finding: CriticalFinding, submitter: Any) -> None:
        for act in (
            partial(critical.tell, means="PHONE"),
            partial(critical.read_back, received_by="Me"),
            partial(critical.withdraw, reason="No"),
        ):
            with pytest.raises(NotPermitted):
                act(finding=finding, **who(submitter))

    def test_another_site_finds_nothing(
        self, finding: CriticalFinding, make_user: Any, other_site: Any
    ) -> None:
        with pytest.raises(NotFound):
            query.get(make_user("Radiologist", other_site), finding.uid)


class TestEscalation:
    def test_radiologists_and_administrators_of_the_site_are_told_once(
        self,
        finding: CriticalFinding,
        radiologist: Any,
        administrator: Any,
        make_user: Any,
        other_site: Any,
    ) -> None:
        make_user("Radiologist", other_site)
        second = make_user("Radiologist", finding.study.site, "second")
        assert sweeping.sweep(actor=SWEEPER).escalated == 0
        make_due(finding)
        for count in (1, 0):
            assert sweeping.sweep(actor=SWEEPER).escalated == count
        people = [administrator, radiologist, second]
        assert told("ESCALATED") == sorted(person.username for person in people)
        assert status(finding) == "IDENTIFIED"
        assert finding.escalated_at is not None

    def test_it_stays_with_who_must_be_told_and_others_may_take_it(
        self, finding: CriticalFinding, submitter: Any, administrator: Any
    ) -> None:
        make_due(finding)
        critical.escalate_due(actor=SWEEPER)
        assert query.to_acknowledge(submitter) == [finding]
        finding.refresh_from_db()
        critical.acknowledge(finding=finding, **who(administrator))
        assert status(finding) == "ACKNOWLEDGED"
        assert finding.acknowledged_by == administrator

    @pytest.mark.parametrize("confirmed", ["acknowledge", "read back", "withdraw"])
    def test_what_is_settled_never_escalates(
        self, finding: CriticalFinding, radiologist: Any, submitter: Any, confirmed: str
    ) -> None:
        if confirmed == "acknowledge":
            critical.acknowledge(finding=finding, **who(submitter))
        elif confirmed == "withdraw":
            critical.withdraw(finding=finding, reason="Wrong", **who(radiologist))
        else:
            critical.tell(finding=finding, means="PHONE", received_by="Dr. A", **who(radiologist))
        make_due(finding)
        assert critical.escalate_due(actor=SWEEPER) == 0

    def test_a_message_that_nobody_answers_escalates(
        self, finding: CriticalFinding, radiologist: Any
    ) -> None:
        critical.tell(finding=finding, means="MESSAGE", **who(radiologist))
        make_due(finding)
        assert critical.escalate_due(actor=SWEEPER) == 1
        assert status(finding) == "TOLD"

    @pytest.mark.django_db(transaction=True)
    def test_several_sweepers_escalate_it_once(self, finding: CriticalFinding) -> None:
        make_due(finding)
        answers = at_once([partial(critical.escalate_due, actor=SWEEPER)] * 4)
        assert sorted(answers) == [0, 0, 0, 1]
        assert actions(finding).count("CRITICAL_ESCALATE") == 1

    @pytest.mark.django_db(transaction=True)
    def test_a_click_beside_the_sweeper_leaves_one_order(
        self, finding: CriticalFinding, submitter: Any
    ) -> None:
        make_due(finding)
        escalated, _ = at_once(
            [
                partial(critical.escalate_due, actor=SWEEPER),
                partial(critical.acknowledge, finding=finding, **who(submitter)),
            ]
        )
        assert status(finding) == "ACKNOWLEDGED"
        assert escalated == actions(finding).count("CRITICAL_ESCALATE")


def test_the_words_of_a_finding_reach_no_trail(finding: CriticalFinding, radiologist: Any) -> None:
    critical.tell(finding=finding, means="PHONE", received_by="Dr. A", **who(radiologist))
    rows = AuditEvent.objects.values_list("before", "after", "reason")
    assert PRIVATE not in str(list(rows))


def test_the_sweeper_asks_an_index(finding: CriticalFinding) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    due = CriticalFinding.objects.filter(
        query.OPEN, escalated_at__isnull=True, acknowledge_by__lte=db_now()
    )
    assert "critical_due" in due.order_by("acknowledge_by").explain()
