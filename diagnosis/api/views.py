"""The routes. Refusals are raised; api/errors.py answers for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.actors import actor_of
from diagnosis.api import answers, queues
from diagnosis.api.requests import (
    FilmQuery,
    OpinionForm,
    ReadingForm,
    StudyForm,
    WorklistQuery,
    key_of,
    valid,
)
from diagnosis.permissions import Role, require
from diagnosis.queries import queue, studies
from diagnosis.services import claims, intake, opinions, readings, viewing

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="A repeated key returns the study that it made; with other content it is 409.",
)
_REFUSED = answers.ErrorAnswer
_PNG = {(200, "image/png"): OpenApiTypes.BINARY, 404: _REFUSED}


class StudiesView(APIView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="studies_list", parameters=[WorklistQuery], responses=answers.WorklistAnswer
    )
    def get(self, request: Request) -> Response:
        """The worklist, in its order, 25 studies a page."""
        query = valid(WorklistQuery, request.query_params)
        page = viewing.worklist_page(
            user=request.user,
            actor=actor_of(request),
            chosen=query.chosen(),
            after=query.after_uid,
        )
        found = {"next": page.next_cursor, "cut": page.cut or "", "results": page.studies}
        return Response(answers.WorklistAnswer(found).data)

    @extend_schema(
        operation_id="studies_submit",
        parameters=[_IDEMPOTENCY_KEY],
        request={"multipart/form-data": StudyForm},
        responses={
            (201, "application/json"): answers.AcceptedAnswer,
            (200, "application/json"): answers.AcceptedAnswer,
            **dict.fromkeys([403, 409, 413, 422, 429, 503, 507], _REFUSED),
        },
    )
    def post(self, request: Request) -> Response:
        """Submit a study. 201: at least one film is stored and queued; 200: seen before."""
        require(request.user, Role.SUBMITTER, Role.RADIOLOGIST)
        form = valid(StudyForm, request.data)
        submission = form.submission(request.user, key_of(request))
        study, is_new = intake.submit(
            user=request.user, actor=actor_of(request), submission=submission
        )
        return Response(answers.AcceptedAnswer(study).data, status=201 if is_new else 200)


class QueueView(APIView):
    @extend_schema(responses=queues.QueueAnswer)
    def get(self, request: Request) -> Response:
        """How many films wait, and how long a new one is expected to."""
        return Response(queues.QueueAnswer(queue.state()).data)


class StudyView(APIView):
    @extend_schema(responses={200: answers.StudyAnswer, 404: _REFUSED})
    def get(self, request: Request, uid: UUID) -> Response:
        """One study with its films, their results, and the signed readings, newest first."""
        study = viewing.study(user=request.user, actor=actor_of(request), uid=uid)
        return Response(answers.StudyAnswer(study, context={"request": request}).data)


class NextCaseView(APIView):
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(
        operation_id="next_case",
        request=None,
        responses={
            200: answers.StudyAnswer,
            204: OpenApiResponse(description="Nothing to read."),
            403: _REFUSED,
        },
    )
    def post(self, request: Request) -> Response:
        """Take the most pressing case that is free for you; first of all the one that you hold.

        It is yours for two minutes; ask again to hold it for longer. 204: nothing to read.
        """
        user, actor = request.user, actor_of(request)
        found = claims.next_case(user=user, actor=actor)
        if found is None:
            return Response(status=204)
        study = viewing.study(user=user, actor=actor, uid=found.uid)
        return Response(answers.StudyAnswer(study, context={"request": request}).data)


class ReadingsView(APIView):
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(
        request=ReadingForm,
        responses={201: answers.SignedAnswer, **dict.fromkeys([403, 404, 409, 422, 429], _REFUSED)},
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Sign the reading that the case waits for, or add an addendum to a signed one."""
        require(request.user, Role.RADIOLOGIST)
        study = studies.get(request.user, uid)
        form = valid(ReadingForm, request.data)
        fields = form.validated_data
        signature: dict[str, Any] = {
            "user": request.user,
            "actor": actor_of(request),
            "study": study,
            "report": form.report(),
            "password": fields["password"],
        }
        if fields["addendum"]:
            answers_to = {name: fields[name] for name in ("reason", "supersedes")}
            reading = readings.amend(**signature, **answers_to)
        else:
            reading = readings.sign(**signature, revision=fields["revision"])
        signed = {"state": reading.study.state, "reading": reading}
        return Response(answers.SignedAnswer(signed).data, status=201)


class OpinionView(APIView):
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(
        request=OpinionForm,
        responses={201: answers.OpinionAnswer, **dict.fromkeys([403, 404, 409, 422], _REFUSED)},
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Store the first opinion, once; from then on the model's result is shown to the reader."""
        study = studies.get(request.user, uid)
        form = valid(OpinionForm, request.data)
        user, actor = request.user, actor_of(request)
        reading = opinions.store(user=user, actor=actor, study=study, first=form.first())
        return Response(answers.OpinionAnswer(reading).data, status=201)


class _AnyAccept(BaseContentNegotiation):
    """A picture is a picture whatever the client says that it accepts; errors are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class FilmView(APIView):
    content_negotiation_class = _AnyAccept

    @extend_schema(parameters=[FilmQuery], responses=_PNG)
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """The film, upright, as 8-bit gray PNG."""
        query = valid(FilmQuery, request.query_params)
        side = query.validated_data["max_side"]
        actor = actor_of(request)
        picture = viewing.film_png(user=request.user, actor=actor, uid=uid, max_side=side)
        return HttpResponse(picture, "image/png")


class HeatMapView(APIView):
    content_negotiation_class = _AnyAccept

    @extend_schema(responses=_PNG)
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """The current result's evidence as RGBA PNG. Research use only, not a diagnosis."""
        picture = viewing.heat_map_png(user=request.user, actor=actor_of(request), uid=uid)
        return HttpResponse(picture, "image/png")


class ReportView(APIView):
    content_negotiation_class = _AnyAccept

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY, 404: _REFUSED})
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """The signed report with its addenda. 404 NOT_REPORTED: it still waits for a reading."""
        document = viewing.report_pdf(user=request.user, actor=actor_of(request), uid=uid)
        return HttpResponse(document, "application/pdf")
