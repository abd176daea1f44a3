"""What a client may send, as serializers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from diagnosis.errors import InvalidInput, NotPermitted
from diagnosis.models.patient import Sex
from diagnosis.permissions import sites_of
from diagnosis.queries.filters import DEFAULT_TAB, TABS, Band, Filter
from diagnosis.report import AFTER_REGIONS, BEFORE_REGIONS, MOST_CHARACTERS, Region, Report
from diagnosis.services.intake import Submission
from diagnosis.services.opinions import FirstOpinion
from diagnosis.states import Opinion, Priority, StudyState

if TYPE_CHECKING:
    from rest_framework.request import Request

    from diagnosis.models import Site
    from diagnosis.permissions import User

_MAX_KEY = 100


def key_of(request: Request) -> str:
    """The Idempotency-Key, "" for none. Raises InvalidInput for one that is too long."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > _MAX_KEY:
        raise InvalidInput("The Idempotency-Key is too long.", field="Idempotency-Key")
    return key


def valid(form: type[serializers.Serializer[Any]], data: Any) -> Any:
    """The form with its data checked. Raises ValidationError."""
    filled = form(data=data)
    filled.is_valid(raise_exception=True)
    return filled


class WorklistQuery(serializers.Serializer[Any]):
    """The worklist's filters. There is none by patient: it would write one into an address."""

    tab = serializers.ChoiceField(choices=list(TABS), default=DEFAULT_TAB)
    priority = serializers.ChoiceField(choices=list(Priority), default="", allow_blank=True)
    state = serializers.ChoiceField(choices=list(StudyState), default="", allow_blank=True)
    site = serializers.SlugField(max_length=32, default="", allow_blank=True, help_text="Its code.")
    since = serializers.DateField(default=None, help_text="First day of submission, in UTC.")
    until = serializers.DateField(default=None, help_text="Last day of submission, in UTC.")
    submitter = serializers.CharField(
        max_length=150, default="", allow_blank=True, help_text="Username."
    )
    band = serializers.ChoiceField(
        choices=list(Band),
        default="",
        allow_blank=True,
        help_text="Of the top score: at or above the decision point, below it in doubt, below the "
        "rule-out point, or none. Never finds a study whose result is hidden until it is read.",
    )
    not_assessable = serializers.BooleanField(default=False, help_text="A new film is needed.")
    mine = serializers.BooleanField(
        default=False, help_text="Held or drafted by you, a radiologist; else submitted by you."
    )
    after = serializers.UUIDField(required=False, help_text="`next` of the page before.")

    def chosen(self) -> Filter:
        fields = {name: value for name, value in self.validated_data.items() if name != "after"}
        return Filter(**fields)

    @property
    def after_uid(self) -> str:
        return str(self.validated_data.get("after", ""))


class FilmQuery(serializers.Serializer[Any]):
    max_side = serializers.IntegerField(
        required=False, min_value=16, max_value=20_000, default=None, help_text="Pixels."
    )


class StudyForm(serializers.Serializer[Any]):
    """A study to submit, as multipart/form-data; `films` is repeated."""

    mrn = serializers.CharField(max_length=64, help_text="Medical record number at the site.")
    name = serializers.CharField(max_length=200, help_text="The patient's name.")
    birth_date = serializers.DateField()
    sex = serializers.ChoiceField(choices=list(Sex))
    site = serializers.SlugField(
        max_length=32, default="", allow_blank=True, help_text="May be left out by who has one."
    )
    accession_number = serializers.CharField(max_length=64, default="", allow_blank=True)
    indication = serializers.CharField(max_length=2000, default="", allow_blank=True)
    priority = serializers.ChoiceField(choices=list(Priority), default=Priority.ROUTINE)
    films = serializers.ListField(child=serializers.FileField(allow_empty_file=True), min_length=1)
    confirm_mismatch = serializers.BooleanField(
        default=False, help_text="Somebody checked that the films are this patient's."
    )

    def submission(self, user: User, key: str) -> Submission:
        """Raises InvalidInput for a foreign site."""
        fields = dict(self.validated_data)
        return Submission(
            **{
                **fields,
                "site": _site(user, fields["site"]),
                "films": [film.read() for film in fields["films"]],
                "idempotency_key": key,
            }
        )


def _site(user: User, code: str) -> Site:
    """The site named, or the user's only one. An unknown and a foreign site read the same."""
    chosen = [site for site in sites_of(user) if not code or site.code == code]
    if len(chosen) == 1:
        return chosen[0]
    raise InvalidInput("Name one of your sites by its code.", field="site")


class RegionForm(serializers.Serializer[Any]):
    """A box marked on a film, as shares of the film from its upper left corner."""

    film = serializers.UUIDField()
    x = serializers.FloatField(min_value=0, max_value=1)
    y = serializers.FloatField(min_value=0, max_value=1)
    width = serializers.FloatField(min_value=0, max_value=1)
    height = serializers.FloatField(min_value=0, max_value=1)


class OpinionForm(serializers.Serializer[Any]):
    """A first opinion: what was thought before the model's result was seen."""

    opinion = serializers.ChoiceField(choices=list(Opinion))
    confidence = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, default=None, help_text="How sure, in %."
    )
    regions = RegionForm(many=True, default=list)

    def first(self) -> FirstOpinion:
        return FirstOpinion(**self.validated_data)


def _section(name: str) -> Any:
    return serializers.CharField(max_length=MOST_CHARACTERS[name], default="", allow_blank=True)


class ReportFields(serializers.Serializer[Any]):
    """The sections of a report; each may be blank."""

    opinion = serializers.ChoiceField(choices=list(Opinion), default="", allow_blank=True)
    regions = serializers.DictField(
        child=serializers.CharField(max_length=2000, allow_blank=True),
        default=dict,
        help_text=f"Findings by region: {', '.join(Region)}.",
    )

    def get_fields(self) -> dict[str, Any]:
        sections = {name: _section(name) for name in [*BEFORE_REGIONS, *AFTER_REGIONS]}
        return {**sections, **super().get_fields()}

    def validate_regions(self, regions: dict[str, str]) -> dict[str, str]:
        if unknown := set(regions) - set(Region):
            known = ", ".join(Region)
            raise serializers.ValidationError(f"Not known: {len(unknown)}. Known are {known}.")
        return regions

    def report(self) -> Report:
        names = (*BEFORE_REGIONS, *AFTER_REGIONS, "opinion", "regions")
        return Report(**{name: self.validated_data[name] for name in names})


class DraftForm(ReportFields):
    """All that is typed so far. What is left out is blank."""

    revision = serializers.IntegerField(
        min_value=0, help_text="Of the draft that this text was typed into; 0 for a new one."
    )
    reader = serializers.CharField(
        default="", allow_blank=True, help_text="Who typed it; refused for another user's name."
    )

    def require_reader(self, user: User) -> None:
        """A page left open must not save into the draft of whoever logged in meanwhile."""
        if self.validated_data["reader"] not in {"", user.get_username()}:
            raise NotPermitted("Another user is logged in now.")


class DraftQuery(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=0, help_text="Of the draft to be discarded.")


class ReadingForm(ReportFields):
    """A report to sign; with `addendum`, what is added to a signed one, and why."""

    opinion = serializers.ChoiceField(choices=list(Opinion))
    impression = serializers.CharField(max_length=MOST_CHARACTERS["impression"])
    addendum = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)
    supersedes = serializers.IntegerField(
        allow_null=True, default=None, help_text="The id of the newest reading, for an addendum."
    )
    revision = serializers.IntegerField(
        allow_null=True, default=None, help_text="Of the draft that is signed, if it was seen."
    )
    password = serializers.CharField(
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="The signer's, where the site asks for it at each signature.",
    )

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields["addendum"] and fields["supersedes"] is None:
            raise serializers.ValidationError(
                {"supersedes": "Name the newest reading of the study by its id."}
            )
        return fields
