"""Who is told of what, by which step, and how it is seen, undone and forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from diagnosis.models import Notification, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import notices as query
from diagnosis.services import adding_films, claims, notices
from diagnosis.states import JobCode
from tests.integration.diagnosis.test_lifecycle import amend, sign
from tests.integration.diagnosis.work import WORKER, analyse, film, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def told(user: Any) -> list[str]:
    rows = Notification.objects.filter(user=user).order_by("id")
    return list(rows.values_list("kind", flat=True))


def who(user: Any) -> dict[str, Any]:
    return {"user": user, "actor": Actor.of(user)}


class TestReports:
    def test_the_submitter_is_told_of_report_and_addendum(
        self, submit: Callable[..., Study], submitter: Any, radiologist: Any
    ) -> None:
        study = submit()
        sign(study, radiologist)
        assert told(submitter) == ["REPORT_SIGNED"]
        amend(study, radiologist)
        assert told(submitter) == ["REPORT_SIGNED", "REPORT_AMENDED"]
        assert told(radiologist) == []

    def test_who_signs_their_own_study_is_not_told(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study = submit()
        Study.objects.update(submitted_by=radiologist)
        sign(study, radiologist)
        assert told(radiologist) == []

    def test_what_is_undone_tells_nobody(
        self, submit: Callable[..., Study], submitter: Any, radiologist: Any
    ) -> None:
        study = submit()
        with transaction.atomic():
            sign(study, radiologist)
            transaction.set_rollback(True)
        assert told(submitter) == []


class TestFilms:
    def test_a_film_to_be_taken_again_is_told_once_and_again_for_the_next(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        study = submit([film(1), film(2)])
        refuse()
        assert told(submitter) == ["FILM_NOT_ASSESSABLE"]
        addition = adding_films.Addition(films=[film(3)])
        adding_films.add_films(study=study, addition=addition, **who(submitter))
        refuse()
        assert told(submitter) == ["FILM_NOT_ASSESSABLE"] * 2

    def test_nothing_is_told_where_no_other_film_would_help(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        submit()
        refuse(JobCode.AGE_OUT_OF_RANGE)
        assert told(submitter) == []

    def test_nothing_is_told_while_the_model_is_hidden(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        submit()
        Study.objects.update(is_blinded=True)
        refuse()
        assert told(submitter) == []

    def test_who_reads_the_case_is_told_of_a_further_film(
        self, submit: Callable[..., Study], submitter: Any, radiologist: Any
    ) -> None:
        study = submit()
        claims.take(study=study, **who(radiologist))
        addition = adding_films.Addition(films=[film(3)])
        adding_films.add_films(study=study, addition=addition, **who(submitter))
        assert told(radiologist) == ["FILM_ADDED"]


class TestReads:
    def test_the_others_get_one_summary_of_what_waits(
        self, submit: Callable[..., Study], radiologist: Any, make_user: Any, site: Any,
        other_site: Any,
    ) -> None:  # fmt: skip
        second, third = (make_user("Radiologist", site, name) for name in ("second", "third"))
        stranger = make_user("Radiologist", other_site)
        for _ in range(3):
            study = submit()
            Study.objects.filter(pk=study.pk).update(reads_required=2)
            sign(study, radiologist)
        assert [told(reader) for reader in (radiologist, second, stranger)] == [
            [], ["READ_WAITS"], [],
        ]  # fmt: skip
        notices.see(user=third)
        sign(study, second, "NO_PNEUMONIA")  # now an arbiter is wanted
        assert told(third) == ["READ_WAITS"] * 2
        assert told(second) == ["READ_WAITS"]

    def test_the_former_reader_is_told_of_a_take_over(
        self, submit: Callable[..., Study], radiologist: Any, make_user: Any, site: Any
    ) -> None:
        study, other = submit(), make_user("Radiologist", site, "other")
        claims.take(study=study, **who(radiologist))
        claims.take(study=study, reason="End of shift", **who(other))
        assert told(radiologist) == ["CASE_TAKEN_OVER"]
        assert told(other) == []


class TestSeen:
    @pytest.fixture
    def mine(self, submit: Callable[..., Study], submitter: Any, radiologist: Any) -> list[int]:
        for _ in range(3):
            sign(submit(), radiologist)
        return [notice.pk for notice in query.page(submitter).notices]

    def test_one_a_study_or_all(self, mine: list[int], submitter: Any, radiologist: Any) -> None:
        notices.see(user=radiologist, one=mine[0])
        assert query.unseen(submitter) == 3, "another's are not mine to mark"
        notices.see(user=submitter, one=mine[0])
        assert query.unseen(submitter) == 2
        study = Notification.objects.get(pk=mine[1]).study
        notices.see(user=submitter, study=study)
        assert query.unseen(submitter) == 1
        notices.see(user=submitter)
        assert query.unseen(submitter) == 0

    def test_undo_brings_back_those_of_one_click(self, mine: list[int], submitter: Any) -> None:
        first = db_now() - timedelta(seconds=5)
        Notification.objects.filter(pk=mine[0]).update(seen_at=first)
        rest = notices.see(user=submitter)
        assert rest
        notices.unsee(user=submitter, seen_at=rest)
        assert query.unseen(submitter) == 2
        notices.unsee(user=submitter, seen_at=first)
        assert query.unseen(submitter) == 3
        assert notices.see(user=submitter, one=987_654) is None

    def test_undo_leaves_one_summary(self, radiologist: Any) -> None:
        notices.tell(kind=notices.NoticeKind.READ_WAITS, users=[radiologist.pk])
        moment = notices.see(user=radiologist)
        assert moment
        notices.tell(kind=notices.NoticeKind.READ_WAITS, users=[radiologist.pk])
        notices.unsee(user=radiologist, seen_at=moment)
        assert query.unseen(radiologist) == 1

    def test_pages_and_counts_have_an_end(
        self, mine: list[int], submitter: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = query.page(submitter, size=2)
        assert [notice.pk for notice in page.notices] == mine[:2]
        rest = query.page(submitter, before=page.next_cursor, size=2)
        assert ([notice.pk for notice in rest.notices], rest.next_cursor) == (mine[2:], "")
        assert query.page(submitter, before="nonsense").notices[0].pk == mine[0]
        monkeypatch.setattr(query, "MOST_COUNTED", 1)
        assert query.unseen(submitter) == 2

    def test_only_what_was_seen_long_ago_is_forgotten(
        self, mine: list[int], submitter: Any
    ) -> None:
        old = db_now() - notices.KEPT - timedelta(minutes=1)
        Notification.objects.update(created_at=old)
        Notification.objects.filter(pk=mine[0]).update(seen_at=old)
        Notification.objects.filter(pk=mine[1]).update(seen_at=db_now())
        assert notices.prune() == 1
        assert [notice.pk for notice in query.page(submitter).notices] == mine[1:]


def test_an_analysis_that_goes_well_asks_nothing_more(submit: Callable[..., Study]) -> None:
    submit()
    with CaptureQueriesContext(connection) as queries:
        analyse()
    assert not [query for query in queries if "notification" in query["sql"]]


def test_the_count_is_asked_of_an_index(radiologist: Any) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    mine = Notification.objects.filter(user=radiologist, seen_at__isnull=True).order_by()
    assert "notification_unseen" in mine[:100].explain()


def test_a_system_step_tells_the_submitter_too(
    submit: Callable[..., Study], submitter: Any
) -> None:
    study = submit()
    notices.step_taken(study=study, event=notices.StudyEvent.REPORT, actor=WORKER)
    assert told(submitter) == ["REPORT_SIGNED"]
