"""Roles, sites and object rules, in one place.

Two questions are answered here and nowhere else: may this role open this route (`ROUTES`), and
which rows may this user see (`visible_to`). Every query starts from the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Model, QuerySet

from diagnosis.errors import NotPermitted
from diagnosis.models import (
    AuditEvent,
    CriticalFinding,
    Image,
    Job,
    Patient,
    Reading,
    Result,
    Site,
    Study,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.auth.models import User as Account

    User = Account | AnonymousUser

M = TypeVar("M", bound=Model)


class Role(StrEnum):
    """Each role is a Django group of this name, made by a migration."""

    SUBMITTER = "Submitter"
    RADIOLOGIST = "Radiologist"
    ADMINISTRATOR = "Administrator"
    AUDITOR = "Auditor"


EVERYBODY = None  # also without a login
STAFF = frozenset(Role)
CLINICAL = frozenset({Role.SUBMITTER, Role.RADIOLOGIST})
WORKLIST = frozenset({Role.SUBMITTER, Role.RADIOLOGIST, Role.ADMINISTRATOR})

# Route name -> the roles that may open it. A route without an entry is refused to everybody, and
# tests/integration/test_routes.py fails on it.
ROUTES: dict[str, frozenset[Role] | None] = {
    "login": EVERYBODY,
    "logout": EVERYBODY,
    "healthz": EVERYBODY,
    "readyz": EVERYBODY,
    "home": STAFF,
    "worklist": WORKLIST,
    "worklist-rows": WORKLIST,
    "worklist-search": WORKLIST,
    "saved-filters": WORKLIST,
    "next-case": frozenset({Role.RADIOLOGIST}),
    "submit": CLINICAL,
    "my-studies": CLINICAL,
    "study": WORKLIST,
    "study-films": WORKLIST,
    "study-add-films": CLINICAL,
    "study-claim": frozenset({Role.RADIOLOGIST}),
    "study-release": frozenset({Role.RADIOLOGIST}),
    "study-heartbeat": frozenset({Role.RADIOLOGIST}),
    "study-opinion": frozenset({Role.RADIOLOGIST}),
    "study-leave": frozenset({Role.RADIOLOGIST}),
    "study-sign": frozenset({Role.RADIOLOGIST}),
    "study-amend": frozenset({Role.RADIOLOGIST}),
    "notices": WORKLIST,
    "notices-bell": WORKLIST,
    "notices-seen": WORKLIST,
    "notices-undo": WORKLIST,
    "notices-email": WORKLIST,
    "study-critical": frozenset({Role.RADIOLOGIST}),
    "critical-tell": frozenset({Role.RADIOLOGIST}),
    "critical-read-back": frozenset({Role.RADIOLOGIST}),
    "critical-acknowledge": WORKLIST,
    "critical-withdraw": frozenset({Role.RADIOLOGIST}),
    "report-pdf": WORKLIST,
    "phrases": frozenset({Role.RADIOLOGIST, Role.ADMINISTRATOR}),
    "film": WORKLIST,
    "film-pixels": WORKLIST,
    "heat-map": WORKLIST,
    "agreement": frozenset({Role.RADIOLOGIST, Role.ADMINISTRATOR}),
    "agreement-csv": frozenset({Role.RADIOLOGIST, Role.ADMINISTRATOR}),
    "audit": frozenset({Role.AUDITOR, Role.ADMINISTRATOR}),
    "api-studies": WORKLIST,
    "api-study": WORKLIST,
    "api-study-films": CLINICAL,
    "api-study-readings": WORKLIST,
    "api-study-opinion": frozenset({Role.RADIOLOGIST}),
    "api-report-pdf": WORKLIST,
    "api-study-draft": frozenset({Role.RADIOLOGIST}),
    "api-next-case": frozenset({Role.RADIOLOGIST}),
    "api-queue": WORKLIST,
    "api-notices": WORKLIST,
    "api-critical": WORKLIST,
    "api-critical-acknowledge": WORKLIST,
    "api-film": WORKLIST,
    "api-heat-map": WORKLIST,
    "api-schema": STAFF,
    "api-docs": STAFF,
}
ADMIN_ROUTES = frozenset({Role.ADMINISTRATOR})


def roles_of(user: User) -> frozenset[Role]:
    """The user's roles; a superuser counts as administrator. Cached on the user object."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    cached: frozenset[Role] | None = getattr(user, "_pneumo_roles", None)
    if cached is None:
        names = set(user.groups.values_list("name", flat=True))
        cached = frozenset(role for role in Role if role in names)
        if getattr(user, "is_superuser", False):
            cached |= {Role.ADMINISTRATOR}
        user._pneumo_roles = cached  # type: ignore[attr-defined]  # noqa: SLF001
    return cached


def may_open(user: User, route: str) -> bool:
    """Whether the user's role may open the named route at all; rows are another question."""
    if route.startswith("admin:"):
        return route in {"admin:login", "admin:jsi18n"} or bool(roles_of(user) & ADMIN_ROUTES)
    if route not in ROUTES:
        return False
    allowed = ROUTES[route]
    return allowed is EVERYBODY or bool(roles_of(user) & allowed)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit trail names them."""

    id: str
    name: str
    role: str = ""
    address: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, user: User, *, address: str = "", request_id: str = "") -> Actor:
        if not user.is_authenticated:
            return cls("", "unknown", "not logged in", address, request_id)
        roles = ", ".join(sorted(roles_of(user)))
        return cls(str(user.pk), user.get_username(), roles, address, request_id)

    @classmethod
    def system(cls, name: str) -> Actor:
        """A process of ours: a worker, the sweeper, a command."""
        return cls("", name, "system")


def require(user: User, *roles: Role) -> None:
    """Raise NotPermitted unless the user has one of the roles."""
    if not roles_of(user).intersection(roles):
        needed = " or ".join(role.value.lower() for role in roles)
        raise NotPermitted(f"This needs the role {needed}.")


# From each table to the site that owns the row.
_SITE_PATH: dict[type[Model], str] = {
    Site: "pk",
    Patient: "site",
    Study: "site",
    Image: "study__site",
    Job: "image__study__site",
    Result: "job__image__study__site",
    Reading: "study__site",
    CriticalFinding: "study__site",
}


def visible_to(user: User, table: type[M]) -> QuerySet[M]:
    """The rows of `table` that the user may see: those of the sites they are a member of.

    A superuser sees every site. Anonymous and inactive users see nothing.
    """
    rows = table._default_manager.all()
    if not roles_of(user):
        return rows.none()
    if getattr(user, "is_superuser", False):
        return rows
    mine = Site.objects.filter(memberships__user=user.pk).order_by()
    if table is AuditEvent:
        # Events of no site are those of accounts and models; they concern no patient.
        return rows.filter(site__in=["", *mine.values_list("code", flat=True)])
    # As constants, which the database can estimate; behind a join it walks an index of all sites.
    sites = list(mine.values_list("pk", flat=True))
    return rows.filter(**{f"{_SITE_PATH[table]}__in": sites})


def sites_of(user: User) -> QuerySet[Site]:
    """The user's sites. Cached on the user object, as the roles are."""
    cached: QuerySet[Site] | None = getattr(user, "_pneumo_sites", None)
    if cached is None:
        cached = visible_to(user, Site)
        user._pneumo_sites = cached  # type: ignore[union-attr]  # noqa: SLF001
    return cached


def details_of(user: Any) -> dict[str, bool]:
    """What templates ask of a user's roles."""
    roles = roles_of(user)
    return {role.name.lower(): role in roles for role in Role}
