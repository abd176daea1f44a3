"""System checks: a wrong set-up is told at start, with an id and a hint."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def production_key(**_kwargs: Any) -> list[CheckMessage]:
    if "insecure" in settings.SECRET_KEY:
        return [
            Error(
                "PNEUMO_SECRET_KEY is the development key.",
                hint="Set PNEUMO_SECRET_KEY (or PNEUMO_SECRET_KEY_FILE) to a long random text.",
                id="pneumo.E001",
            )
        ]
    return []


@register()
def lease_outlasts_heartbeat(**_kwargs: Any) -> list[CheckMessage]:
    if settings.HARD_LIMIT < settings.LEASE:
        return [
            Error(
                "PNEUMO_HARD_LIMIT is shorter than PNEUMO_LEASE.",
                hint="A hung analysis must lose its lease; give the limit at least the lease's time.",
                id="pneumo.E002",
            )
        ]
    return []


@register()
def fake_engine_is_for_development(**_kwargs: Any) -> list[CheckMessage]:
    if settings.ENGINE == "fake" and not settings.DEBUG:
        return [
            Error(
                "PNEUMO_ENGINE=fake invents scores and is for tests only.",
                hint="Unset PNEUMO_ENGINE, or set DEBUG=1 on a test machine.",
                id="pneumo.E003",
            )
        ]
    return []
