"""The forms. A refusal of the domain becomes a form's own error, so that nothing typed is lost."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from diagnosis.errors import DiagnosisError
from diagnosis.models import Site
from diagnosis.models.patient import Sex
from diagnosis.permissions import sites_of
from diagnosis.services.adding_films import Addition
from diagnosis.services.intake import Submission
from diagnosis.services.opinions import FirstOpinion
from diagnosis.states import Opinion, Priority
from diagnosis.web import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.core.files.uploadedfile import UploadedFile

    from diagnosis.permissions import User

T = TypeVar("T")


class DomainForm(forms.Form):
    """A form whose action the domain may refuse."""

    refusal: DiagnosisError | None = None

    def carry_out(self, action: Callable[[], T]) -> T | None:
        """Run the action when the form is valid; None when either said no, see `status`."""
        if not self.is_valid():
            return None
        try:
            return action()
        except DiagnosisError as error:
            self.refusal = error
            field = error.details.get("field")
            self.add_error(field if field in self.fields else None, error.message)
            return None

    @property
    def status(self) -> int:
        """The HTTP status that fits what the form has to say."""
        if self.refusal is not None:
            return self.refusal.http_status
        return 422 if self.errors else 200


class FilmsInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilmsField(forms.FileField):
    """One or more files; each is bounded when it is read, not here, so that each gets a code."""

    widget = FilmsInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        files = list(data) if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            raise forms.ValidationError("Add at least one film.", code="required")
        return files


def spoken_choices(vocabulary: type, spoken: Mapping[str, T]) -> list[tuple[str, T]]:
    return [(word, spoken[word]) for word in vocabulary]  # type: ignore[attr-defined]


class FilmsForm(DomainForm):
    """Films to send, and what the domain says of them."""

    films = FilmsField(
        widget=FilmsInput({"accept": ".jpg,.jpeg,.png,.dcm,image/jpeg,image/png,application/dicom"})
    )
    confirm_mismatch = forms.BooleanField(required=False)
    idempotency_key = forms.CharField(max_length=100, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"idempotency_key": secrets.token_hex(16)})
        super().__init__(*args, **kwargs)
        self.auto_id = "%s"
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"{name}-error"

    def contents(self) -> list[bytes]:
        """The films' bytes."""
        return [_bounded(film) for film in self.cleaned_data["films"]]

    @property
    def refused_films(self) -> list[dict[str, Any]]:
        """A code and message per film, when no film was accepted."""
        films: list[dict[str, Any]] = self._details("NO_USABLE_FILM", "TOO_LARGE").get("films", [])
        return films

    @property
    def mismatch(self) -> list[str]:
        """In which fields film or record differ from the form, in sentences without values."""
        details = self._details("PATIENT_MISMATCH")
        lines = [
            f"Film {film['film']} differs in: {words.fields(film['fields'])}."
            for film in details.get("films", [])
        ]
        if record := details.get("patient_record"):
            lines.append(
                f"The patient known under this MRN differs in: {words.fields(record)}. "
                "The stored record stays as it is."
            )
        return lines

    def _details(self, *codes: str) -> dict[str, Any]:
        """Of a refusal with one of these codes; else nothing."""
        if self.refusal is None or self.refusal.code not in codes:
            return {}
        return self.refusal.details


class SubmitForm(FilmsForm):
    """A study to submit: the patient, why, how urgent, and the films."""

    site = forms.ModelChoiceField(Site.objects.none(), empty_label=None)
    mrn = forms.CharField(label="MRN", max_length=64, help_text="Medical record number")
    name = forms.CharField(label="Patient name", max_length=200)
    birth_date = forms.DateField(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    sex = forms.ChoiceField(choices=[("", "Choose…"), *spoken_choices(Sex, words.SEXES)])
    accession_number = forms.CharField(max_length=64, required=False)
    priority = forms.ChoiceField(
        choices=spoken_choices(Priority, words.PRIORITIES),
        initial=Priority.ROUTINE,
        widget=forms.RadioSelect,
    )
    indication = forms.CharField(
        max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = sites_of(user)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        self.one_site = sites.first() if sites.count() == 1 else None
        if self.one_site:
            self.fields["site"].initial = self.one_site.pk
        for name, field in self.fields.items():
            if name not in {"birth_date", "priority", "sex"}:
                field.widget.attrs["autocomplete"] = "off"

    def submission(self) -> Submission:
        """The form as the domain takes it; reads the films' bytes."""
        return Submission(**{**self.cleaned_data, "films": self.contents()})


class AddFilmsForm(FilmsForm):
    """Further films for a study."""

    def addition(self) -> Addition:
        return Addition(**{**self.cleaned_data, "films": self.contents()})


def _bounded(file: UploadedFile[Any]) -> bytes:
    """At most one byte over the limit: enough for the domain to refuse the film by its size."""
    data: bytes = file.read(settings.MAX_FILM_BYTES + 1)
    return data


class OpinionForm(DomainForm):
    """An opinion, how sure it is, and what was marked on the films."""

    opinion = forms.ChoiceField(
        choices=[(word, words.OPINIONS[word]) for word in Opinion],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an opinion.")},
    )
    confidence = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=80,
        widget=forms.NumberInput({"type": "range", "step": 5}),
    )
    regions = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "opinion-%s"

    def clean_regions(self) -> list[Any]:
        try:
            regions = json.loads(self.cleaned_data["regions"] or "[]")
        except json.JSONDecodeError:
            regions = None
        if not isinstance(regions, list) or not all(isinstance(one, dict) for one in regions):
            raise forms.ValidationError(_("The marked regions cannot be read. Mark them again."))
        return regions

    def first(self) -> FirstOpinion:
        return FirstOpinion(**self.cleaned_data)
