"""One study in every state: the stored column, the pure function and the SQL query agree."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import TransitionRefused
from diagnosis.models import AuditEvent, Job, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import studies, worklist
from diagnosis.queries.filters import TABS, Filter, listed
from diagnosis.services import jobs, lifecycle, readings
from diagnosis.states import StudyEvent, StudyState, worklist_rank
from tests.integration.diagnosis.work import WORKER, analyse, at_once, claim_one, newest_text, score

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def sign(study: Study, by: Any, opinion: str = "PNEUMONIA") -> None:
    report = readings.Report(opinion, "As seen.")
    readings.sign(user=by, actor=Actor.of(by), study=study, report=report)


def amend(study: Study, by: Any) -> None:
    report = readings.Report("INDETERMINATE", "On second thought.")
    readings.amend(
        user=by,
        actor=Actor.of(by),
        study=study,
        report=report,
        reason="Prior films",
        supersedes=newest_text(study),
    )


@pytest.fixture
def readers(make_user: Any, site: Any) -> list[Any]:
    return [make_user("Radiologist", site, f"reader-{n}") for n in range(3)]


@pytest.fixture
def one_of_each(submit: Callable[..., Study], readers: list[Any]) -> dict[str, Study]:
    one, two, _ = readers

    def read(*opinions: str, required: int = 1) -> Study:
        study = submit()
        Study.objects.filter(pk=study.pk).update(reads_required=required)
        for reader, opinion in zip(readers, opinions, strict=False):
            sign(study, reader, opinion)
        return study

    amended = read("PNEUMONIA")
    amend(amended, two)
    amended_while_analysed = read("PNEUMONIA")
    amend(amended_while_analysed, one)
    analysed = [submit(), read("PNEUMONIA"), read(required=2)]
    analyse()
    failed = submit()
    jobs.cancel(job=Job.objects.get(image__study=failed), actor=WORKER)
    again = submit()
    jobs.cancel(job=Job.objects.get(image__study=again), actor=WORKER)
    return {
        "AWAITING_READ": analysed[0],
        "REPORTED": analysed[1],
        "AWAITING_READ of two": analysed[2],
        "AWAITING_READ after cancel": failed,
        "PROCESSING": submit(),
        "PROCESSING of two": read(required=2),
        "REPORTED while analysed": read("PNEUMONIA"),
        "AWAITING_SECOND_READ": read("PNEUMONIA", required=2),
        "REPORTED by two": read("PNEUMONIA", "PNEUMONIA", required=2),
        "AWAITING_ARBITRATION": read("PNEUMONIA", "NO_PNEUMONIA", required=2),
        "REPORTED by arbiter": read("PNEUMONIA", "NO_PNEUMONIA", "PNEUMONIA", required=2),
        "AMENDED": amended,
        "AMENDED while analysed": amended_while_analysed,
    }


def test_column_function_and_query_agree(one_of_each: dict[str, Study]) -> None:
    by_query = dict(studies.with_implied_state().values_list("pk", "implied"))
    for name, study in one_of_each.items():
        study.refresh_from_db()
        expected = name.split()[0]
        assert study.state == expected, name
        assert lifecycle.implied(study) == expected, name
        assert by_query[study.pk] == expected, name
    assert {study.state for study in one_of_each.values()} == set(StudyState)


def test_the_tabs_hold_every_study_once(one_of_each: dict[str, Study], submitter: Any) -> None:
    everything = Study.objects.count()
    tabs = {tab: listed(submitter, Filter(tab=tab)).count() for tab in TABS}
    assert tabs["to-read"] + tabs["reported"] == tabs["all"] == everything
    assert tabs["second-read"] == tabs["arbitration"] == 1
    assert worklist.counts(submitter).tabs == tabs


def test_each_step_is_audited_with_both_states(
    submit: Callable[..., Study], readers: list[Any]
) -> None:
    study = submit()
    analyse()
    sign(study, readers[0])
    amend(study, readers[1])
    events = AuditEvent.objects.filter(object_type="study", action__startswith="STUDY_")
    steps = [(e.action, e.before.get("state"), e.after.get("state")) for e in events]
    assert steps == [
        ("STUDY_SUBMITTED", None, "PROCESSING"),
        ("STUDY_ANALYSED", "PROCESSING", "AWAITING_READ"),
        ("STUDY_REPORT", "AWAITING_READ", "REPORTED"),
        ("STUDY_AMEND", "REPORTED", "AMENDED"),
    ]


@pytest.mark.parametrize("event", list(StudyEvent))
def test_a_step_that_the_rows_do_not_imply_is_refused(
    submit: Callable[..., Study], event: StudyEvent
) -> None:
    study = submit()
    with pytest.raises(TransitionRefused):
        lifecycle.advance(study=study, event=event, actor=WORKER)
    study.refresh_from_db()
    assert study.state == "PROCESSING"


def test_with_two_films_the_study_waits_for_both(submit: Callable[..., Study]) -> None:
    from tests import films

    study = submit([films.as_png8(films.chest(n, size=(300, 260))) for n in range(2)])
    score(claim_one())
    study.refresh_from_db()
    assert study.state == "PROCESSING"
    score(claim_one())
    study.refresh_from_db()
    assert study.state == "AWAITING_READ"


class TestOverdue:
    def promote(self) -> int:
        return lifecycle.promote_overdue(actor=Actor.system("sweeper"))

    def test_a_case_past_its_target_comes_first_once(self, submit: Callable[..., Study]) -> None:
        late, fresh, stat = submit(), submit(), submit(priority="STAT")
        for study, probability in ((stat, 0.5), (late, 0.01), (fresh, 0.99)):
            held = claim_one()
            assert held.storage_key == study.images.get().storage_key
            score(held, probability)
        Study.objects.filter(pk=late.pk).update(due_at=db_now() - timedelta(minutes=1))
        assert (self.promote(), self.promote()) == (1, 0)
        order = list(Study.objects.order_by("worklist_rank"))
        assert order == [stat, late, fresh]
        late.refresh_from_db()
        assert late.worklist_rank == worklist_rank(priority="ROUTINE", pressing=0.01, overdue=True)
        assert AuditEvent.objects.filter(action="STUDY_OVERDUE").count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_sweepers_at_once_promote_once(self, submit: Callable[..., Study]) -> None:
        submit()
        Study.objects.update(due_at=db_now() - timedelta(minutes=1))
        assert sorted(at_once([self.promote] * 4)) == [0, 0, 0, 1]
        assert AuditEvent.objects.filter(action="STUDY_OVERDUE").count() == 1

    def test_a_reported_case_is_left_alone(
        self, submit: Callable[..., Study], readers: list[Any]
    ) -> None:
        study = submit()
        sign(study, readers[0])
        Study.objects.update(due_at=db_now() - timedelta(minutes=1))
        assert self.promote() == 0
