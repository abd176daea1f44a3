"""A further film for a study: the checks of a submission, and a flag that settles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import (
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    NoUsableFilm,
    PatientMismatch,
    StorageFull,
    TooManyWaiting,
    TransitionRefused,
)
from diagnosis.models import AuditEvent, FilmAddition, Image, Job, ModelVersion, Study
from diagnosis.permissions import Actor
from diagnosis.queries import invariants
from diagnosis.services import adding_films, films, sweeping
from diagnosis.services.adding_films import Addition
from diagnosis.states import JobCode
from ml.contracts import GateCode
from tests.films import text_named_jpg
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import (
    WORKER,
    analyse,
    at_once,
    claim_one,
    dicom,
    film,
    refuse,
    score,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    """One whose only film is to be taken again."""
    found = submit([film(1)])
    refuse()
    found.refresh_from_db()
    assert (found.state, found.needs_new_film) == ("AWAITING_READ", True)
    return found


def add(study: Study, by: Any, *contents: bytes, **changes: Any) -> tuple[FilmAddition, bool]:
    addition = Addition(films=contents or (film(2),), **changes)
    return adding_films.add_films(user=by, actor=Actor.of(by), study=study, addition=addition)


def flags(study: Study) -> tuple[str, bool, bool]:
    study.refresh_from_db()
    assert invariants.breaches() == []
    return study.state, study.needs_new_film, study.ai_unavailable


def actions(study: Study) -> list[str]:
    return list(AuditEvent.objects.filter(study=study.uid).values_list("action", flat=True))


class TestTheFlag:
    def test_a_new_film_goes_back_to_the_analysis_and_settles_it(
        self, study: Study, submitter: Any
    ) -> None:
        before = len(actions(study))
        added, is_new = add(study, submitter)
        assert is_new
        assert [(told["position"], told["code"]) for told in added.report] == [(1, "ACCEPTED")]
        assert actions(study)[before:] == ["STUDY_FILM_ADDED", "JOB_QUEUED", "STUDY_REANALYSE"]
        assert flags(study) == ("PROCESSING", False, False)
        score(claim_one(), 0.8)
        assert flags(study) == ("AWAITING_READ", False, False)
        assert [image.position for image in study.images.order_by("position")] == [1, 2]

    def test_a_second_one_that_is_no_better_wants_a_third(
        self, study: Study, submitter: Any
    ) -> None:
        add(study, submitter)
        refuse(GateCode.TOO_SMALL)
        assert flags(study) == ("AWAITING_READ", True, False)
        add(study, submitter, film(3))
        analyse()
        assert flags(study) == ("AWAITING_READ", False, False)

    def test_films_of_one_submission_do_not_answer_each_other(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        study = submit([film(1), film(2)])
        score(claim_one())
        refuse()
        assert flags(study) == ("AWAITING_READ", True, False)
        add(study, submitter, film(3), film(4))
        score(claim_one())
        refuse()
        assert flags(study)[1], "of the two that were sent later, one is to be taken again"

    @pytest.mark.parametrize("code", [GateCode.OUT_OF_DISTRIBUTION, JobCode.AGE_OUT_OF_RANGE])
    def test_a_film_beyond_the_model_answers_for_the_reader(
        self, study: Study, submitter: Any, code: Any
    ) -> None:
        add(study, submitter)
        refuse(code)
        assert flags(study) == ("AWAITING_READ", False, True)

    def test_without_an_active_model_the_sweeper_queues_it(
        self, study: Study, submitter: Any
    ) -> None:
        ModelVersion.objects.update(stage="RETIRED")
        add(study, submitter)
        assert flags(study) == ("AWAITING_READ", False, True)
        ModelVersion.objects.update(stage="ACTIVE")
        assert sweeping.queue_missing(actor=WORKER) == 1
        assert flags(study) == ("PROCESSING", False, False)

    def test_between_two_reads_it_comes_late_and_changes_no_step(
        self, study: Study, submitter: Any, radiologist: Any
    ) -> None:
        Study.objects.filter(pk=study.pk).update(reads_required=2)
        sign(study, radiologist)
        study.refresh_from_db()
        add(study, submitter)
        analyse()
        assert flags(study) == ("AWAITING_SECOND_READ", False, False)
        assert Job.objects.get(image__position=2).result.is_late


class TestChecks:
    def test_what_is_unreadable_or_known_is_told_and_the_rest_is_taken(
        self, study: Study, submitter: Any
    ) -> None:
        added, _ = add(study, submitter, text_named_jpg(), film(1), film(5), film(5))
        codes = [told["code"] for told in added.report]
        assert codes == ["UNSUPPORTED_TYPE", "DUPLICATE", "ACCEPTED", "DUPLICATE"]
        study.refresh_from_db()
        assert [told["position"] for told in study.intake_report] == [1, 2, 3, 4, 5]
        new = study.images.get(position=4)
        assert added.report[2]["film"] == study.intake_report[3]["film"] == str(new.uid)
        assert AuditEvent.objects.get(action="STUDY_FILM_ADDED").after == {
            "films": 1,
            "refused": ["UNSUPPORTED_TYPE", "DUPLICATE", "DUPLICATE"],
        }

    def test_the_film_that_the_study_has_adds_nothing(self, study: Study, submitter: Any) -> None:
        with pytest.raises(NoUsableFilm) as refusal:
            add(study, submitter, film(1))
        assert refusal.value.details["films"][0]["code"] == "DUPLICATE"
        assert_nothing_added(study)

    def test_another_patients_film_needs_a_confirmation(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        study = submit(mrn="OTHER-1")
        with pytest.raises(PatientMismatch):
            add(study, submitter, dicom())
        assert_nothing_added(study)
        add(study, submitter, dicom(), confirm_mismatch=True)
        assert "PATIENT_MISMATCH_CONFIRMED" in actions(study)

    def test_no_film_is_refused(self, study: Study, submitter: Any) -> None:
        with pytest.raises(InvalidInput):
            adding_films.add_films(
                user=submitter, actor=Actor.of(submitter), study=study, addition=Addition()
            )

    def test_a_full_queue_and_a_full_disk_are_told(
        self, study: Study, submitter: Any, settings: Any
    ) -> None:
        add(study, submitter)
        settings.MAX_WAITING_PER_USER = 1
        with pytest.raises(TooManyWaiting):
            add(study, submitter, film(3))
        settings.DISK_MAX_PERCENT = 0
        with pytest.raises(StorageFull):
            add(study, submitter, film(3))
        assert study.images.count() == 2

    def test_a_reported_study_takes_none(
        self, study: Study, submitter: Any, radiologist: Any
    ) -> None:
        stale = Study.objects.get(pk=study.pk)
        sign(study, radiologist)
        study.refresh_from_db()
        for seen in (study, stale):  # also when it is signed while the film is on its way
            with pytest.raises(TransitionRefused):
                add(seen, submitter)
        assert_nothing_added(study)

    @pytest.mark.parametrize("role", ["Submitter", "Radiologist"])
    def test_colleagues_of_the_site_may(self, study: Study, make_user: Any, role: str) -> None:
        add(study, make_user(role, study.site, "colleague"))
        assert study.images.count() == 2

    def test_others_may_not(
        self, study: Study, make_user: Any, administrator: Any, other_site: Any
    ) -> None:
        with pytest.raises(NotPermitted):
            add(study, administrator)
        with pytest.raises(NotFound):
            add(study, make_user("Submitter", other_site))
        assert_nothing_added(study)


class TestIdempotency:
    def test_a_repeated_key_adds_nothing(
        self, study: Study, submitter: Any, radiologist: Any
    ) -> None:
        first, _ = add(study, submitter, idempotency_key="k1")
        again, is_new = add(study, submitter, idempotency_key="k1")
        assert (again.pk, is_new) == (first.pk, False)
        assert study.images.count() == 2
        sign(study, radiologist)  # what was taken is told even when the study takes no more
        study.refresh_from_db()
        assert add(study, submitter, idempotency_key="k1") == (first, False)

    def test_with_another_film_it_is_a_conflict(self, study: Study, submitter: Any) -> None:
        add(study, submitter, idempotency_key="k1")
        with pytest.raises(IdempotencyConflict):
            add(study, submitter, film(3), idempotency_key="k1")

    @pytest.mark.django_db(transaction=True)
    def test_the_same_request_at_once_is_one(self, study: Study, submitter: Any) -> None:
        answers = at_once([partial(add, study, submitter, idempotency_key="k1")] * 4)
        assert len({added.pk for added, _ in answers}) == 1
        assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
        assert Image.objects.count() == Job.objects.count() == len(list(films.stored())) == 2

    @pytest.mark.django_db(transaction=True)
    def test_one_film_from_two_people_is_kept_once(
        self, study: Study, submitter: Any, radiologist: Any
    ) -> None:
        answers = at_once([partial(add, study, who) for who in (submitter, radiologist)])
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        assert [type(error) for error in refused] in ([TransitionRefused], [NoUsableFilm])
        assert Image.objects.count() == len(list(films.stored())) == 2

    @pytest.mark.django_db(transaction=True)
    def test_two_films_at_once_are_both_kept(self, study: Study, submitter: Any) -> None:
        answers = at_once([partial(add, study, submitter, film(n)) for n in range(3, 7)])
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        study.refresh_from_db()
        assert sorted(study.images.values_list("position", flat=True)) == [1, 2, 3, 4, 5]
        assert [told["position"] for told in study.intake_report] == [1, 2, 3, 4, 5]


def assert_nothing_added(study: Study) -> None:
    assert study.images.count() == len(list(films.stored())) == 1
    assert not FilmAddition.objects.exists()
