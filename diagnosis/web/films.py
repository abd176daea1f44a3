"""The film as 8-bit PNG and at its full depth, and the heat map to lay over it. Reads are audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from diagnosis.actors import actor_of
from diagnosis.services import viewing
from diagnosis.web import film_pixels

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

# Longest side in pixels. "first" is what the viewer shows until it has the full depth.
_SIDES = {"thumb": 256, "first": 1024, "page": 2048}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}


@require_safe
def film(request: HttpRequest, uid: UUID) -> HttpResponse:
    side = _SIDES.get(request.GET.get("size", "page"), _SIDES["page"])
    actor = actor_of(request)
    return _png(viewing.film_png(user=request.user, actor=actor, uid=uid, max_side=side))


@require_safe
def pixels(request: HttpRequest, uid: UUID) -> HttpResponse:
    actor = actor_of(request)
    image, deep = viewing.film_at_full_depth(user=request.user, actor=actor, uid=uid)
    body = film_pixels.packed(image, deep)
    response = HttpResponse(content_type="application/octet-stream", headers=_HEADERS)
    patch_vary_headers(response, ["Accept-Encoding"])
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response["Content-Encoding"] = "gzip"
        body = film_pixels.zipped(body)
    response.content = b"".join(body)
    return response


@require_safe
def heat_map(request: HttpRequest, uid: UUID) -> HttpResponse:
    """In colour, or with `?scale=gray` for a viewer that colours it."""
    in_colour = request.GET.get("scale") != "gray"
    actor = actor_of(request)
    return _png(viewing.heat_map_png(user=request.user, actor=actor, uid=uid, in_colour=in_colour))


def _png(picture: bytes) -> HttpResponse:
    return HttpResponse(picture, content_type="image/png", headers=_HEADERS)
