"""The caller's notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.queries import notices as query

if TYPE_CHECKING:
    from rest_framework.request import Request


class NoticeAnswer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    study = serializers.UUIDField(source="study.uid", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True)


class NoticesAnswer(serializers.Serializer[Any]):
    unseen = serializers.IntegerField(help_text="100 stands for more than 99.")
    next = serializers.CharField(help_text="Give it as `before`; empty at the end.")
    results = NoticeAnswer(many=True)


class NoticesView(APIView):
    @extend_schema(
        operation_id="notices_list",
        parameters=[OpenApiParameter("before", description="`next` of the page before.")],
        responses=NoticesAnswer,
    )
    def get(self, request: Request) -> Response:
        """The caller's notifications, newest first, 50 a page."""
        page = query.page(request.user, before=request.query_params.get("before", ""))
        found = {
            "unseen": query.unseen(request.user),
            "next": page.next_cursor,
            "results": page.notices,
        }
        return Response(NoticesAnswer(found).data)
