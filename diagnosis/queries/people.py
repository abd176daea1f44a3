"""Who works at a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User as Account

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from diagnosis.permissions import Role


def members(site_id: int, *roles: Role) -> QuerySet[Account]:
    """Active users of a site with one of the roles."""
    of_site = Account.objects.filter(is_active=True, memberships__site=site_id)
    return of_site.filter(groups__name__in=roles).distinct()
