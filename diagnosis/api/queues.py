"""What the API tells of the queue."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.states import Priority

if TYPE_CHECKING:
    from diagnosis.queries.queue import Queue


class ExpectedWait(serializers.Serializer[Any]):
    """Seconds until what waits now, up to this priority, is analysed; null: not known."""

    STAT = serializers.IntegerField(allow_null=True)
    URGENT = serializers.IntegerField(allow_null=True)
    ROUTINE = serializers.IntegerField(allow_null=True)


class QueueAnswer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(source="depth", help_text="Films of all sites.")
    running = serializers.IntegerField(help_text="Films being analysed.")
    workers = serializers.IntegerField(help_text="Those that gave a sign of life.")
    expected_wait_seconds = serializers.SerializerMethodField()
    unknown_because = serializers.CharField(help_text="Why no wait is told; else empty.")

    @extend_schema_field(ExpectedWait)
    def get_expected_wait_seconds(self, queue: Queue) -> dict[str, int | None]:
        waits = {priority: queue.expected_wait(priority) for priority in Priority}
        return {
            str(priority): None if wait is None else math.ceil(wait.total_seconds())
            for priority, wait in waits.items()
        }
