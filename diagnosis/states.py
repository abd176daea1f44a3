"""The two state machines, pure: no Django models, no database, no clock.

The job's status says what the machine did; the study's state says where the case stands. Each has
one transition table. ARCHITECTURE.md documents both as the action table, and a test compares.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class JobStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    NOT_ASSESSABLE = "NOT_ASSESSABLE"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class JobEvent(StrEnum):
    CLAIM = "CLAIM"
    RELEASE = "RELEASE"
    RETRY = "RETRY"
    LOSE_LEASE = "LOSE_LEASE"
    SUCCEED = "SUCCEED"
    REFUSE = "REFUSE"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


JOB_TRANSITIONS: dict[tuple[JobStatus, JobEvent], JobStatus] = {
    (JobStatus.QUEUED, JobEvent.CLAIM): JobStatus.RUNNING,
    (JobStatus.QUEUED, JobEvent.CANCEL): JobStatus.CANCELED,
    (JobStatus.QUEUED, JobEvent.FAIL): JobStatus.FAILED,
    (JobStatus.RUNNING, JobEvent.RELEASE): JobStatus.QUEUED,
    (JobStatus.RUNNING, JobEvent.RETRY): JobStatus.QUEUED,
    (JobStatus.RUNNING, JobEvent.LOSE_LEASE): JobStatus.QUEUED,
    (JobStatus.RUNNING, JobEvent.SUCCEED): JobStatus.SUCCEEDED,
    (JobStatus.RUNNING, JobEvent.REFUSE): JobStatus.NOT_ASSESSABLE,
    (JobStatus.RUNNING, JobEvent.FAIL): JobStatus.FAILED,
    (JobStatus.RUNNING, JobEvent.CANCEL): JobStatus.CANCELED,
}
ACTIVE_JOB = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
TERMINAL_JOB = frozenset(JobStatus) - ACTIVE_JOB


class JobCode(StrEnum):
    """Why a job ended without a score; the quality gate's own codes join these."""

    AGE_OUT_OF_RANGE = "AGE_OUT_OF_RANGE"
    BLOB_CORRUPT = "BLOB_CORRUPT"
    UNREADABLE = "UNREADABLE"
    NON_FINITE = "NON_FINITE"
    ERROR = "ERROR"
    POISON = "POISON"


class StudyState(StrEnum):
    PROCESSING = "PROCESSING"
    AWAITING_READ = "AWAITING_READ"
    AWAITING_SECOND_READ = "AWAITING_SECOND_READ"
    AWAITING_ARBITRATION = "AWAITING_ARBITRATION"
    REPORTED = "REPORTED"
    AMENDED = "AMENDED"


class StudyEvent(StrEnum):
    ANALYSED = "ANALYSED"  # its last active job ended
    REANALYSE = "REANALYSE"  # a job was queued again
    REPORT = "REPORT"  # the reading that settles the case was signed
    NEED_SECOND_READ = "NEED_SECOND_READ"
    DISAGREE = "DISAGREE"
    AMEND = "AMEND"


_OPEN = (StudyState.PROCESSING, StudyState.AWAITING_READ)
STUDY_TRANSITIONS: dict[tuple[StudyState, StudyEvent], StudyState] = {
    (StudyState.PROCESSING, StudyEvent.ANALYSED): StudyState.AWAITING_READ,
    (StudyState.AWAITING_READ, StudyEvent.REANALYSE): StudyState.PROCESSING,
    # The model never holds a case back: an unfinished analysis does not prevent a signature.
    **{(state, StudyEvent.REPORT): StudyState.REPORTED for state in _OPEN},
    **{(state, StudyEvent.NEED_SECOND_READ): StudyState.AWAITING_SECOND_READ for state in _OPEN},
    (StudyState.AWAITING_SECOND_READ, StudyEvent.REPORT): StudyState.REPORTED,
    (StudyState.AWAITING_SECOND_READ, StudyEvent.DISAGREE): StudyState.AWAITING_ARBITRATION,
    (StudyState.AWAITING_ARBITRATION, StudyEvent.REPORT): StudyState.REPORTED,
    (StudyState.REPORTED, StudyEvent.AMEND): StudyState.AMENDED,
    (StudyState.AMENDED, StudyEvent.AMEND): StudyState.AMENDED,
}
TO_READ = frozenset(
    {
        StudyState.PROCESSING,
        StudyState.AWAITING_READ,
        StudyState.AWAITING_SECOND_READ,
        StudyState.AWAITING_ARBITRATION,
    }
)


class Priority(StrEnum):
    STAT = "STAT"
    URGENT = "URGENT"
    ROUTINE = "ROUTINE"


PRIORITY_ORDER = {Priority.STAT: 0, Priority.URGENT: 1, Priority.ROUTINE: 2}
TURN_ROUND_MINUTES = {Priority.STAT: 60, Priority.URGENT: 240, Priority.ROUTINE: 1440}
PENDING_ALARM_MINUTES = {Priority.STAT: 5, Priority.URGENT: 15, Priority.ROUTINE: 60}


class Opinion(StrEnum):
    PNEUMONIA = "PNEUMONIA"
    NO_PNEUMONIA = "NO_PNEUMONIA"
    INDETERMINATE = "INDETERMINATE"


def label_of(probability: float, threshold: float) -> Opinion:
    """The model's word at the decision point; the words are those of a reader's opinion."""
    return Opinion.PNEUMONIA if probability >= threshold else Opinion.NO_PNEUMONIA


class ReadingKind(StrEnum):
    FIRST = "FIRST"
    SECOND = "SECOND"
    ARBITRATION = "ARBITRATION"
    ADDENDUM = "ADDENDUM"


# The reading that a case in this state waits for.
AWAITED_READING = {
    StudyState.PROCESSING: ReadingKind.FIRST,
    StudyState.AWAITING_READ: ReadingKind.FIRST,
    StudyState.AWAITING_SECOND_READ: ReadingKind.SECOND,
    StudyState.AWAITING_ARBITRATION: ReadingKind.ARBITRATION,
}


class RevealPolicy(StrEnum):
    """When the model is hidden from whoever has not stored an opinion of the case."""

    OFF = "OFF"
    SAMPLED = "SAMPLED"
    ALWAYS = "ALWAYS"


class SecondReadPolicy(StrEnum):
    NONE = "NONE"
    SAMPLED = "SAMPLED"
    DISAGREEMENT = "DISAGREEMENT"  # of the model and the first reader
    ALL = "ALL"


def implied_state(
    *, active_jobs: int, signed: Iterable[tuple[str, str]], reads_required: int
) -> StudyState:
    """The state that a study's rows imply; the stored column must always equal it.

    ``signed`` holds (kind, opinion) of each signed reading.
    """
    opinions = dict(signed)
    if ReadingKind.ADDENDUM in opinions:
        return StudyState.AMENDED
    if ReadingKind.ARBITRATION in opinions:
        return StudyState.REPORTED
    if ReadingKind.SECOND in opinions:
        agree = opinions[ReadingKind.SECOND] == opinions.get(ReadingKind.FIRST)
        return StudyState.REPORTED if agree else StudyState.AWAITING_ARBITRATION
    if ReadingKind.FIRST in opinions:
        return StudyState.REPORTED if reads_required < 2 else StudyState.AWAITING_SECOND_READ
    return StudyState.PROCESSING if active_jobs else StudyState.AWAITING_READ


_PRIORITY_STEP = 10_000_000
_ON_TIME_STEP = 5_000_000
_SCORE_STEPS = 1_000_000


def certainty(probability: float, threshold: float) -> float:
    """How far a calibrated probability lies from the decision point, 0 to 1, on either side alike."""
    if probability >= threshold:
        return (probability - threshold) / (1 - threshold) if threshold < 1 else 1.0
    return (threshold - probability) / threshold


def worklist_rank(*, priority: str, pressing: float | None, overdue: bool) -> int:
    """Ascending place on the worklist: priority, past its target first, unscored first, then by
    falling `pressing` (0 to 1). A case past its target comes first, so a low score can never starve.

    pressing: the model's probability of a first read, its certainty of a later one; None where there
    is none, or where it is hidden.
    """
    score = 0 if pressing is None else 1 + round((1 - pressing) * _SCORE_STEPS)
    late = 0 if overdue else _ON_TIME_STEP
    return PRIORITY_ORDER[Priority(priority)] * _PRIORITY_STEP + late + score


def ranks_of(priority: Priority) -> tuple[int, int]:
    """The lowest and the highest rank that a study of this priority can have."""
    lowest = PRIORITY_ORDER[priority] * _PRIORITY_STEP
    return lowest, lowest + _PRIORITY_STEP - 1
