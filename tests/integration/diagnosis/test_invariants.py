"""Each invariant finds its breach, and a whole system has none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import Job, ModelVersion, Result, Study
from diagnosis.models.clock import db_now
from diagnosis.queries import invariants
from diagnosis.services import audit, readings
from tests.integration.diagnosis.test_lifecycle import amend, sign
from tests.integration.diagnosis.work import WORKER, analyse, claim, claim_one, score

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


@pytest.fixture
def whole(submit: Callable[..., Study], radiologist: Any, make_user: Any, site: Any) -> list[Study]:
    """Analysed, signed and amended, waiting, and running."""
    studies = [submit() for _ in range(3)]
    analyse()
    sign(studies[1], radiologist)
    sign(studies[2], radiologist)
    amend(studies[2], make_user("Radiologist", site, "other"))
    studies.append(submit())
    claim()
    studies.append(submit())
    return studies


def bare_study(like: Study) -> None:
    """A study that nobody submitted: no film, no event."""
    Study.objects.create(
        site=like.site,
        patient=like.patient,
        submitted_by=like.submitted_by,
        due_at=like.due_at,
        worklist_rank=0,
        state="AWAITING_READ",
    )


def foreign_lineage(studies: list[Study]) -> None:
    """A second current result of one film, which supersedes another film's job."""
    first, other = (Job.objects.get(image__study=study) for study in studies[:2])
    held = {"status": "RUNNING", "attempt": 1, "lease_expires_at": db_now() + timedelta(minutes=1)}
    job = Job.objects.create(
        image=first.image,
        model_version=first.model_version,
        supersedes=other,
        priority_order=0,
        **held,
    )
    copy = Result.objects.get(job=first)
    Job.objects.filter(pk=job.pk).update(
        status="SUCCEEDED", lease_expires_at=None, finished_at=db_now()
    )
    Result.objects.create(
        job=job,
        probability=copy.probability,
        threshold=copy.threshold,
        film_sha256=copy.film_sha256,
        model_digest=copy.model_digest,
        preprocessing_id=copy.preprocessing_id,
        engine=copy.engine,
    )


def ended(job: Job, status: str, code: str = "") -> None:
    now = db_now()
    Job.objects.filter(pk=job.pk).update(
        status=status, code=code, finished_at=now, lease_expires_at=None
    )


def end_twice(studies: list[Study]) -> None:
    job = Job.objects.get(image__study=studies[0])
    audit.record(actor=WORKER, action="JOB_FAIL", target=job, study=studies[0])


def expire(_: list[Study]) -> None:
    running = Job.objects.filter(status="RUNNING")
    assert running.update(lease_expires_at=db_now() - timedelta(seconds=61))


def retire(_: list[Study]) -> None:
    ModelVersion.objects.update(stage="RETIRED")
    waiting = Job.objects.filter(status="QUEUED")
    assert waiting.update(not_before=db_now() - timedelta(seconds=61))


BREACHES: dict[str, tuple[Callable[[list[Study]], Any], str]] = {
    "studies_have_films": (lambda s: bare_study(s[0]), "study without a film"),
    "no submission event": (lambda s: bare_study(s[0]), "has no submission event"),
    "result missing": (
        lambda s: ended(Job.objects.get(image__study=s[3]), "SUCCEEDED"),
        "succeeded job without a result",
    ),
    "result too many": (
        lambda s: ended(Job.objects.get(image__study=s[0]), "FAILED", "ERROR"),
        "unfinished job with a result",
    ),
    "one_current_result_per_film": (foreign_lineage, "has 2 current results"),
    "states_agree": (
        lambda s: Study.objects.filter(pk=s[0].pk).update(state="REPORTED"),
        "is stored as REPORTED",
    ),
    "leases_are_reaped": (expire, "lease expired"),
    "waiting_jobs_can_be_claimed": (retire, "waits for a retired model"),
    "no end event": (
        lambda s: ended(Job.objects.get(image__study=s[4]), "CANCELED"),
        "has 0 end events",
    ),
    "two end events": (end_twice, "has 2 end events"),
}


def test_a_whole_system_has_no_breach(whole: list[Study]) -> None:
    assert invariants.breaches() == []


@pytest.mark.parametrize("name", BREACHES)
def test_each_breach_is_found(whole: list[Study], name: str) -> None:
    breach, words = BREACHES[name]
    breach(whole)
    assert [line for line in invariants.breaches() if words in line]


def test_drained_means_that_every_job_ended(submit: Callable[..., Study], radiologist: Any) -> None:
    study = submit()
    assert [line for line in invariants.breaches(drained=True) if "not ended" in line]
    score(claim_one())
    assert invariants.breaches(drained=True) == []
    report = readings.Report("PNEUMONIA", "Seen.")
    readings.sign(user=radiologist, actor=WORKER, study=study, report=report)
    assert invariants.breaches(drained=True) == []


def test_no_breach_names_a_patient(submit: Callable[..., Study]) -> None:
    study = submit(name="Secret Person", mrn="SECRET")
    Study.objects.filter(pk=study.pk).update(state="REPORTED")
    lines = " ".join(invariants.breaches())
    assert lines
    assert "secret" not in lines.lower()
