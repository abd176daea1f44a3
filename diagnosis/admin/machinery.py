"""Jobs, model versions and workers, with the few actions that services offer on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter, action, register
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q
from django.template.response import TemplateResponse

from diagnosis.actors import actor_of
from diagnosis.admin.cases import StudyBoundAdmin
from diagnosis.admin.door import GuardedAdmin, site
from diagnosis.admin.forms import ReasonForm
from diagnosis.errors import DiagnosisError, InvalidInput
from diagnosis.models import Job, ModelVersion, WorkerHeartbeat
from diagnosis.services import jobs, model_versions
from diagnosis.states import JobCode, JobStatus
from ml.contracts import GateCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import Study


def with_reason(
    model_admin: GuardedAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    verb: str,
    act: Callable[[Any, str], object],
) -> HttpResponse | None:
    """Ask why, then act on each row; what a service refuses is told, and the others go on."""
    form = ReasonForm(request.POST if "confirmed" in request.POST else None)
    if not form.is_valid():
        return _question(model_admin, request, rows, verb, form)
    for row in rows:
        try:
            act(row, form.cleaned_data["reason"])
        except DiagnosisError as refusal:
            messages.error(request, f"{row}: {refusal.message}")
        else:
            messages.success(request, f"{row}: {verb}, done.")
    return None


def _question(
    model_admin: GuardedAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    verb: str,
    form: ReasonForm,
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{verb.capitalize()}: why?",
        "opts": model_admin.opts,
        "rows": rows,
        "form": form,
        "action": request.POST["action"],
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/diagnosis/reason.html", context)


class CodeFilter(SimpleListFilter):
    """Every code that there is; to look for those in use would read all jobs."""

    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(code), str(code)) for code in (*JobCode, *GateCode)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(code=self.value()) if self.value() else queryset


@register(Job, site=site)
class JobAdmin(StudyBoundAdmin):
    list_display = (
        "id",
        "image",
        "status",
        "code",
        "attempt",
        "crashes",
        "errors",
        "worker",
        "created_at",
        "finished_at",
    )
    list_filter = ("status", CodeFilter)
    list_select_related = ("image__study__site",)
    actions = ("resubmit", "cancel")
    told_by = "image__study"

    def tells(self) -> Q:
        return Q(status__in=[JobStatus.SUCCEEDED, JobStatus.NOT_ASSESSABLE])

    def study_of(self, obj: Job) -> Study:
        return obj.image.study

    @action(description="Resubmit: analyse the film again")
    def resubmit(self, request: HttpRequest, rows: QuerySet[Job]) -> HttpResponse | None:
        actor = actor_of(request)
        return with_reason(
            self,
            request,
            rows,
            verb="resubmit",
            act=lambda job, why: model_versions.resubmit(job=job, actor=actor, reason=why),
        )

    @action(description="Cancel: end the job without a result")
    def cancel(self, request: HttpRequest, rows: QuerySet[Job]) -> HttpResponse | None:
        actor = actor_of(request)
        return with_reason(
            self,
            request,
            rows,
            verb="cancel",
            act=lambda job, why: jobs.cancel(job=job, actor=actor, reason=why),
        )


@register(ModelVersion, site=site)
class ModelVersionAdmin(GuardedAdmin):
    list_display = ("name", "version", "stage", "digest", "registered_at")
    list_filter = ("stage",)
    actions = ("activate",)

    @action(description="Activate: analyse with this version from now on")
    def activate(self, request: HttpRequest, rows: QuerySet[ModelVersion]) -> HttpResponse | None:
        actor = actor_of(request)
        if rows.count() != 1:
            raise InvalidInput("Choose one model version to activate.")
        return with_reason(
            self,
            request,
            rows,
            verb="activate",
            act=lambda version, why: model_versions.activate(
                actor=actor, version=version, reason=why
            ),
        )


@register(WorkerHeartbeat, site=site)
class WorkerHeartbeatAdmin(GuardedAdmin):
    list_display = ("name", "engine", "model_digest", "started_at", "seen_at", "films_done")
