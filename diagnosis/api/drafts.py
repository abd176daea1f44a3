"""The reader's draft of a report; the study page saves through here, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.actors import actor_of
from diagnosis.api.answers import DraftAnswer, ErrorAnswer
from diagnosis.api.requests import DraftForm, DraftQuery, valid
from diagnosis.queries import drafts as queries
from diagnosis.queries import studies
from diagnosis.report import Report
from diagnosis.services import drafts

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request


_NONE = {"kind": "", **Report().columns(), "revision": 0, "saved_at": None}


class DraftView(APIView):
    @extend_schema(responses={200: DraftAnswer, 404: ErrorAnswer})
    def get(self, request: Request, uid: UUID) -> Response:
        """One's own draft of the reading that the case waits for; blank where there is none."""
        draft = queries.mine(request.user, studies.get(request.user, uid))
        return Response(DraftAnswer(draft or _NONE).data)

    @extend_schema(
        request=DraftForm,
        responses={200: DraftAnswer, **dict.fromkeys([403, 404, 409, 422], ErrorAnswer)},
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Keep what is typed. 409 DRAFT_CHANGED: it was saved elsewhere since this revision."""
        study = studies.get(request.user, uid)
        form = valid(DraftForm, request.data)
        form.require_reader(request.user)
        draft = drafts.save(
            user=request.user,
            actor=actor_of(request),
            study=study,
            report=form.report(),
            revision=form.validated_data["revision"],
        )
        return Response(DraftAnswer(draft).data)

    @extend_schema(
        parameters=[DraftQuery],
        responses={204: None, **dict.fromkeys([403, 404, 409, 422], ErrorAnswer)},
    )
    def delete(self, request: Request, uid: UUID) -> Response:
        """Empty the draft. A first opinion on it stays."""
        study = studies.get(request.user, uid)
        query = valid(DraftQuery, request.query_params)
        drafts.discard(
            user=request.user,
            actor=actor_of(request),
            study=study,
            revision=query.validated_data["revision"],
        )
        return Response(status=204)
