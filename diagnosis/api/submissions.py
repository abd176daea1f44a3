"""Further films for a study, as a route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.actors import actor_of
from diagnosis.api import answers
from diagnosis.api.requests import key_of, valid
from diagnosis.queries import studies
from diagnosis.services import adding_films

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from diagnosis.services.adding_films import Addition

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="A repeated key adds nothing; with other content it is 409.",
)


class FilmsForm(serializers.Serializer[Any]):
    """Films for a study that is still to read, as multipart/form-data; `films` is repeated."""

    films = serializers.ListField(child=serializers.FileField(allow_empty_file=True), min_length=1)
    confirm_mismatch = serializers.BooleanField(
        default=False, help_text="Somebody checked that the films are this patient's."
    )

    def addition(self, key: str) -> Addition:
        fields = self.validated_data
        return adding_films.Addition(
            films=[film.read() for film in fields["films"]],
            confirm_mismatch=fields["confirm_mismatch"],
            idempotency_key=key,
        )


class AddedAnswer(serializers.Serializer[Any]):
    """The study, and a code for each film of this request."""

    uid = serializers.UUIDField(source="study.uid")
    state = serializers.CharField(source="study.state")
    films = answers.ReportedFilmAnswer(many=True, source="report")


class StudyFilmsView(APIView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="studies_films_add",
        parameters=[_IDEMPOTENCY_KEY],
        request={"multipart/form-data": FilmsForm},
        responses={
            (201, "application/json"): AddedAnswer,
            (200, "application/json"): AddedAnswer,
            **dict.fromkeys([403, 404, 409, 413, 422, 429, 503, 507], answers.ErrorAnswer),
        },
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Add films to a study. 201: at least one is stored and queued; 200: seen before."""
        study = studies.get(request.user, uid)
        form = valid(FilmsForm, request.data)
        added, is_new = adding_films.add_films(
            user=request.user,
            actor=actor_of(request),
            study=study,
            addition=form.addition(key_of(request)),
        )
        return Response(AddedAnswer(added).data, status=201 if is_new else 200)
