"""DRF's door: the same route table as the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from diagnosis.permissions import may_open

if TYPE_CHECKING:
    from rest_framework.request import Request


class RouteRule(BasePermission):
    """May the user's role open this route? Rows are `visible_to`'s business."""

    def has_permission(self, request: Request, view: Any) -> bool:
        match = request.resolver_match
        return match is not None and may_open(request.user, match.view_name)
