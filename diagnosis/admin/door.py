"""The door of the admin pages, and what every page behind it keeps to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.views import PasswordChangeView, redirect_to_login
from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.functional import cached_property

from diagnosis.actors import actor_of
from diagnosis.admin.forms import OwnPasswordForm
from diagnosis.permissions import Role, roles_of, visible_to
from diagnosis.services import audit, readiness, viewing

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.template.response import TemplateResponse

    from diagnosis.models import Site


MOST_LISTED = 2000


def is_administrator(request: HttpRequest) -> bool:
    return Role.ADMINISTRATOR in roles_of(request.user)


class PneumoAdminSite(AdminSite):
    """Opened by the role alone; `is_staff` or a Django permission opens nothing."""

    site_header = "Pneumo administration"
    site_title = "Pneumo administration"
    index_title = "Records and accounts"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """What is not well stands above the list: the first page is the one that is looked at."""
        return super().index(request, {"alarms": readiness.alarms(), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one login page, so that whatever guards it guards this door, too."""
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm.bound_to(actor_of(request)),
            success_url=reverse("admin:password_change_done"),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)  # type: ignore[return-value]


site = PneumoAdminSite(name="admin")
site.disable_action("delete_selected")


class BriefPaginator(Paginator):  # type: ignore[type-arg]
    """Counts as far as anybody pages: what is older is found by a filter or a search."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_LISTED].count())


class GuardedAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Seen by administrators; nothing is added, changed or deleted unless a subclass says how."""

    paginator = BriefPaginator
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CaseAdmin(GuardedAdmin):
    """Rows of patients: those of the administrator's own sites, and each look is audited.

    `list_select_related` reaches the site, so that a list asks for it once. The newest come first,
    which no database has to sort.
    """

    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = visible_to(request.user, self.model)
        return rows.order_by(*self.get_ordering(request))

    def site_of(self, obj: Any) -> Site:
        raise NotImplementedError

    def study_of(self, obj: Any) -> Any:
        return None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        listed = getattr(response, "context_data", {}).get("cl")
        if listed is not None:  # not the answer to an action
            viewing.admin_listed(
                actor=actor_of(request),
                model=str(self.opts.model_name),
                sites={self.site_of(row) for row in listed.result_list},
            )
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        seen = self.get_object(request, object_id)
        if seen is not None:
            audit.record(
                actor=actor_of(request),
                action="ADMIN_VIEWED",
                target=seen,
                study=self.study_of(seen),
                site=self.site_of(seen).code,
            )
        return response
