"""Analysing again: resubmission, and another model."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import TransitionRefused
from diagnosis.models import AuditEvent, Job, ModelVersion, Study
from diagnosis.permissions import Actor
from diagnosis.services import jobs, model_versions, readings, sweeping
from tests.integration.diagnosis.work import WORKER, analyse, at_once, claim, claim_one, score

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
SWEEPER = Actor.system("sweeper")


def row(job_id: int) -> Job:
    return Job.objects.get(pk=job_id)


class TestResubmit:
    def test_a_new_job_supersedes_and_the_old_stays(self, submit: Callable[..., Study]) -> None:
        study = submit()
        analyse(0.9)
        old = Job.objects.get()
        new = model_versions.resubmit(job=old, actor=SWEEPER, reason="again")
        study.refresh_from_db()
        assert (new.supersedes, study.state) == (old, "PROCESSING")
        analyse(0.2)
        study.refresh_from_db()
        old.refresh_from_db()
        assert (old.status, old.result.probability) == ("SUCCEEDED", 0.9)
        assert study.state == "AWAITING_READ"
        assert study.worklist_rank == 2 * 10_000_000 + 5_000_000 + 1 + 800_000

    def test_the_reason_is_on_the_trail(self, submit: Callable[..., Study]) -> None:
        submit()
        analyse()
        new = model_versions.resubmit(job=Job.objects.get(), actor=SWEEPER, reason="again")
        event = AuditEvent.objects.get(action="JOB_QUEUED", object_id=str(new.pk))
        assert event.reason == "again"

    def test_an_active_or_superseded_job_is_not_resubmitted(
        self, submit: Callable[..., Study]
    ) -> None:
        submit()
        old = Job.objects.get()
        with pytest.raises(TransitionRefused):
            model_versions.resubmit(job=old, actor=SWEEPER)
        jobs.cancel(job=old, actor=SWEEPER)
        twin = row(old.pk)
        model_versions.resubmit(job=old, actor=SWEEPER)
        with pytest.raises(TransitionRefused):
            model_versions.resubmit(job=twin, actor=SWEEPER)
        assert Job.objects.count() == 2

    def test_it_is_queued_for_the_model_that_is_active_now(
        self, submit: Callable[..., Study]
    ) -> None:
        submit()
        analyse()
        digest = uuid.uuid4().hex * 2
        second, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "b", "version": 2}, digest=digest, folder="b"
        )
        model_versions.activate(actor=SWEEPER, version=second)
        assert model_versions.resubmit(job=Job.objects.get(), actor=SWEEPER).model_version == second

    def test_after_a_signature_a_new_result_changes_nothing(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study = submit()
        analyse(0.9)
        report = readings.Report("NO_PNEUMONIA", "Clear.")
        readings.sign(user=radiologist, actor=WORKER, study=study, report=report)
        model_versions.resubmit(job=Job.objects.get(), actor=SWEEPER)
        analyse(0.1)
        study.refresh_from_db()
        assert study.state == "REPORTED"


class TestActivation:
    def test_what_waits_is_queued_for_the_new_model(
        self, submit: Callable[..., Study], model_version: Any
    ) -> None:
        waiting, running = submit(priority="ROUTINE"), submit(priority="STAT")
        held = claim_one()
        second, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "b", "version": 2}, digest="b" * 64, folder="b"
        )
        model_versions.activate(actor=SWEEPER, version=second)
        model_version.refresh_from_db()
        assert (model_version.stage, model_versions.active()) == ("RETIRED", second)
        queued = Job.objects.get(status="QUEUED")
        assert (queued.image.study, queued.model_version) == (waiting, second)
        assert row(held.id).image.study == running
        assert score(held)
        waiting.refresh_from_db()
        assert (waiting.state, waiting.ai_unavailable) == ("PROCESSING", False)

    def test_what_comes_back_to_the_queue_later_is_moved_by_the_sweeper(
        self, submit: Callable[..., Study], model_version: Any
    ) -> None:
        study = submit()
        held = claim_one()
        second, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "b", "version": 2}, digest="b" * 64, folder="b"
        )
        model_versions.activate(actor=SWEEPER, version=second)
        assert jobs.release(job_id=held.id, attempt=held.attempt, actor=WORKER)
        assert sweeping.sweep(actor=SWEEPER).queued == 1
        assert sweeping.sweep(actor=SWEEPER).queued == 0
        waiting = Job.objects.get(status="QUEUED")
        assert (waiting.model_version, waiting.supersedes) == (second, row(held.id))
        study.refresh_from_db()
        assert (study.state, study.ai_unavailable) == ("PROCESSING", False)

    def test_a_long_queue_is_moved_bit_by_bit(
        self, submit: Callable[..., Study], model_version: Any
    ) -> None:
        study, *_ = [submit() for _ in range(3)]
        ModelVersion.objects.update(stage="RETIRED")
        second, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "b", "version": 2}, digest="b" * 64, folder="b"
        )
        ModelVersion.objects.filter(pk=second.pk).update(stage="ACTIVE")
        moved = [model_versions.requeue_retired(actor=SWEEPER, limit=2) for _ in range(3)]
        assert moved == [2, 1, 0]
        told = AuditEvent.objects.filter(study=str(study.uid)).values_list("action", flat=True)
        # Its analysis was never complete, so the trail does not say so.
        assert list(told) == ["JOB_QUEUED", "STUDY_SUBMITTED", "JOB_CANCEL", "JOB_QUEUED"]

    def test_activating_twice_changes_nothing(self, model_version: Any) -> None:
        before = AuditEvent.objects.count()
        model_versions.activate(actor=SWEEPER, version=model_version)
        assert AuditEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_a_model_is_activated_while_workers_claim(self, submit: Callable[..., Study]) -> None:
        for _ in range(8):
            submit()
        second, _ = model_versions.register(
            actor=SWEEPER, manifest={"name": "b", "version": 2}, digest="b" * 64, folder="b"
        )
        answers = at_once(
            [
                lambda: claim(2),
                lambda: model_versions.activate(actor=SWEEPER, version=second),
                lambda: claim(2),
            ]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert set(Job.objects.filter(status="QUEUED").values_list("model_version", flat=True)) == {
            second.pk
        }

    def test_two_activations_at_once_leave_one_active(self, model_version: Any) -> None:
        others = [
            model_versions.register(
                actor=SWEEPER, manifest={"name": n, "version": 2}, digest=n * 64, folder=n
            )[0]
            for n in "bc"
        ]
        answers = at_once(
            [lambda v=v: model_versions.activate(actor=SWEEPER, version=v) for v in others]
        )
        assert answers == [None, None]
        assert model_versions.active() in others
        assert ModelVersion.objects.filter(stage="RETIRED").count() == 2

    def test_resubmissions_at_once_make_one_job(self, submit: Callable[..., Study]) -> None:
        submit()
        analyse()
        old = Job.objects.get().pk
        again = at_once([lambda: model_versions.resubmit(job=row(old), actor=SWEEPER)] * 3)
        assert sum(isinstance(answer, Job) for answer in again) == 1
        assert sum(isinstance(answer, TransitionRefused) for answer in again) == 2
        assert Job.objects.count() == 2
