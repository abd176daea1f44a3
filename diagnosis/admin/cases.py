"""Patients, studies, films, results, readings and the trail: to look at, never to touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import RelatedFieldListFilter, register
from django.db.models import Q

from diagnosis.admin.door import CaseAdmin, GuardedAdmin, site
from diagnosis.models import AuditEvent, Image, Patient, Reading, Result, Study
from diagnosis.permissions import sites_of, visible_to
from diagnosis.queries import blinding

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from diagnosis.models import Site


class OwnSitesFilter(RelatedFieldListFilter):
    """The administrator's sites, whether or not they have a row: to look would read them all."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        mine = {"pk__in": sites_of(request.user)}
        return field.get_choices(include_blank=False, limit_choices_to=mine)


_OWN_SITES = ("site", OwnSitesFilter)


@register(Patient, site=site)
class PatientAdmin(CaseAdmin):
    list_display = ("mrn", "name", "birth_date", "sex", "site")
    list_filter = (_OWN_SITES,)
    list_select_related = ("site",)

    def site_of(self, obj: Patient) -> Site:
        return obj.site


class StudyBoundAdmin(CaseAdmin):
    """Rows that belong to one study.

    `told_by` is the way to the study from a row that tells what model or reader said of it: such rows
    of open cases that hide it are left out.
    """

    told_by = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if not self.told_by:
            return rows
        return rows.exclude(self.tells() & blinding.is_blind(f"{self.told_by}__"))

    def tells(self) -> Q:
        """Which of the rows tell it."""
        return Q()

    def site_of(self, obj: Any) -> Site:
        owner: Site = self.study_of(obj).site
        return owner


@register(Study, site=site)
class StudyAdmin(StudyBoundAdmin):
    list_display = (
        "uid",
        "site",
        "priority",
        "state",
        "is_overdue",
        "submitted_at",
    )
    list_filter = (_OWN_SITES, "state", "priority")
    # What the model said, or whether a reader disagreed with it, is hidden in an open case.
    exclude = ("ai_unavailable", "needs_new_film", "reads_required", "second_read_reason")
    list_select_related = ("site",)
    search_fields = ("uid", "accession_number")

    def study_of(self, obj: Study) -> Study:
        return obj


@register(Image, site=site)
class ImageAdmin(StudyBoundAdmin):
    list_display = ("uid", "study", "position", "format", "width", "height", "size_bytes")
    list_filter = ("seen_under_other_patient",)
    list_select_related = ("study__site",)

    def study_of(self, obj: Image) -> Study:
        return obj.study


@register(Result, site=site)
class ResultAdmin(StudyBoundAdmin):
    list_display = ("job", "probability", "threshold", "is_late", "engine", "created_at")
    list_filter = ("is_late",)
    told_by = "job__image__study"
    list_select_related = ("job__image__study__site",)

    def study_of(self, obj: Result) -> Study:
        return obj.job.image.study


@register(Reading, site=site)
class ReadingAdmin(StudyBoundAdmin):
    list_display = ("study", "reader", "kind", "opinion", "signed_at")
    list_filter = ("kind", "opinion")
    told_by = "study"
    list_select_related = ("study__site", "reader")

    def study_of(self, obj: Reading) -> Study:
        return obj.study


@register(AuditEvent, site=site)
class AuditEventAdmin(GuardedAdmin):
    list_display = (
        "at",
        "actor_name",
        "actor_role",
        "action",
        "object_type",
        "object_id",
        "site",
        "outcome",
    )
    list_filter = ("outcome",)
    search_fields = ("=action", "study", "object_id", "actor_name", "request_id")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return visible_to(request.user, AuditEvent).order_by("-id")
