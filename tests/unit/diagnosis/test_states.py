"""The state machines and the rank, as laws over all their inputs."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.states import (
    ACTIVE_JOB,
    JOB_TRANSITIONS,
    PENDING_ALARM_MINUTES,
    PRIORITY_ORDER,
    STUDY_TRANSITIONS,
    TERMINAL_JOB,
    TO_READ,
    TURN_ROUND_MINUTES,
    JobEvent,
    JobStatus,
    Opinion,
    Priority,
    ReadingKind,
    StudyEvent,
    StudyState,
    implied_state,
    ranks_of,
    worklist_rank,
)

SIGNED = {StudyState.REPORTED, StudyState.AMENDED}


class TestJobs:
    def test_every_word_is_used(self) -> None:
        assert {event for _, event in JOB_TRANSITIONS} == set(JobEvent)
        reached = {JobStatus.QUEUED, *JOB_TRANSITIONS.values()}
        assert reached == set(JobStatus)
        assert set(JobStatus) == ACTIVE_JOB | TERMINAL_JOB

    def test_a_terminal_status_has_no_way_out_and_every_other_has(self) -> None:
        assert {status for status, _ in JOB_TRANSITIONS} == ACTIVE_JOB

    def test_only_a_claim_starts_and_only_the_owner_scores(self) -> None:
        into_running = {key for key, to in JOB_TRANSITIONS.items() if to is JobStatus.RUNNING}
        assert into_running == {(JobStatus.QUEUED, JobEvent.CLAIM)}
        scored = {JobStatus.SUCCEEDED, JobStatus.NOT_ASSESSABLE}
        assert {frm for (frm, _), to in JOB_TRANSITIONS.items() if to in scored} == {
            JobStatus.RUNNING
        }

    @given(st.lists(st.sampled_from(JobEvent), max_size=30))
    def test_whatever_happens_a_terminal_job_stays(self, events: list[JobEvent]) -> None:
        status, ended = JobStatus.QUEUED, None
        for event in events:
            status = JOB_TRANSITIONS.get((status, event), status)
            if ended:
                assert status is ended
            ended = status if status in TERMINAL_JOB else None


class TestStudies:
    def test_every_word_is_used(self) -> None:
        assert {event for _, event in STUDY_TRANSITIONS} == set(StudyEvent)
        assert {StudyState.PROCESSING, *STUDY_TRANSITIONS.values()} == set(StudyState)

    def test_to_read_and_signed_are_all_there_is(self) -> None:
        assert set(StudyState) == TO_READ | SIGNED
        assert not TO_READ & SIGNED

    @given(st.lists(st.sampled_from(StudyEvent), max_size=30))
    def test_a_signed_case_never_becomes_unread(self, events: list[StudyEvent]) -> None:
        state, signed = StudyState.PROCESSING, False
        for event in events:
            state = STUDY_TRANSITIONS.get((state, event), state)
            signed = signed or state in SIGNED
            assert not signed or state in SIGNED

    @pytest.mark.parametrize("state", sorted(TO_READ))
    def test_every_open_case_can_be_reported(self, state: StudyState) -> None:
        """The model never holds a case back, and neither does anything else."""
        assert STUDY_TRANSITIONS[state, StudyEvent.REPORT] is StudyState.REPORTED


def signed_readings() -> st.SearchStrategy[list[tuple[str, str]]]:
    kinds = st.lists(st.sampled_from(ReadingKind), unique=True)
    return kinds.flatmap(lambda ks: st.tuples(*[st.tuples(st.just(k), opinions) for k in ks])).map(
        list
    )


opinions = st.sampled_from(Opinion)
jobs = st.integers(min_value=0, max_value=5)
reads = st.integers(min_value=1, max_value=2)


class TestImpliedState:
    @given(signed_readings(), jobs, reads)
    def test_the_order_of_signing_does_not_matter(
        self, signed: list[tuple[str, str]], active: int, required: int
    ) -> None:
        states = {
            implied_state(active_jobs=active, signed=order, reads_required=required)
            for order in permutations(signed)
        }
        assert len(states) == 1

    @given(signed_readings().filter(bool), jobs, jobs, reads)
    def test_after_an_opinion_the_machine_changes_nothing(
        self, signed: list[tuple[str, str]], one: int, other: int, required: int
    ) -> None:
        def state(active: int) -> StudyState:
            return implied_state(active_jobs=active, signed=signed, reads_required=required)

        assert state(one) == state(other)

    @given(signed_readings(), jobs, reads)
    def test_an_addendum_or_an_arbitration_settles_it(
        self, signed: list[tuple[str, str]], active: int, required: int
    ) -> None:
        state = implied_state(active_jobs=active, signed=signed, reads_required=required)
        kinds = dict(signed)
        assert (state is StudyState.AMENDED) == (ReadingKind.ADDENDUM in kinds)
        if ReadingKind.ARBITRATION in kinds:
            assert state in SIGNED

    @given(opinions, opinions)
    def test_two_readers_who_differ_need_an_arbiter(self, one: Opinion, two: Opinion) -> None:
        signed = [(ReadingKind.FIRST, one), (ReadingKind.SECOND, two)]
        state = implied_state(active_jobs=0, signed=signed, reads_required=2)
        expected = StudyState.REPORTED if one == two else StudyState.AWAITING_ARBITRATION
        assert state is expected

    @pytest.mark.parametrize(
        ("active", "first", "required", "state"),
        [
            (1, False, 1, StudyState.PROCESSING),
            (0, False, 1, StudyState.AWAITING_READ),
            (0, False, 2, StudyState.AWAITING_READ),
            (0, True, 1, StudyState.REPORTED),
            (3, True, 1, StudyState.REPORTED),
            (0, True, 2, StudyState.AWAITING_SECOND_READ),
        ],
    )
    def test_before_a_second_reading(
        self,
        active: int,
        first: bool,  # noqa: FBT001
        required: int,
        state: StudyState,
    ) -> None:
        signed = [(ReadingKind.FIRST, Opinion.PNEUMONIA)] if first else []
        assert implied_state(active_jobs=active, signed=signed, reads_required=required) is state


# Six digits of a probability count; here as in the rank.
scores = st.none() | st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000)
cases = st.tuples(st.sampled_from(Priority), scores, st.booleans())


def rank(case: tuple[Priority, float | None, bool]) -> int:
    priority, probability, overdue = case
    return worklist_rank(priority=priority, pressing=probability, overdue=overdue)


def place(case: tuple[Priority, float | None, bool]) -> tuple[int, bool, bool, float]:
    """The order in words: priority, overdue first, unscored first, falling probability."""
    priority, probability, overdue = case
    scored = probability is not None
    return PRIORITY_ORDER[priority], not overdue, scored, -(probability or 0) if scored else 0


class TestWorklistRank:
    @given(cases, cases)
    def test_the_number_orders_as_the_words_do(
        self, one: tuple[Priority, float | None, bool], two: tuple[Priority, float | None, bool]
    ) -> None:
        assert (rank(one) < rank(two)) == (place(one) < place(two))
        assert (rank(one) == rank(two)) == (place(one) == place(two))

    @given(cases)
    def test_it_fits_the_column(self, case: tuple[Priority, float | None, bool]) -> None:
        assert 0 <= rank(case) < 2**31

    @given(cases)
    def test_its_range_tells_the_priority(self, case: tuple[Priority, float | None, bool]) -> None:
        ranges = {priority: ranks_of(priority) for priority in Priority}
        found = [word for word, (low, high) in ranges.items() if low <= rank(case) <= high]
        assert found == [case[0]]

    def test_a_low_score_past_its_target_comes_before_a_high_one(self) -> None:
        late = worklist_rank(priority="ROUTINE", pressing=0.0, overdue=True)
        sure = worklist_rank(priority="ROUTINE", pressing=1.0, overdue=False)
        assert late < sure

    def test_what_is_no_number_has_no_rank(self) -> None:
        with pytest.raises(ValueError, match="NaN"):
            worklist_rank(priority="STAT", pressing=float("nan"), overdue=False)

    def test_urgent_means_sooner(self) -> None:
        for minutes in (TURN_ROUND_MINUTES, PENDING_ALARM_MINUTES):
            ordered = [minutes[p] for p in sorted(Priority, key=PRIORITY_ORDER.__getitem__)]
            assert ordered == sorted(set(ordered))
        for one, two in product(Priority, repeat=2):
            assert (PRIORITY_ORDER[one] == PRIORITY_ORDER[two]) == (one is two)
