"""What must always hold. Each check names the rows that break it; none should ever find one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, F, Q

from diagnosis.models import AuditEvent, Image, Job, Result, Study
from diagnosis.models.clock import db_now
from diagnosis.models.model_version import Stage
from diagnosis.queries.studies import with_implied_state
from diagnosis.states import TERMINAL_JOB, JobStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet

Check = Callable[[], Iterator[str]]
_END_EVENTS = [f"JOB_{event}" for event in ("SUCCEED", "REFUSE", "FAIL", "CANCEL", "ENDED")]


def _named(word: str, rows: QuerySet[Study] | QuerySet[Job]) -> Iterator[str]:
    for key in rows.values_list("pk", flat=True)[:20]:
        yield f"{word} {key}"


def studies_have_films() -> Iterator[str]:
    yield from _named("study without a film:", Study.objects.filter(images__isnull=True))


def results_match_jobs() -> Iterator[str]:
    """Exactly one result per succeeded job, and none for another."""
    succeeded = Q(status=JobStatus.SUCCEEDED)
    jobs = Job.objects.alias(n=Count("result"))
    yield from _named("succeeded job without a result:", jobs.filter(succeeded, n=0))
    yield from _named("unfinished job with a result:", jobs.exclude(succeeded).exclude(n=0))


def one_current_result_per_film() -> Iterator[str]:
    """No film counts twice: at most one current result per film and model version."""
    doubled = (
        Result.objects.filter(job__superseded_by__isnull=True)
        .values("job__image", "job__model_version")
        .annotate(n=Count("id"))
        .filter(n__gt=1)
    )
    for row in doubled:
        yield f"film {row['job__image']} has {row['n']} current results"


def states_agree() -> Iterator[str]:
    """The stored state equals what jobs and readings imply."""
    wrong = with_implied_state().exclude(state=F("implied"))
    for key, stored, implied in wrong.values_list("pk", "state", "implied")[:20]:
        yield f"study {key} is stored as {stored}, its rows imply {implied}"


def leases_are_reaped() -> Iterator[str]:
    stale = Job.objects.filter(
        status=JobStatus.RUNNING, lease_expires_at__lt=db_now() - timedelta(seconds=60)
    )
    yield from _named("lease expired for more than 60 s: job", stale)


def waiting_jobs_can_be_claimed() -> Iterator[str]:
    """No worker runs a retired model; the sweeper moves such a job within seconds."""
    stranded = Job.objects.filter(
        status=JobStatus.QUEUED,
        model_version__stage=Stage.RETIRED,
        not_before__lt=db_now() - timedelta(seconds=60),
    )
    yield from _named("waits for a retired model: job", stranded)


def trail_is_complete() -> Iterator[str]:
    """Each ended job has exactly one end event; each study exactly one submission event."""
    ended = dict.fromkeys(
        map(str, Job.objects.filter(status__in=sorted(TERMINAL_JOB)).values_list("pk", flat=True)),
        0,
    )
    events = AuditEvent.objects.filter(action__in=_END_EVENTS, object_type="job")
    for key in events.values_list("object_id", flat=True):
        ended[key] = ended.get(key, 0) + 1
    for key, count in ended.items():
        if count != 1:
            yield f"job {key} has {count} end events"
    submitted = set(
        AuditEvent.objects.filter(action="STUDY_SUBMITTED").values_list("study", flat=True)
    )
    for uid in Study.objects.values_list("uid", flat=True):
        if str(uid) not in submitted:
            yield f"study {uid} has no submission event"


def all_jobs_ended() -> Iterator[str]:
    """Not an invariant at every moment, only when the queue has drained (`--drained`)."""
    yield from _named("not ended: job", Job.objects.exclude(status__in=sorted(TERMINAL_JOB)))
    yield from _named("never queued: film", Image.objects.filter(jobs__isnull=True))  # type: ignore[arg-type]


CHECKS: tuple[Check, ...] = (
    studies_have_films,
    results_match_jobs,
    one_current_result_per_film,
    states_agree,
    leases_are_reaped,
    waiting_jobs_can_be_claimed,
    trail_is_complete,
)
# In a database that nobody runs yet, leases end and are not taken back.
KEPT_BY_SWEEPER = frozenset({leases_are_reaped, waiting_jobs_can_be_claimed})


def breaches(*, drained: bool = False, sweeper_runs: bool = True) -> list[str]:
    """Every breach found, in words without patient data; an empty list is a pass."""
    checks = (
        *(check for check in CHECKS if sweeper_runs or check not in KEPT_BY_SWEEPER),
        *((all_jobs_ended,) if drained else ()),
    )
    return [line for check in checks for line in check()]
