"""What every template may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diagnosis.permissions import details_of

if TYPE_CHECKING:
    from django.http import HttpRequest


def roles(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    return {"roles": details_of(user) if user is not None else {}}
