"""A signed report as PDF. The same report gives the same bytes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from diagnosis.report import KINDS, OPINIONS, RESEARCH_USE, SEXES, Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fpdf import FPDF

    from diagnosis.models import Reading, Study

_MARGIN, _LABEL, _LINE = 18, 38, 5.2  # mm
_INK, _MUTED, _RULE = (24, 34, 43), (84, 99, 113), (190, 200, 208)


def pdf(study: Study, readings: Sequence[Reading]) -> bytes:
    """`readings`: all signed ones, newest first."""
    paper = _Paper(study)
    paper.identity()
    superseded = {reading.supersedes_id for reading in readings}
    for reading in readings:
        paper.reading(reading, is_superseded=reading.pk in superseded)
    return paper.finished(readings[0])


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"


class _Paper:
    def __init__(self, study: Study) -> None:
        self._study = study
        self._pdf = _blank(self._head, self._foot)
        self._pdf.add_page()

    @cached_property
    def _who(self) -> str:
        patient = self._study.patient
        return f"{patient.name} · MRN {patient.mrn} · {patient.birth_date:%Y-%m-%d}"

    def _head(self) -> None:
        self._write(self._who, 8, _MUTED)
        self._rule()

    def _foot(self) -> None:
        self._pdf.set_y(-15)
        self._rule()
        page = f"{self._pdf.page_no()} / {{nb}}"
        self._write(f"{RESEARCH_USE}   {_('Page')} {page}", 8, _INK, strong=True)

    def identity(self) -> None:
        study, patient = self._study, self._study.patient
        self._write(_("Chest radiograph report"), 16, _INK, strong=True)
        self._gap(2)
        for label, value in (
            (_("Patient"), patient.name),
            (_("MRN"), patient.mrn),
            (_("Birth date, sex"), f"{patient.birth_date:%Y-%m-%d}, {SEXES[patient.sex]}"),
            (_("Site"), study.site.name),
            (_("Accession number"), study.accession_number),
            (_("Study"), str(study.uid)),
            (_("Submitted"), _time(study.submitted_at)),
        ):
            self._row(label, value)

    def reading(self, reading: Reading, *, is_superseded: bool) -> None:
        self._gap(4)
        self._rule()
        opinion = OPINIONS[reading.opinion]
        self._write(f"{KINDS[reading.kind]}: {opinion}", 12, _INK, strong=True)
        if is_superseded:
            self._write(_("Superseded by an addendum"), 9, _MUTED)
        for section in Report.of(reading).sections():
            self._row(str(section.heading), section.text)
        self._opinions(reading)
        for number, shown in enumerate(reading.model_shown, 1):
            self._model(number, shown)
        name = reading.reader.get_full_name() or reading.reader.get_username()
        self._row(_("Signed by"), f"{name}, {_time(_signed_at(reading))}", strong=True)

    def _opinions(self, reading: Reading) -> None:
        """Where the first opinion came before the model was seen: both, and the time between."""
        if reading.opined_at is None:
            return
        sure = reading.first_confidence
        told = [str(OPINIONS[reading.first_opinion]), _time(reading.opined_at)]
        if sure is not None:
            told.insert(1, _("%(share)d %% sure") % {"share": sure})
        self._row(_("First opinion"), ", ".join(told))
        seconds = (_signed_at(reading) - reading.opined_at).total_seconds()
        later = _("%(count).0f seconds later") % {"count": seconds}
        at = _time(_signed_at(reading))
        self._row(_("Last opinion"), f"{OPINIONS[reading.opinion]}, {at}, {later}")

    def _model(self, number: int, shown: dict[str, Any]) -> None:
        score = _("%(score)s, decision point %(point)s") % {
            "score": _percent(shown["probability"]),
            "point": _percent(shown["threshold"]),
        }
        late = [_("late: arrived after an opinion")] if shown["is_late"] else []
        version = f"{shown['name']} {shown['version']}"
        parts = [score, version, *late, shown["digest"]]
        self._row(_("Model, film %(number)d") % {"number": number}, "\n".join(parts))

    def finished(self, newest: Reading) -> bytes:
        self._pdf.set_creation_date(_signed_at(newest))
        return bytes(self._pdf.output())

    def _row(self, label: str, value: str, *, strong: bool = False) -> None:
        if not value:
            return
        pdf = self._pdf
        pdf.set_font("text", size=9.5)
        pdf.set_text_color(*_MUTED)
        if pdf.will_page_break(2 * _LINE):
            pdf.add_page()
        top, page = pdf.get_y(), pdf.page_no()
        pdf.multi_cell(_LABEL, _LINE, label, align="L", new_x="RIGHT", new_y="TOP")
        pdf.set_xy(_MARGIN + _LABEL, top)
        pdf.set_left_margin(_MARGIN + _LABEL)
        self._write(value, 9.5, _INK, strong=strong)
        pdf.set_left_margin(_MARGIN)
        pdf.set_x(_MARGIN)
        if pdf.page_no() == page:
            pdf.set_y(max(pdf.get_y(), top + _LINE))

    def _write(
        self, text: str, size: float, color: tuple[int, int, int], *, strong: bool = False
    ) -> None:
        pdf = self._pdf
        pdf.set_font("text", size=size)
        pdf.set_text_color(*color)
        # A bold font would have to be made from the variable one, which takes seconds.
        with pdf.local_context(
            text_mode="FILL_STROKE" if strong else "FILL", line_width=size * 0.012
        ):
            pdf.set_draw_color(*color)
            pdf.multi_cell(0, size * 0.55, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def _rule(self) -> None:
        self._pdf.set_draw_color(*_RULE)
        y = self._pdf.get_y() + 0.8
        self._pdf.line(_MARGIN, y, 210 - _MARGIN, y)
        self._gap(2.4)

    def _gap(self, height: float) -> None:
        self._pdf.set_y(self._pdf.get_y() + height)


def _signed_at(reading: Reading) -> datetime:
    if reading.signed_at is None:
        raise ValueError("a draft is never printed as a report")
    return reading.signed_at


def _blank(head: Any, foot: Any) -> FPDF:
    """An empty A4 document with its fonts. The library is loaded by who prints, not at start."""
    import fontpkg_noto_sans
    import fontpkg_noto_sans_devanagari
    from fpdf import FPDF

    class Document(FPDF):
        def header(self) -> None:
            head()

        def footer(self) -> None:
            foot()

    document = Document(format="A4")
    latin, devanagari = fontpkg_noto_sans.ROOT, fontpkg_noto_sans_devanagari.ROOT
    document.add_font("text", fname=latin / "files" / "NotoSans[wdth,wght].ttf")
    name = "NotoSansDevanagari[wdth,wght].ttf"
    document.add_font("devanagari", fname=devanagari / "files" / name)
    document.set_fallback_fonts(["devanagari"])
    document.set_text_shaping(use_shaping_engine=True)
    document.set_margin(_MARGIN)
    document.set_auto_page_break(auto=True, margin=20)
    document.set_title("Chest radiograph report")
    return document
