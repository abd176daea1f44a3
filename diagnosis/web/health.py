"""For load balancers and monitoring, without a log-in: is the process alive, can it be used?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.http import JsonResponse
from django.views.decorators.http import require_safe

from diagnosis.services import readiness

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while this installation can be used, 503 when a fatal check fails."""
    checks = readiness.report()
    status = readiness.worst(checks)
    told = {"status": status, "checks": {name: asdict(each) for name, each in checks.items()}}
    return JsonResponse(told, status=503 if status == readiness.Health.FAILED else 200)
