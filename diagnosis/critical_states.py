"""The life of a critical finding, pure: from the reader who sees it to the person who must know.

After the ACR's practice parameter for the communication of diagnostic imaging findings:
non-routine communication is direct, documented (who, to whom, when, by which means), and
confirmed. ARCHITECTURE.md documents the table, and a test compares.
"""

from __future__ import annotations

from enum import StrEnum


class CriticalStatus(StrEnum):
    IDENTIFIED = "IDENTIFIED"
    TOLD = "TOLD"
    RECEIVED = "RECEIVED"  # the person told has read it back
    ACKNOWLEDGED = "ACKNOWLEDGED"
    WITHDRAWN = "WITHDRAWN"


class CriticalEvent(StrEnum):
    TELL = "TELL"
    READ_BACK = "READ_BACK"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    ESCALATE = "ESCALATE"  # nobody has confirmed in time
    WITHDRAW = "WITHDRAW"


CRITICAL_TRANSITIONS: dict[tuple[CriticalStatus, CriticalEvent], CriticalStatus] = {
    (CriticalStatus.IDENTIFIED, CriticalEvent.TELL): CriticalStatus.TOLD,
    (CriticalStatus.IDENTIFIED, CriticalEvent.ACKNOWLEDGE): CriticalStatus.ACKNOWLEDGED,
    (CriticalStatus.IDENTIFIED, CriticalEvent.ESCALATE): CriticalStatus.IDENTIFIED,
    (CriticalStatus.IDENTIFIED, CriticalEvent.WITHDRAW): CriticalStatus.WITHDRAWN,
    (CriticalStatus.TOLD, CriticalEvent.READ_BACK): CriticalStatus.RECEIVED,
    (CriticalStatus.TOLD, CriticalEvent.ACKNOWLEDGE): CriticalStatus.ACKNOWLEDGED,
    (CriticalStatus.TOLD, CriticalEvent.ESCALATE): CriticalStatus.TOLD,
    (CriticalStatus.TOLD, CriticalEvent.WITHDRAW): CriticalStatus.WITHDRAWN,
    (CriticalStatus.RECEIVED, CriticalEvent.ACKNOWLEDGE): CriticalStatus.ACKNOWLEDGED,
    (CriticalStatus.RECEIVED, CriticalEvent.WITHDRAW): CriticalStatus.WITHDRAWN,
    (CriticalStatus.ACKNOWLEDGED, CriticalEvent.WITHDRAW): CriticalStatus.WITHDRAWN,
}
# Somebody must still be reached; a read-back ends the search as an acknowledgement does.
UNCONFIRMED = frozenset({CriticalStatus.IDENTIFIED, CriticalStatus.TOLD})


class CriticalKind(StrEnum):
    """What a chest film shows that cannot wait for the routine report."""

    TENSION_PNEUMOTHORAX = "TENSION_PNEUMOTHORAX"
    PNEUMOTHORAX = "PNEUMOTHORAX"
    FREE_AIR = "FREE_AIR"
    MISPLACED_DEVICE = "MISPLACED_DEVICE"
    WIDE_MEDIASTINUM = "WIDE_MEDIASTINUM"
    MASSIVE_EFFUSION = "MASSIVE_EFFUSION"
    FOREIGN_BODY = "FOREIGN_BODY"
    SEVERE_PNEUMONIA = "SEVERE_PNEUMONIA"
    OTHER = "OTHER"


class Means(StrEnum):
    PHONE = "PHONE"
    IN_PERSON = "IN_PERSON"
    MESSAGE = "MESSAGE"
    PAGE = "PAGE"


def implied_status(
    *, told: bool, received: bool, acknowledged: bool, withdrawn: bool
) -> CriticalStatus:
    """The status that the steps taken so far imply."""
    if withdrawn:
        return CriticalStatus.WITHDRAWN
    if acknowledged:
        return CriticalStatus.ACKNOWLEDGED
    if received:
        return CriticalStatus.RECEIVED
    return CriticalStatus.TOLD if told else CriticalStatus.IDENTIFIED
