"""The page on which readers and administrators keep their phrases for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from diagnosis.actors import actor_of
from diagnosis.models import Site
from diagnosis.permissions import Role, roles_of, sites_of
from diagnosis.queries import phrases as queries
from diagnosis.report import SECTIONS
from diagnosis.services import phrases as service
from diagnosis.web.forms import DomainForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import ReportPhrase
    from diagnosis.permissions import User


class PhraseForm(DomainForm):
    """`site` is offered to administrators, and none to readers."""

    site = forms.ModelChoiceField(Site.objects.none(), required=False, label=_("For"))
    key = forms.CharField(
        max_length=32, label=_("Key"), help_text=_("Small letters, digits and hyphens.")
    )
    section = forms.ChoiceField(
        choices=[("", _("Wherever it is typed")), *SECTIONS.items()],
        required=False,
        label=_("Section"),
    )
    text = forms.CharField(max_length=2000, label=_("Text"), widget=forms.Textarea({"rows": 3}))
    phrase = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "phrase-%s"
        roles = roles_of(user)
        field: Any = self.fields["site"]
        field.empty_label = _("Myself") if Role.RADIOLOGIST in roles else None
        field.required = Role.RADIOLOGIST not in roles
        if Role.ADMINISTRATOR in roles:
            field.queryset = sites_of(user)
        for name in self.fields:
            self.fields[name].widget.attrs["aria-describedby"] = f"phrase-{name}-error"

    def phrase_to_save(self) -> service.Phrase:
        names = ("site", "key", "section", "text")
        return service.Phrase(**{name: self.cleaned_data[name] for name in names})


@require_http_methods(["GET", "HEAD", "POST"])
def phrases(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, PhraseForm(initial=_to_edit(request), user=request.user))
    if "delete" in request.POST:
        return _delete(request)
    form = PhraseForm(request.POST, user=request.user)
    if form.carry_out(lambda: _save(request, form)) is None:
        return _page(request, form)
    messages.success(request, _("Phrase saved."))
    return redirect("phrases")


def _to_edit(request: HttpRequest) -> dict[str, Any]:
    chosen = request.GET.get("edit", "")
    if not chosen.isdecimal():
        return {}
    row = service.find(user=request.user, phrase_id=int(chosen))
    texts = {name: getattr(row, name) for name in ("site", "key", "section", "text")}
    return {**texts, "phrase": row.pk}


def _save(request: HttpRequest, form: PhraseForm) -> ReportPhrase:
    return service.save(
        user=request.user,
        actor=actor_of(request),
        phrase=form.phrase_to_save(),
        phrase_id=form.cleaned_data["phrase"],
    )


def _delete(request: HttpRequest) -> HttpResponse:
    chosen = request.POST["delete"]
    key = int(chosen) if chosen.isdecimal() else 0
    service.delete(user=request.user, actor=actor_of(request), phrase_id=key)
    messages.success(request, _("Phrase deleted."))
    return redirect("phrases")


def _page(request: HttpRequest, form: PhraseForm) -> HttpResponse:
    def shown(rows: Any) -> list[tuple[ReportPhrase, Any]]:
        return [(row, SECTIONS.get(row.section, "")) for row in rows]

    context = {
        "form": form,
        "own": shown(queries.own(request.user)),
        "of_sites": shown(queries.of_sites(request.user)),
        "built_in": [(one, one.heading) for one in queries.built_in()],
    }
    return render(request, "phrases.html", context, status=form.status)
