"""Films that arrive, in a new study or in one that is there: checked, stored, and told of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction

from diagnosis.errors import FilmTooLarge, NoUsableFilm
from diagnosis.models import Image
from diagnosis.services import audit, films
from ml.contracts import FilmError
from ml.pixels import verify_and_normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from diagnosis.models import AuditEvent, Study
    from diagnosis.permissions import Actor
    from ml.contracts import FilmHeader

T = TypeVar("T")

ACCEPTED = "ACCEPTED"
DUPLICATE = "DUPLICATE"
DUPLICATE_TOLD = "The same film is in this study already."


@dataclass(frozen=True, slots=True)
class FilmReport:
    """What became of one submitted film."""

    position: int  # 1-based, in the order of submission
    code: str
    message: str = ""
    film: str = ""  # uid, when accepted


@dataclass(frozen=True, slots=True)
class CheckedFilm:
    position: int
    data: bytes = field(repr=False)
    sha256: str
    header: FilmHeader = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks found of a request."""

    digest: str
    good: Sequence[CheckedFilm]
    report: Sequence[FilmReport]
    confirmed: Sequence[str]  # fields for whose difference somebody answered


def check_films(
    submitted: Sequence[bytes], digests: Sequence[str]
) -> tuple[list[CheckedFilm], list[FilmReport]]:
    """Decode every film in full; equal films of one study are kept once."""
    good: dict[str, CheckedFilm] = {}
    report = []
    for position, (data, sha256) in enumerate(zip(submitted, digests, strict=True), start=1):
        try:
            header, _pixels = verify_and_normalise(data, films.limits())
        except FilmError as error:
            report.append(FilmReport(position, error.code, error.message))
            continue
        if sha256 in good:
            report.append(FilmReport(position, DUPLICATE, DUPLICATE_TOLD))
            continue
        good[sha256] = CheckedFilm(position, data, sha256, header)
        report.append(FilmReport(position, ACCEPTED))
    return list(good.values()), report


def nothing_usable(report: Sequence[FilmReport]) -> NoUsableFilm | FilmTooLarge:
    told = [asdict(film) for film in report]
    if {film.code for film in report} == {"TOO_LARGE"}:
        megabytes = settings.MAX_FILM_BYTES // (1024 * 1024)
        return FilmTooLarge(f"A film may have at most {megabytes} MB.", films=told)
    return NoUsableFilm(films=told)


def digest_of_request(content: Sequence[Any]) -> str:
    """SHA-256 over everything that makes two requests the same one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def store(good: Sequence[CheckedFilm], write: Callable[[Sequence[str]], T]) -> T:
    """Files first, then the rows that `write` makes of their keys, in one transaction: a row never
    stands without its file.
    """
    keys: list[str] = []
    before_commit = True
    try:
        for film in good:
            keys.append(films.put(data=film.data))  # noqa: PERF401 (those before a fault count)
        with transaction.atomic():
            written = write(keys)
            before_commit = False
    except BaseException as error:
        # A commit that breaks may stand all the same: then the films stay, the sweeper decides.
        if before_commit or isinstance(error, IntegrityError):
            for key in keys:
                films.delete(key=key)
        raise
    return written


def images_of(
    study: Study, good: Sequence[CheckedFilm], keys: Sequence[str], now: datetime
) -> list[Image]:
    """The films' rows, unsaved."""
    same = Image.objects.filter(sha256__in=[film.sha256 for film in good], study__site=study.site)
    elsewhere = set(same.exclude(study__patient=study.patient).values_list("sha256", flat=True))
    return [
        Image(
            study=study,
            position=film.position,
            storage_key=key,
            sha256=film.sha256,
            size_bytes=len(film.data),
            format=film.header.format,
            width=film.header.width,
            height=film.header.height,
            bits=film.header.bits,
            view_position=film.header.tags.get("view_position", "")[:16],
            seen_under_other_patient=film.sha256 in elsewhere,
            created_at=now,
        )
        for film, key in zip(good, keys, strict=True)
    ]


def told(report: Sequence[FilmReport], images: Sequence[Image]) -> list[dict[str, Any]]:
    """The report as it is kept, with each accepted film's uid."""
    uids = {image.position: str(image.uid) for image in images}
    return [asdict(replace(film, film=uids.get(film.position, ""))) for film in report]


def events(  # noqa: PLR0913 (an event has this many facts)
    *,
    action: str,
    actor: Actor,
    study: Study,
    checked: Checked,
    at: datetime,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[AuditEvent]:
    """That films came in, and whether somebody answered for a difference."""
    about: dict[str, Any] = {"actor": actor, "target": study, "study": study, "at": at}
    after = {
        **facts,
        "films": len(checked.good),
        "refused": [film.code for film in checked.report if film.code != ACCEPTED],
    }
    yield audit.event(action=action, after=after, **about)
    if checked.confirmed:
        fields = list(checked.confirmed)
        yield audit.event(action="PATIENT_MISMATCH_CONFIRMED", after={"fields": fields}, **about)
