"""Critical findings that wait for the caller, and their acknowledgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.actors import actor_of
from diagnosis.api.answers import ErrorAnswer
from diagnosis.queries import critical as query
from diagnosis.services import critical

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request


class CriticalAnswer(serializers.Serializer[Any]):
    uid = serializers.UUIDField()
    study = serializers.UUIDField(source="study.uid")
    kind = serializers.CharField()
    text = serializers.CharField()
    status = serializers.CharField()
    identified_at = serializers.DateTimeField()
    acknowledge_by = serializers.DateTimeField(help_text="When it escalates.")
    escalated_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)


class CriticalView(APIView):
    @extend_schema(operation_id="critical_list", responses=CriticalAnswer(many=True))
    def get(self, request: Request) -> Response:
        """Critical findings that wait for the caller, the most pressing first."""
        return Response(CriticalAnswer(query.to_acknowledge(request.user), many=True).data)


class AcknowledgeView(APIView):
    @extend_schema(
        request=None,
        responses={200: CriticalAnswer, **dict.fromkeys([403, 404, 409], ErrorAnswer)},
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Say that the caller knows of the finding. Once more changes nothing."""
        finding = query.get(request.user, uid)
        critical.acknowledge(user=request.user, actor=actor_of(request), finding=finding)
        return Response(CriticalAnswer(query.get(request.user, uid)).data)
