"""Users, roles and sites."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import action, display, register
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils.html import format_html

from diagnosis.actors import actor_of
from diagnosis.admin.door import GuardedAdmin, is_administrator, site
from diagnosis.admin.forms import NAMES, AccountForm, NewAccountForm, UserPasswordForm
from diagnosis.errors import InvalidInput
from diagnosis.models import Site
from diagnosis.services import accounts, policies

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse


@register(User, site=site)
class PneumoUserAdmin(GuardedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Users are made and changed through services.accounts, and never deleted: they signed."""

    form = AccountForm
    add_form = NewAccountForm
    fieldsets = (
        (None, {"fields": (*NAMES, "password_note")}),
        ("Roles and sites", {"fields": ("roles", "sites")}),
    )
    add_fieldsets = (
        (None, {"fields": (*NAMES, "password1", "password2")}),
        ("Roles and sites", {"fields": ("roles", "sites")}),
    )
    readonly_fields = ("password_note",)
    filter_horizontal = ()
    list_display = ("username", "first_name", "last_name", "role_names", "site_codes", "is_active")
    list_filter = ("groups", "is_active", "memberships__site")
    actions = ("issue_token", "revoke_token")

    @display(description="Password")
    def password_note(self, user: User) -> str:
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('Only its hash is stored. <a href="{}">Set a new one</a>.', address)

    @display(description="Roles")
    def role_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    @display(description="Sites")
    def site_codes(self, user: User) -> str:
        return ", ".join(sorted(member.site.code for member in user.memberships.all()))

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        return rows.prefetch_related("groups", "memberships__site")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not isinstance(obj, User):
            return is_administrator(request)
        return is_administrator(request) and accounts.may_change(by=request.user, target=obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        by, actor = request.user, actor_of(request)
        if change:
            stored = User.objects.get(pk=obj.pk)
            accounts.change_user(by=by, actor=actor, target=stored, account=form.account())
            return
        password = form.cleaned_data["password1"]
        created = accounts.create_user(
            by=by, actor=actor, account=form.account(), password=password
        )
        obj.pk = created.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Roles and sites are stored by save_model, through the service."""

    @action(description="Issue an API token: an earlier one stops to work")
    def issue_token(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        target = _the_one(rows)
        key = accounts.issue_token(by=request.user, actor=actor_of(request), target=target)
        messages.success(request, f"API token of {target}, shown only here: {key}")

    @action(description="Revoke the API token")
    def revoke_token(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        target = _the_one(rows)
        accounts.revoke_token(by=request.user, actor=actor_of(request), target=target)
        messages.success(request, f"{target} has no API token now.")

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 (Django's name)
        form_url: str = "",
    ) -> HttpResponse:
        mine = copy(self)  # one ModelAdmin serves all threads; the form is this request's
        mine.change_password_form = partial(UserPasswordForm, request.user, actor_of(request))
        return UserAdmin.user_change_password(mine, request, id, form_url)


def _the_one(rows: QuerySet[User]) -> User:
    if len(rows) != 1:
        raise InvalidInput("Choose one user.")
    return rows[0]


@register(Group, site=site)
class RoleAdmin(GuardedAdmin):
    """The roles are fixed; who has one is said at the user."""

    list_display = ("name",)
    fields = ("name",)


@register(Site, site=site)
class SiteAdmin(GuardedAdmin):
    list_display = ("code", "name")
    fields = ("code", "name", *policies.FIELDS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_administrator(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("code",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: Any) -> None:
        by, actor = request.user, actor_of(request)
        if not change:
            obj.pk = accounts.create_site(by=by, actor=actor, code=obj.code, name=obj.name).pk
        elif "name" in form.changed_data:
            accounts.rename_site(by=by, actor=actor, site=obj, name=obj.name)
        chosen = {name: getattr(obj, name) for name in policies.FIELDS}
        policies.change(user=by, actor=actor, site=obj, policies=chosen)
