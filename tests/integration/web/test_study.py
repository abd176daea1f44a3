"""The study page and its live part."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent, CaseClaim, Image, Result
from diagnosis.permissions import Actor
from diagnosis.services import claims, readings
from diagnosis.states import JobCode
from diagnosis.web import words
from ml.contracts import GateCode
from tests import films

pytestmark = pytest.mark.django_db
RESEARCH = "<strong>Research use only, not a diagnosis.</strong>"


def address(study: Any, route: str = "study") -> str:
    return reverse(route, args=[study.uid])


def text_of(browser: Any, study: Any, route: str = "study") -> str:
    answer = browser.get(address(study, route))
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("role", "can_start"), [("submitter", False), ("radiologist", True), ("administrator", False)]
)
def test_members_open_it_and_only_radiologists_can_start_reading(
    as_user: Any,
    submit: Any,
    request: Any,
    role: str,
    can_start: bool,  # noqa: FBT001
) -> None:
    study = submit(name="Ada Sample", indication="Fever")
    text = text_of(as_user(request.getfixturevalue(role)), study)
    assert "Ada Sample" in text
    assert "Fever" in text
    assert (address(study, "study-claim") in text) is can_start


def test_strangers_cannot_tell_it_from_one_that_does_not_exist(
    as_user: Any, submit: Any, foreign_radiologist: Any
) -> None:
    browser = as_user(foreign_radiologist)
    foreign = browser.get(address(submit()))
    missing = browser.get(reverse("study", args=["00000000-0000-4000-8000-000000000000"]))
    assert foreign.status_code == missing.status_code == 404
    assert b"There is no such record, or you may not see it." in foreign.content


def test_opening_it_is_an_event(as_user: Any, submit: Any, radiologist: Any) -> None:
    study = submit()
    text_of(as_user(radiologist), study)
    event = AuditEvent.objects.get(action="STUDY_VIEWED")
    assert (event.actor_name, event.study) == (radiologist.username, str(study.uid))


def test_polling_goes_on_until_every_film_has_ended(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    study, browser = submit(), as_user(radiologist)
    poll = f'hx-get="{address(study, "study-films")}"'
    page = text_of(browser, study)
    assert poll in page
    assert "Waiting for a worker" in page
    assert RESEARCH not in page.split("results")[1].split("reading")[0]
    assert poll in text_of(browser, study, "study-films")
    analyse()
    live = text_of(browser, study, "study-films")
    assert poll not in live
    assert "hx-trigger" not in live
    assert RESEARCH in live
    assert 'id="study-state" hx-swap-oob="true"' in live
    assert "To read" in live
    assert poll not in text_of(browser, study)


def test_a_result_is_shown_with_its_decision_point_and_model(
    as_user: Any, submit: Any, analyse: Any, submitter: Any, model_version: Any
) -> None:
    study = submit()
    analyse()
    result = Result.objects.get()
    text = text_of(as_user(submitter), study)
    assert f"{result.probability * 100:.1f} %" in text
    assert "Decision point" in text
    assert "50.0 %" in text
    assert model_version.digest[:10] in text
    assert words.SUGGESTS[result.suggests_pneumonia] in text
    assert "data-has-heat" in text
    assert RESEARCH in text


def test_not_assessable_says_why_and_what_to_do(
    as_user: Any, submit: Any, analyse: Any, submitter: Any
) -> None:
    study = submit([films.as_png8(films.chest(1, size=(90, 80)))])
    analyse()
    text = text_of(as_user(submitter), study)
    assert "Not assessable: The film has too few pixels" in text
    assert "<code>TOO_SMALL</code>" in text
    assert "Submit it again at its true size." in text
    assert "uggest pneumonia" not in text
    assert "data-pending" not in text


def test_every_code_has_words_of_its_own() -> None:
    unknown = words.no_score("SOMETHING_NEW")
    for code in (*GateCode, *JobCode):
        assert words.no_score(code) != unknown, code


def test_a_late_result_is_marked(as_user: Any, submit: Any, analyse: Any, radiologist: Any) -> None:
    study = submit()
    report = readings.Report(opinion="NO_PNEUMONIA", impression="Clear.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=study, report=report)
    analyse()
    assert "Late: arrived after an opinion" in text_of(as_user(radiologist), study)


def test_the_same_film_under_another_patient_is_flagged(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    film = films.as_png8(films.chest(5, size=(300, 260)))
    submit([film], mrn="A")
    second = submit([film], mrn="B")
    assert "stored under another patient" in text_of(as_user(radiologist), second)


def test_earlier_studies_of_the_patient_are_linked(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    first = submit(mrn="A")
    other = submit(mrn="B")
    second = submit([films.as_png8(films.chest(9, size=(300, 260)))], mrn="A")
    text = text_of(as_user(radiologist), second)
    assert address(first) in text
    assert address(other) not in text


def test_films_of_the_patients_other_studies_can_stand_beside_it(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    first = submit(mrn="A").images.get()
    other = submit(mrn="B").images.get()
    two = [films.as_png8(films.chest(seed, size=(300, 260))) for seed in (8, 9)]
    answer = as_user(radiologist).get(address(submit(two, mrn="A")))
    shown = answer.context["comparable"]
    assert [sheet.image.study_id == first.study_id for sheet in shown] == [True, False, False]
    assert f'data-pixels="{reverse("film-pixels", args=[first.uid])}"' in answer.content.decode()
    assert str(other.uid) not in answer.content.decode()


def test_a_single_film_without_another_study_has_nothing_beside_it(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    assert as_user(radiologist).get(address(submit())).context["comparable"] == []


def test_history_tells_in_words_and_counts_looks_apart(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    study, browser = submit(), as_user(radiologist)
    analyse()
    film = Image.objects.get()
    for _ in range(3):
        browser.get(reverse("film", args=[film.uid]))
    answer = browser.get(address(study))
    done = [event.words for event in answer.context["events"]]
    assert done[0] == "completed the analysis; the case waits for its reader"
    assert "submitted the study" in done
    assert "finished the analysis of a film" in done
    assert "viewed a film" not in done
    looks = {look.words: look.count for look in answer.context["looks"]}
    assert looks == {"viewed a film": 3, "opened the study": 1}


def test_claim_release_and_heartbeat(as_user: Any, submit: Any, radiologist: Any) -> None:
    study, browser = submit(), as_user(radiologist)
    beat = address(study, "study-heartbeat")
    assert browser.post(beat).json() == {"held": False, "user": radiologist.username}
    answer = browser.post(address(study, "study-claim"))
    assert (answer.status_code, answer["Location"]) == (302, address(study))
    assert CaseClaim.objects.get().holder == radiologist
    assert browser.post(beat).json() == {"held": True, "user": radiologist.username}
    assert beat in text_of(browser, study)
    browser.post(address(study, "study-release"))
    assert not CaseClaim.objects.exists()


def test_a_held_case_is_taken_over_only_with_a_reason(
    as_user: Any, submit: Any, radiologist: Any, make_user: Any, site: Any
) -> None:
    study = submit()
    colleague = make_user("Radiologist", site, "colleague")
    claims.take(user=colleague, actor=Actor.of(colleague), study=study)
    browser = as_user(radiologist)
    text = text_of(browser, study)
    assert "<b>colleague</b> is reading this case" in text
    assert address(study, "study-sign") not in text
    refused = browser.post(address(study, "study-claim"))
    assert refused.status_code == 409
    assert b"CASE_HELD" in refused.content
    assert address(study) in refused.content.decode()
    browser.post(address(study, "study-claim"), {"reason": "Shift ended"})
    assert CaseClaim.objects.get().holder == radiologist
    event = AuditEvent.objects.get(action="CASE_TAKEN_OVER")
    assert event.reason == "Shift ended"
    assert "Reason: Shift ended" in text_of(browser, study)


def test_a_nul_in_a_reason_is_left_out(
    as_user: Any, submit: Any, radiologist: Any, make_user: Any, site: Any
) -> None:
    study = submit()
    colleague = make_user("Radiologist", site, "colleague")
    claims.take(user=colleague, actor=Actor.of(colleague), study=study)
    browser = as_user(radiologist)
    assert browser.post(address(study, "study-claim"), {"reason": "\0 \0"}).status_code == 409
    answer = browser.post(address(study, "study-claim"), {"reason": "Shift\0 ended"})
    assert answer.status_code == 302
    assert AuditEvent.objects.get(action="CASE_TAKEN_OVER").reason == "Shift ended"


@pytest.mark.parametrize("route", ["study-claim", "study-release", "study-heartbeat"])
def test_only_radiologists_of_the_site_hold_cases(
    as_user: Any, submit: Any, submitter: Any, foreign_radiologist: Any, route: str
) -> None:
    study = submit()
    assert as_user(submitter).post(address(study, route)).status_code == 403
    assert as_user(foreign_radiologist).post(address(study, route)).status_code == 404
    assert as_user(None).post(address(study, route)).status_code == 302
    assert as_user(foreign_radiologist).get(address(study, route)).status_code == 405
    assert not CaseClaim.objects.exists()
