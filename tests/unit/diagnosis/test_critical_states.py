"""The life of a critical finding, as laws over all its steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.critical_states import (
    CRITICAL_TRANSITIONS,
    UNCONFIRMED,
    CriticalEvent,
    CriticalStatus,
    implied_status,
)


def test_every_word_is_used() -> None:
    assert {event for _, event in CRITICAL_TRANSITIONS} == set(CriticalEvent)
    assert {CriticalStatus.IDENTIFIED, *CRITICAL_TRANSITIONS.values()} == set(CriticalStatus)


def test_only_what_nobody_confirmed_escalates_and_stays_as_it_is() -> None:
    escalates = {
        frm: to for (frm, event), to in CRITICAL_TRANSITIONS.items() if event == "ESCALATE"
    }
    assert escalates == {status: status for status in UNCONFIRMED}


def test_withdrawn_is_the_end_and_possible_from_everywhere_else() -> None:
    can_end = {frm for (frm, event) in CRITICAL_TRANSITIONS if event == "WITHDRAW"}
    assert can_end == set(CriticalStatus) - {CriticalStatus.WITHDRAWN}
    assert not [frm for frm, _ in CRITICAL_TRANSITIONS if frm == CriticalStatus.WITHDRAWN]


@given(st.lists(st.sampled_from(CriticalEvent), max_size=20))
def test_the_steps_taken_imply_the_status(events: list[CriticalEvent]) -> None:
    status, taken = CriticalStatus.IDENTIFIED, set()
    for event in events:
        if after := CRITICAL_TRANSITIONS.get((status, event)):
            status = after
            taken.add(event)
    implied = implied_status(
        told=CriticalEvent.TELL in taken,
        received=CriticalEvent.READ_BACK in taken,
        acknowledged=CriticalEvent.ACKNOWLEDGE in taken,
        withdrawn=CriticalEvent.WITHDRAW in taken,
    )
    assert implied == status


@pytest.mark.parametrize("event", sorted(set(CriticalEvent) - {CriticalEvent.ESCALATE}))
def test_each_step_is_taken_once(event: CriticalEvent) -> None:
    for (before, taken), after in CRITICAL_TRANSITIONS.items():
        if taken is event:
            assert (after, event) not in CRITICAL_TRANSITIONS
            assert after != before
