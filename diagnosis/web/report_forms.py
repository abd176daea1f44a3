"""The forms of a report, and of an addendum to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from diagnosis.report import (
    AFTER_REGIONS,
    BEFORE_REGIONS,
    MOST_CHARACTERS,
    NORMAL,
    REGIONS,
    SECTIONS,
    Report,
)
from diagnosis.states import Opinion
from diagnosis.web import words
from diagnosis.web.forms import DomainForm, spoken_choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.forms import BoundField
    from django.utils.functional import _StrPromise as Words


class TextField(forms.CharField):
    """A text of several lines, in which a line end counts as one character, as in the browser."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n").strip()


def _section(name: str) -> TextField:
    # The blank placeholder is how the style sheet tells an empty field.
    attributes = {"rows": 3 if name == "impression" else 1, "placeholder": " "}
    return TextField(
        label=SECTIONS[name],
        max_length=MOST_CHARACTERS[name],
        required=False,
        widget=forms.Textarea({**attributes, "data-section": name, "spellcheck": "true"}),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A section of the form, with the phrase for a normal one."""

    name: str
    field: BoundField
    normal: Words | str = ""


class ReportForm(DomainForm):
    """What the radiologist writes and signs."""

    opinion = forms.ChoiceField(
        choices=spoken_choices(Opinion, words.OPINIONS),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an opinion.")},
    )
    revision = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    password = forms.CharField(
        label=_("Your password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "report-%s"
        self.fields.update({name: _section(name) for name in SECTIONS})
        self.fields["impression"].required = True
        self.fields["impression"].error_messages["required"] = _("Write an impression.")
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"report-{name}-error"

    @classmethod
    def showing(cls, report: Report, revision: int = 0) -> ReportForm:
        texts = {**report.columns(), **report.regions}
        return cls(initial={**texts, "revision": revision})

    def report(self) -> Report:
        data = self.cleaned_data
        texts = {name: data[name] for name in [*BEFORE_REGIONS, *AFTER_REGIONS]}
        return Report(
            opinion=data["opinion"], regions={name: data[name] for name in REGIONS}, **texts
        )

    def before_regions(self) -> Iterator[Row]:
        return (Row(name, self[name]) for name in BEFORE_REGIONS)

    def regions(self) -> Iterator[Row]:
        return (Row(name, self[name], NORMAL[name]) for name in REGIONS)


class AddendumForm(ReportForm):
    """An addendum says why, and which text it answers."""

    # Not required: without it the service refuses in words, and the page names the newest.
    supersedes = forms.IntegerField(required=False)

    reason = forms.CharField(
        label=_("Reason for the addendum"),
        max_length=500,
        error_messages={"required": _("Say why the report is amended.")},
    )
