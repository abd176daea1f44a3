"""The worklist: who sees what, in which order, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import Result, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import worklist as query
from diagnosis.queries.filters import TABS
from diagnosis.services import claims, jobs, readings, results
from diagnosis.web.present import percent
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
from tests import films

pytestmark = pytest.mark.django_db


def page(browser: Any, **query_string: str) -> str:
    answer = browser.get(reverse("worklist"), query_string)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("role", ["submitter", "radiologist", "administrator"])
def test_members_see_their_sites_studies(
    as_user: Any, submit: Any, request: Any, role: str
) -> None:
    study = submit(name="Ada Sample", mrn="M-77", indication="Fever")
    text = page(as_user(request.getfixturevalue(role)))
    assert "Ada Sample" in text
    assert "M-77" in text
    assert "Fever" in text
    assert reverse("study", args=[study.uid]) in text


def test_other_sites_see_nothing_of_it(as_user: Any, submit: Any, foreign_radiologist: Any) -> None:
    submit(name="Ada Sample")
    text = page(as_user(foreign_radiologist))
    assert "Ada Sample" not in text
    assert "No study waits for a reader" in text


def test_the_auditor_has_no_worklist(as_user: Any, auditor: Any) -> None:
    answer = as_user(auditor).get(reverse("worklist"))
    assert answer.status_code == 403
    assert "NOT_PERMITTED" in answer.content.decode()


def test_a_name_is_text_and_never_markup(as_user: Any, submit: Any, radiologist: Any) -> None:
    submit(name="<script>alert(1)</script>", indication="<b>x</b>")
    text = page(as_user(radiologist))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_a_study_is_listed_before_and_after_its_analysis(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    submit()
    browser = as_user(radiologist)
    assert "Analysis pending</span>" in page(browser)
    assert "Suggests" not in page(browser)
    analyse()
    after = page(browser)
    result = Result.objects.get()
    assert "Analysis pending</span>" not in after
    assert percent(result.probability).replace(">", "&gt;").replace("<", "&lt;") in after
    assert percent(result.threshold) in after
    label = "Suggests pneumonia" if result.suggests_pneumonia else "Does not suggest pneumonia"
    assert label in after
    assert "research use only, not a diagnosis" in after.lower()


def test_a_film_without_a_score_is_marked_and_has_no_label(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    submit([films.as_png8(films.chest(1, size=(90, 80)))])
    analyse()
    text = page(as_user(radiologist))
    assert "New film needed" in text
    assert "No score" in text
    assert "uggest pneumonia" not in text


def test_a_film_over_its_own_threshold_is_never_hidden_by_a_higher_score(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    """Two model versions may have analysed the films of one study."""
    submit([films.as_png8(films.chest(n, size=(300, 260))) for n in (1, 2)])
    for probability, threshold in ((0.6, 0.7), (0.5, 0.3)):
        (held,) = jobs.claim(worker="w", model_digest=FAKE_DIGEST, limit=1)
        results.record(
            endings=[results.scored(held.id, held.attempt, Prediction(probability))],
            model=replace(FakeClassifier().info, threshold=threshold),
            actor=Actor.system("w"),
        )
    text = page(as_user(radiologist))
    assert "Suggests pneumonia" in text
    assert "50.0 %" in text


def test_a_slow_analysis_raises_an_alarm(as_user: Any, submit: Any, radiologist: Any) -> None:
    study = submit(priority="STAT")
    Study.objects.filter(pk=study.pk).update(submitted_at=db_now() - timedelta(minutes=6))
    assert "Analysis delayed" in page(as_user(radiologist))


@pytest.mark.parametrize(
    ("minutes_ago", "told"),
    [
        (29, ("on-time", "due in")),
        (31, ("half", "more than half")),
        (61, ("over", "overdue 1 min")),
    ],
)
def test_the_turn_round_clock_has_a_colour_a_shape_and_words(
    as_user: Any, submit: Any, radiologist: Any, minutes_ago: int, told: tuple[str, str]
) -> None:
    study = submit(priority="STAT")
    at = db_now() - timedelta(minutes=minutes_ago)
    Study.objects.filter(pk=study.pk).update(submitted_at=at, due_at=at + timedelta(minutes=60))
    text = page(as_user(radiologist))
    shown = text[text.index(f'class="sub clock {told[0]}"') :].split("</td>")[0]
    assert "<svg" in shown
    assert told[1] in shown


def test_an_overdue_case_says_so(as_user: Any, submit: Any, radiologist: Any) -> None:
    study = submit()
    Study.objects.filter(pk=study.pk).update(due_at=db_now() - timedelta(minutes=90))
    assert "overdue 1 h 30 min" in page(as_user(radiologist))


def test_the_holder_is_named(as_user: Any, submit: Any, radiologist: Any) -> None:
    claims.take(user=radiologist, actor=Actor.of(radiologist), study=submit())
    assert '<span class="held">radiologist-north</span>' in page(as_user(radiologist))


def test_tabs_and_priorities_filter_and_count(as_user: Any, submit: Any, radiologist: Any) -> None:
    submit(name="Stat Case", priority="STAT")
    signed = submit(name="Signed Case", priority="ROUTINE")
    report = readings.Report(opinion="NO_PNEUMONIA", impression="Clear.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=signed, report=report)
    browser = as_user(radiologist)
    seen = {
        (tab, priority): [
            name
            for name in ("Stat Case", "Signed Case")
            if name in page(browser, tab=tab, priority=priority)
        ]
        for tab in TABS
        for priority in ("", "STAT", "ROUTINE")
    }
    assert seen[("to-read", "")] == ["Stat Case"]
    assert seen[("reported", "")] == ["Signed Case"]
    assert seen[("all", "")] == ["Stat Case", "Signed Case"]
    assert seen[("to-read", "ROUTINE")] == []
    assert seen[("reported", "ROUTINE")] == ["Signed Case"]
    context = browser.get(reverse("worklist")).context
    assert [count for _, _, count, _ in context["tabs"]] == ["1", "0", "0", "1", "2"]
    assert [count for _, _, count, _ in context["priorities"]] == ["1", "1", "0", "0"]


def test_unknown_words_in_the_address_mean_the_default(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    submit(name="Ada Sample")
    text = page(as_user(radiologist), tab="<x>", priority="'", after="nonsense")
    assert "Ada Sample" in text
    assert "<x>" not in text


def test_pages_follow_each_other_without_gap_or_repeat(
    as_user: Any, submit: Any, radiologist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query.page, "__kwdefaults__", {**query.page.__kwdefaults__, "size": 2})
    made = [str(submit(priority=p).uid) for p in ("ROUTINE", "STAT", "URGENT", "STAT", "ROUTINE")]
    browser, seen, after = as_user(radiologist), [], ""
    for _ in range(4):
        context = browser.get(reverse("worklist"), {"after": after}).context
        seen += [str(row.study.uid) for row in context["rows"]]
        after = context["next_cursor"]
        if not after:
            break
    assert seen == [made[1], made[3], made[2], made[0], made[4]]


def test_the_refresh_asks_for_the_page_that_is_shown(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    study, later = submit(), submit()
    address = f"?tab=all&amp;priority=ROUTINE&amp;after={study.uid}"
    browser = as_user(radiologist)
    text = page(browser, tab="all", priority="ROUTINE", after=str(study.uid))
    assert f'hx-get="{reverse("worklist-rows")}{address}"' in text
    rows = browser.get(
        reverse("worklist-rows"), {"tab": "all", "priority": "ROUTINE", "after": study.uid}
    ).content.decode()
    assert "<html" not in rows
    assert str(later.uid) in rows
    assert f'data-row="{study.uid}"' not in rows
