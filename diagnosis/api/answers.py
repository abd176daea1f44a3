"""What the API tells, as serializers. Each answer that shows a result carries `research_use`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.api import queues
from diagnosis.queries import blinding, queue, studies
from diagnosis.queries.looking import Cut
from diagnosis.states import TERMINAL_JOB, JobStatus, Opinion, label_of

if TYPE_CHECKING:
    from diagnosis.models import Image, Job, Result, Study

RESEARCH_USE = "Research use only, not a diagnosis."
HIDDEN = "HIDDEN"
_OF_THE_MODEL = ("ai_unavailable", "needs_new_film", "probability", "threshold", "label")
NEVER_QUEUED = "WAITING_FOR_MODEL"  # accepted while no model was active


_LABELS = serializers.ChoiceField(
    choices=[Opinion.PNEUMONIA, Opinion.NO_PNEUMONIA], allow_null=True, required=False
)


class PatientAnswer(serializers.Serializer[Any]):
    mrn = serializers.CharField()
    name = serializers.CharField()
    birth_date = serializers.DateField()
    sex = serializers.CharField()


class ReportedFilmAnswer(serializers.Serializer[Any]):
    """What became of one submitted film: ACCEPTED, DUPLICATE, or why it was refused."""

    position = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()
    film = serializers.CharField(help_text="The film's uid, when accepted.")


class ModelAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the bundle's manifest.")


class FilmAnswer(serializers.Serializer[Any]):
    """A film and what its current job came to. Scores are null unless `status` is SUCCEEDED.

    Where `status` is HIDDEN, what the job came to is left out until a first opinion is stored.
    """

    def to_representation(self, film: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in super().to_representation(film).items() if k in film}

    uid = serializers.UUIDField()
    position = serializers.IntegerField()
    format = serializers.CharField()
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    view_position = serializers.CharField()
    sha256 = serializers.CharField()
    seen_under_other_patient = serializers.BooleanField()
    image = serializers.CharField(help_text="Path of the film as PNG.")
    status = serializers.ChoiceField(choices=[*JobStatus, NEVER_QUEUED, HIDDEN])
    code = serializers.CharField(required=False, help_text="Why there is no score.")
    probability = serializers.FloatField(
        required=False, allow_null=True, help_text="Calibrated P(pneumonia)."
    )
    threshold = serializers.FloatField(
        required=False, allow_null=True, help_text="The decision point in force."
    )
    label = _LABELS  # type: ignore[assignment] # a field's own `label` is another thing
    is_late = serializers.BooleanField(
        required=False, help_text="Came after an opinion; changed nothing."
    )
    heat_map = serializers.CharField(
        required=False, allow_null=True, help_text="Path of the overlay as PNG."
    )
    model = ModelAnswer(required=False, allow_null=True)
    submitted_at = serializers.DateTimeField(required=False)
    finished_at = serializers.DateTimeField(required=False, allow_null=True)
    seconds_to_result = serializers.FloatField(required=False, allow_null=True)


def film(image: Image, study: Study) -> dict[str, Any]:
    """The content of a FilmAnswer; `image` comes from queries.studies.films, `study` with details."""
    jobs: list[Job] = image.current_jobs  # type: ignore[attr-defined]
    job = jobs[0] if jobs else None
    result: Result | None = getattr(job, "result", None)
    hidden = study.model_hidden and job is not None and job.status in TERMINAL_JOB  # type: ignore[attr-defined]
    analysis = {"status": HIDDEN} if hidden else {**_job(job, study), **_result(result, image)}
    return {
        "uid": image.uid,
        "position": image.position,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "view_position": image.view_position,
        "sha256": image.sha256,
        "seen_under_other_patient": image.seen_under_other_patient,
        "image": reverse("api-film", args=[image.uid]),
        **analysis,
    }


def _job(job: Job | None, study: Study) -> dict[str, Any]:
    ended = job.finished_at if job else None
    return {
        "status": job.status if job else NEVER_QUEUED,
        "code": job.code if job else "",
        "model": job.model_version if job else None,
        "submitted_at": study.submitted_at,
        "finished_at": ended,
        "seconds_to_result": (ended - study.submitted_at).total_seconds() if ended else None,
    }


def _result(result: Result | None, image: Image) -> dict[str, Any]:
    explained = result is not None and result.activation_map is not None
    return {
        "probability": result.probability if result else None,
        "threshold": result.threshold if result else None,
        "label": result.label if result else None,
        "is_late": result.is_late if result else False,
        "heat_map": reverse("api-heat-map", args=[image.uid]) if explained else None,
    }


class ReportAnswer(serializers.Serializer[Any]):
    """The sections of a report, each of which may be blank."""

    kind = serializers.CharField()
    opinion = serializers.CharField()
    indication = serializers.CharField()
    comparison = serializers.CharField()
    technique = serializers.CharField()
    regions = serializers.DictField(
        child=serializers.CharField(), help_text="Findings by region, where there are any."
    )
    findings = serializers.CharField(help_text="Of no region.")
    impression = serializers.CharField()


class DraftAnswer(ReportAnswer):
    revision = serializers.IntegerField(help_text="What the next save names.")
    saved_at = serializers.DateTimeField(allow_null=True, help_text="Null: there is no draft.")


class ModelShownAnswer(serializers.Serializer[Any]):
    """A result that stood at the signature."""

    film = serializers.UUIDField()
    probability = serializers.FloatField()
    threshold = serializers.FloatField()
    is_late = serializers.BooleanField()
    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField()


class ReadingAnswer(ReportAnswer):
    id = serializers.IntegerField(help_text="What an addendum `supersedes`.")
    model_shown = ModelShownAnswer(many=True)
    reader = serializers.CharField(source="reader.username")
    signed_at = serializers.DateTimeField()


class RowAnswer(serializers.Serializer[Any]):
    """A study as the worklist shows it; `probability` is the highest of its current results.

    Where `model_hidden`, all that the model said is left out until a first opinion is stored.
    """

    uid = serializers.UUIDField()
    site = serializers.CharField(source="site.code")
    patient = PatientAnswer()
    accession_number = serializers.CharField()
    indication = serializers.CharField()
    priority = serializers.CharField()
    state = serializers.CharField()
    model_hidden = serializers.BooleanField()
    ai_unavailable = serializers.BooleanField(required=False)
    needs_new_film = serializers.BooleanField(required=False)
    is_overdue = serializers.BooleanField()
    submitted_at = serializers.DateTimeField()
    submitted_by = serializers.CharField(source="submitted_by.username")
    due_at = serializers.DateTimeField()
    held_by = serializers.CharField(allow_null=True)
    film_count = serializers.IntegerField()
    pending_count = serializers.IntegerField(help_text="Films that are still analysed.")
    probability = serializers.FloatField(source="top_probability", required=False, allow_null=True)
    threshold = serializers.FloatField(source="top_threshold", required=False, allow_null=True)
    label = serializers.SerializerMethodField()  # type: ignore[assignment]

    def to_representation(self, study: Study) -> dict[str, Any]:
        told = super().to_representation(study)
        if study.model_hidden:  # type: ignore[attr-defined]
            for name in _OF_THE_MODEL:
                del told[name]
        return told

    @extend_schema_field(_LABELS)
    def get_label(self, study: Study) -> str | None:
        top: float | None = study.top_probability  # type: ignore[attr-defined]
        return None if top is None else label_of(top, study.top_threshold)  # type: ignore[attr-defined]


class StudyAnswer(RowAnswer):
    research_use = serializers.CharField(default=RESEARCH_USE)
    films = serializers.SerializerMethodField()
    intake = ReportedFilmAnswer(many=True, source="intake_report")
    readings = serializers.SerializerMethodField(help_text="Signed ones, newest first.")

    @extend_schema_field(FilmAnswer(many=True))
    def get_films(self, study: Study) -> Any:
        films = [film(image, study) for image in studies.films(study)]
        return FilmAnswer(films, many=True).data

    @extend_schema_field(ReadingAnswer(many=True))
    def get_readings(self, study: Study) -> Any:
        user = self.context["request"].user
        return ReadingAnswer(blinding.readings(user, study), many=True).data


class AcceptedAnswer(serializers.Serializer[Any]):
    """The study that was accepted, a code for each film that was sent, and what waits now."""

    uid = serializers.UUIDField()
    state = serializers.CharField()
    priority = serializers.CharField()
    site = serializers.CharField(source="site.code")
    submitted_at = serializers.DateTimeField()
    films = ReportedFilmAnswer(many=True, source="intake_report")
    queue = serializers.SerializerMethodField()

    @extend_schema_field(queues.QueueAnswer)
    def get_queue(self, study: Study) -> Any:
        return queues.QueueAnswer(queue.state_lately()).data


class WorklistAnswer(serializers.Serializer[Any]):
    research_use = serializers.CharField(default=RESEARCH_USE)
    next = serializers.CharField(help_text="Give it as `after`; empty at the end.")
    cut = serializers.ChoiceField(
        choices=["", *Cut],
        help_text="Why more may match: FURTHER: only a stretch of the list was looked at, `next` "
        "goes on; NEWEST: only the newest of these days or of this submitter were.",
    )
    results = RowAnswer(many=True)


class SignedAnswer(serializers.Serializer[Any]):
    research_use = serializers.CharField(default=RESEARCH_USE)
    state = serializers.CharField(help_text="The study's state after the signature.")
    reading = ReadingAnswer()


class OpinionAnswer(serializers.Serializer[Any]):
    research_use = serializers.CharField(default=RESEARCH_USE)
    kind = serializers.CharField()
    opinion = serializers.CharField(source="first_opinion")
    confidence = serializers.IntegerField(source="first_confidence", allow_null=True)
    regions = serializers.JSONField(source="first_regions")
    opined_at = serializers.DateTimeField()


class ErrorAnswer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()
