"""A report as the pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.report import Report
from diagnosis.web import words

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

    from diagnosis.models import Reading
    from diagnosis.report import Section


@dataclass(frozen=True, slots=True)
class Written:
    """A reading with its text, signed or a draft."""

    row: Reading
    kind: Words
    opinion: Words | str
    sections: list[Section]
    is_superseded: bool

    @classmethod
    def of(cls, row: Reading, *, is_superseded: bool = False) -> Written:
        opinion = words.OPINIONS.get(row.opinion, "")
        sections = Report.of(row).sections()
        return cls(row, words.READINGS[row.kind], opinion, sections, is_superseded)

    @property
    def impression(self) -> str:
        return self.row.impression

    @property
    def findings(self) -> list[Section]:
        """What stands below the impression."""
        return [section for section in self.sections if section.name != "impression"]
