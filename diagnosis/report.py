"""What a report is made of: its sections, its regions, and the text of one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise as Words


class Region(StrEnum):
    """Where a finding is, in the order in which a chest film is read."""

    RIGHT_LUNG = "RIGHT_LUNG"
    LEFT_LUNG = "LEFT_LUNG"
    PLEURA = "PLEURA"
    HEART_AND_MEDIASTINUM = "HEART_AND_MEDIASTINUM"
    HILA = "HILA"
    BONES_AND_SOFT_TISSUE = "BONES_AND_SOFT_TISSUE"
    DEVICES_AND_LINES = "DEVICES_AND_LINES"


RESEARCH_USE = _("Research use only, not a diagnosis.")
SEXES: dict[str, Words] = {"F": _("Female"), "M": _("Male"), "O": _("Other")}
OPINIONS: dict[str, Words] = {
    "PNEUMONIA": _("Pneumonia"),
    "NO_PNEUMONIA": _("No pneumonia"),
    "INDETERMINATE": _("Indeterminate"),
}
KINDS: dict[str, Words] = {
    "FIRST": _("First read"),
    "SECOND": _("Second read"),
    "ARBITRATION": _("Arbitration"),
    "ADDENDUM": _("Addendum"),
}
REGIONS: dict[str, Words] = {
    Region.RIGHT_LUNG: _("Right lung"),
    Region.LEFT_LUNG: _("Left lung"),
    Region.PLEURA: _("Pleura"),
    Region.HEART_AND_MEDIASTINUM: _("Heart, mediastinum"),
    Region.HILA: _("Hila"),
    Region.BONES_AND_SOFT_TISSUE: _("Bones, soft tissue"),
    Region.DEVICES_AND_LINES: _("Devices, lines"),
}
NORMAL: dict[str, Words] = {
    Region.RIGHT_LUNG: _("Clear."),
    Region.LEFT_LUNG: _("Clear."),
    Region.PLEURA: _("No effusion. No pneumothorax."),
    Region.HEART_AND_MEDIASTINUM: _("Heart size normal. Mediastinum not widened."),
    Region.HILA: _("Normal."),
    Region.BONES_AND_SOFT_TISSUE: _("No acute abnormality."),
    Region.DEVICES_AND_LINES: _("None."),
}
# The sections in the order of a printed report; the regions stand between technique and findings.
BEFORE_REGIONS: dict[str, Words] = {
    "indication": _("Indication"),
    "comparison": _("Comparison"),
    "technique": _("Technique"),
}
AFTER_REGIONS: dict[str, Words] = {
    "findings": _("Other findings"),
    "impression": _("Impression"),
}
SECTIONS: dict[str, Words] = {**BEFORE_REGIONS, **REGIONS, **AFTER_REGIONS}
MOST_CHARACTERS = {
    **dict.fromkeys([*BEFORE_REGIONS, *REGIONS], 2000),
    **dict.fromkeys(AFTER_REGIONS, 10_000),
}


class Section(NamedTuple):
    name: str
    heading: Words
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the radiologist wrote. A draft may be incomplete, or blank."""

    opinion: str = ""
    impression: str = ""
    findings: str = ""
    indication: str = ""
    comparison: str = ""
    technique: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Any) -> Report:
        """The text of a stored reading, or of whatever else has the same attributes."""
        return cls(**{one.name: getattr(row, one.name) for one in fields(cls)})

    def cleaned(self) -> Report:
        """As it is stored: one kind of line end, no blanks around, known regions that are filled."""
        texts = {name: _clean(value) for name, value in self.columns().items() if name != "regions"}
        regions = {str(name): _clean(self.regions.get(name, "")) for name in Region}
        return Report(**texts, regions={name: text for name, text in regions.items() if text})

    def columns(self) -> dict[str, Any]:
        """Column of a reading -> value."""
        return asdict(self)

    def sections(self) -> list[Section]:
        """What is filled, in the order of a report."""
        texts = {**self.columns(), **self.regions}
        return [
            Section(name, heading, texts[name])
            for name, heading in SECTIONS.items()
            if texts.get(name)
        ]

    @property
    def is_blank(self) -> bool:
        return not any(self.columns().values())


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL in a text.
    return text.replace("\0", "").replace("\r\n", "\n").strip()
