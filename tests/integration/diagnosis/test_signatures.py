"""What a signature proves: who signed, and which results stood then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import PasswordWrong, TooManyPasswords
from diagnosis.models import AuditEvent, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.report import Report
from diagnosis.services import readings, signatures
from tests.integration.diagnosis.work import INFO, analyse, at_once, newest_text

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
REPORT = Report("PNEUMONIA", "Consolidation.")
RIGHT, WRONG = "a-long-test-password", "a-long-wrong-password"


def sign(study: Study, by: Any, password: str = "") -> Reading:
    return readings.sign(user=by, actor=Actor.of(by), study=study, report=REPORT, password=password)


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


@pytest.fixture
def strict(study: Study) -> Study:
    """A case of a site that asks for the password."""
    study.site.signs_with_password = True
    study.site.save()
    return study


def refused() -> int:
    return AuditEvent.objects.filter(action="SIGNATURE_REFUSED", outcome="REFUSED").count()


class TestPassword:
    def test_other_sites_do_not_ask(self, study: Study, radiologist: Any) -> None:
        assert sign(study, radiologist, WRONG).signed_at is not None

    def test_the_right_one_signs(self, strict: Study, radiologist: Any) -> None:
        assert sign(strict, radiologist, RIGHT).signed_at is not None
        assert refused() == 0

    @pytest.mark.parametrize("password", ["", WRONG, RIGHT + " "])
    def test_a_wrong_one_does_not_and_is_told(
        self, strict: Study, radiologist: Any, password: str
    ) -> None:
        with pytest.raises(PasswordWrong) as error:
            sign(strict, radiologist, password)
        assert (error.value.http_status, error.value.details) == (403, {"field": "password"})
        assert not Reading.objects.exists()
        event = AuditEvent.objects.get(action="SIGNATURE_REFUSED")
        assert (event.actor_name, event.study) == (radiologist.username, str(strict.uid))
        assert (event.before, event.after, event.reason) == ({}, {}, "")

    def test_an_addendum_asks_as_well(self, strict: Study, radiologist: Any) -> None:
        sign(strict, radiologist, RIGHT)
        addendum = {"report": REPORT, "reason": "Lab", "supersedes": newest_text(strict)}
        who = {"user": radiologist, "actor": Actor.of(radiologist), "study": strict}
        with pytest.raises(PasswordWrong):
            readings.amend(**who, **addendum, password=WRONG)
        assert readings.amend(**who, **addendum, password=RIGHT).kind == "ADDENDUM"

    def test_after_five_wrong_ones_the_right_one_waits(
        self, strict: Study, radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            with pytest.raises(PasswordWrong):
                sign(strict, radiologist, WRONG)
        with pytest.raises(TooManyPasswords) as error:
            sign(strict, radiologist, RIGHT)
        assert error.value.http_status == 429
        assert 0 < (error.value.retry_after or 0) <= 600
        assert refused() == 5
        later = db_now() + timedelta(minutes=10, seconds=1)
        monkeypatch.setattr(signatures, "db_now", lambda: later)
        assert sign(strict, radiologist, RIGHT).signed_at is not None

    def test_one_readers_errors_are_not_anothers(
        self, strict: Study, radiologist: Any, make_user: Any, site: Any
    ) -> None:
        for _ in range(5):
            with pytest.raises(PasswordWrong):
                sign(strict, radiologist, WRONG)
        assert sign(strict, make_user("Radiologist", site, "colleague"), RIGHT).signed_at

    @pytest.mark.django_db(transaction=True)
    def test_guesses_at_once_are_counted_too(self, strict: Study, radiologist: Any) -> None:
        answers = at_once([lambda: sign(strict, radiologist, WRONG)] * 8)
        kinds = [type(answer).__name__ for answer in answers]
        assert sorted(kinds) == ["PasswordWrong"] * 5 + ["TooManyPasswords"] * 3


class TestModelShown:
    def test_the_results_that_stand_at_the_signature(self, study: Study, radiologist: Any) -> None:
        analyse(0.8)
        assert sign(study, radiologist).model_shown == [
            {
                "film": str(study.images.get().uid),
                "probability": 0.8,
                "threshold": 0.5,
                "is_late": False,
                "name": "fake",
                "version": "1",
                "digest": INFO.digest,
            }
        ]

    def test_none_without_a_result(self, study: Study, radiologist: Any) -> None:
        assert sign(study, radiologist).model_shown == []
        analyse(0.8)
        who = {"user": radiologist, "actor": Actor.of(radiologist), "study": study}
        addendum = readings.amend(**who, report=REPORT, reason="Lab", supersedes=newest_text(study))
        assert [film["is_late"] for film in addendum.model_shown] == [True]

    def test_none_where_they_were_hidden_from_the_signer(
        self, study: Study, radiologist: Any, make_user: Any
    ) -> None:
        Study.objects.update(reads_required=2)
        analyse(0.8)
        assert len(sign(study, radiologist).model_shown) == 1
        second = make_user("Radiologist", study.site, "second")
        assert sign(study, second).model_shown == []
