"""Pictures: the film as 8-bit PNG, and the heat map to lay over it. Both reads are audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from diagnosis.actors import actor_of
from diagnosis.services import viewing

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

# Longest side in pixels. The page shows a film at screen size; a later viewer asks for all of it.
_SIDES = {"thumb": 256, "page": 2048}


@require_safe
def film(request: HttpRequest, uid: UUID) -> HttpResponse:
    side = _SIDES.get(request.GET.get("size", "page"), _SIDES["page"])
    actor = actor_of(request)
    return _png(viewing.film_png(user=request.user, actor=actor, uid=uid, max_side=side))


@require_safe
def heat_map(request: HttpRequest, uid: UUID) -> HttpResponse:
    return _png(viewing.heat_map_png(user=request.user, actor=actor_of(request), uid=uid))


def _png(picture: bytes) -> HttpResponse:
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return HttpResponse(picture, content_type="image/png", headers=headers)
