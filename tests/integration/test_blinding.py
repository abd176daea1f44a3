"""Commit, then reveal: until an opinion is stored, no answer to anybody depends on the score."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import connection

from diagnosis import triggers
from diagnosis.models import AuditEvent, Result, Site, Study
from diagnosis.permissions import Actor
from diagnosis.services import (
    claims,
    critical,
    jobs,
    lifecycle,
    opinions,
    readings,
    results,
    workers,
)
from diagnosis.states import JobCode
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
from tests.integration.test_routes import ALL, Browser, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import CriticalFinding, Image

pytestmark = pytest.mark.django_db
HIGH, LOW = 0.97, 0.02
ROLES = ("submitter", "radiologist", "administrator", "auditor")
MOVING = re.compile(
    r'csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken": "[^"]*"|idempotency_key" value="[^"]*"'
    r"|data-seconds-left=\"\d+\"|\d\d?:\d\d(:\d\d(\.\d+)?)?( [ap]\.m\.)?|\d+ (s|min|h|d)\b|noon|midnight"
)


@dataclass(frozen=True)
class Opposites:
    """Two blinded studies with opposite scores, and everybody who might want to know them."""

    first: Study
    second: Study
    finding: CriticalFinding
    people: dict[str, Any]

    def worlds(self) -> list[World]:
        return [
            World(s, s, s.images.get(), self.finding, self.people)
            for s in (self.first, self.second)
        ]

    def answers(self, person: str) -> dict[str, str]:
        """What each route answers this person, without what changes from look to look."""
        browser, found = Browser(self.people[person]), {}
        for number, world in enumerate(self.worlds()):
            for route in ALL:
                if "jsi18n" not in route.name:
                    answer = browser.ask("GET", world.address(route))
                    text = answer.content.decode(errors="replace")
                    found[f"{route.name} {number}"] = f"{answer.status_code} {MOVING.sub('', text)}"
        for query in ("tab=all", "tab=reported", "priority=ROUTINE", f"after={self.first.uid}"):
            for address in (f"/worklist/rows/?{query}", f"/api/v1/studies/?{query}"):
                text = browser.ask("GET", address).content.decode()
                found[address] = MOVING.sub("", text)
        return found

    def swap(self) -> None:
        """Give each study the other's score, as if the model had said the opposite."""
        triggers.drop(connection)
        for study in (self.first, self.second):
            result = Result.objects.get(job__image__study=study)
            result.probability = HIGH + LOW - result.probability
            result.activation_map = [[1 - x for x in row] for row in result.activation_map]
            result.save()
            lifecycle.refresh(study=Study.objects.get(pk=study.pk))
        triggers.create(connection)


@pytest.fixture
def blind_site(site: Any) -> Any:
    site.reveal_policy = "ALWAYS"
    site.save()
    return site


@pytest.fixture
def opposites(  # noqa: PLR0917 (fixtures)
    blind_site: Site,
    submit: Callable[..., Study],
    submitter: Any,
    radiologist: Any,
    administrator: Any,
    auditor: Any,
) -> Opposites:
    first, second = submit(), submit()
    score(first, HIGH)
    score(second, LOW)
    workers.seen(name="w", model=FakeClassifier().info)
    people = dict(zip(ROLES, (submitter, radiologist, administrator, auditor), strict=True))
    first.readings.create(reader=radiologist)  # the walk opens a row of each kind
    actor = Actor.of(radiologist)
    claims.take(user=radiologist, actor=actor, study=first)
    marked = critical.Marked("FREE_AIR", recipient=submitter.pk)
    finding = critical.mark(user=radiologist, actor=actor, study=first, marked=marked)
    claims.release(user=radiologist, actor=actor, study=first)
    return Opposites(first, second, finding, people)


def ended(study: Study, ending: Callable[[int, int], results.Ending]) -> None:
    actor = Actor.system("w")
    (job,) = [j for j in jobs.claim(worker="w", model_digest=FAKE_DIGEST, limit=1) if j is not None]
    assert job.storage_key == study.images.get().storage_key
    ending_of = ending(job.id, job.attempt)
    results.record(endings=[ending_of], model=FakeClassifier().info, actor=actor)


def score(study: Study, probability: float) -> None:
    evidence = np.full((4, 4), probability, dtype=np.float32)
    ended(study, lambda key, n: results.scored(key, n, Prediction(probability, evidence)))


def opine(study: Study, by: Any, opinion: str = "PNEUMONIA") -> None:
    first = opinions.FirstOpinion(opinion, 80)
    opinions.store(user=by, actor=Actor.of(by), study=study, first=first)


def differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    assert before.keys() == after.keys()
    return [name for name in before if before[name] != after[name]]


@pytest.mark.parametrize("person", ROLES)
def test_no_answer_depends_on_a_hidden_score(opposites: Opposites, person: str) -> None:
    before = opposites.answers(person)
    opposites.swap()
    assert differing(before, opposites.answers(person)) == []


def test_the_same_walk_sees_a_score_that_is_not_hidden(opposites: Opposites) -> None:
    Study.objects.update(is_blinded=False)
    before = opposites.answers("radiologist")
    opposites.swap()
    seen = {name.split()[0] for name in differing(before, opposites.answers("radiologist"))}
    assert {"worklist", "worklist-rows", "study", "study-films", "heat-map"} <= seen
    assert {"api-studies", "api-study", "api-heat-map"} <= seen


def test_the_order_of_the_worklist_is_that_of_submission(opposites: Opposites) -> None:
    Study.objects.filter(pk=opposites.first.pk).update(priority="ROUTINE")
    assert list(Study.objects.order_by("worklist_rank", "id")) == [
        opposites.first,
        opposites.second,
    ]


def test_the_trail_of_an_open_blinded_case_tells_no_ending(opposites: Opposites) -> None:
    events = AuditEvent.objects.exclude(study="")
    assert events.filter(action="JOB_ENDED").count() == 2
    assert not events.filter(action__in=["JOB_SUCCEED", "JOB_REFUSE", "JOB_FAIL"]).exists()
    assert not [event for event in events if "probability" in {**event.before, **event.after}]


def test_a_film_that_is_not_assessable_reads_like_one_with_a_score(
    blind_site: Site, submit: Callable[..., Study], radiologist: Any
) -> None:
    scored, refused = submit(), submit()
    score(scored, HIGH)
    ended(refused, lambda key, n: results.refused(key, n, JobCode.AGE_OUT_OF_RANGE))
    browser = Browser(radiologist)
    bodies = []
    for study in (scored, refused):
        film: Image = study.images.get()
        text = browser.ask("GET", f"/api/v1/studies/{study.uid}/").json()
        (told,) = text["films"]
        assert told["status"] == "HIDDEN"
        bodies.append(set(told) | set(text))
        assert "ai_unavailable" not in text
        page = browser.ask("GET", f"/studies/{study.uid}/").content.decode()
        assert "AGE_OUT_OF_RANGE" not in page
        assert "Model unavailable" not in page
        assert browser.ask("GET", f"/films/{film.uid}/heat-map.png").status_code == 403
    assert bodies[0] == bodies[1]


class TestReveal:
    def test_to_the_reader_whose_opinion_is_stored_and_to_nobody_else(
        self, opposites: Opposites, radiologist: Any, make_user: Any, site: Any
    ) -> None:
        opposites.people["colleague"] = make_user("Radiologist", site, "colleague")
        opine(opposites.first, radiologist)
        study = f"/api/v1/studies/{opposites.first.uid}/"
        assert Browser(radiologist).ask("GET", study).json()["probability"] == HIGH
        for person in ("submitter", "administrator", "colleague"):
            told = Browser(opposites.people[person]).ask("GET", study).json()
            assert told["model_hidden"]
            assert "probability" not in told
        page = Browser(radiologist).ask("GET", f"/studies/{opposites.second.uid}/").content
        assert b"97.0" not in page

    def test_to_everybody_when_the_case_is_reported(
        self, opposites: Opposites, radiologist: Any, submitter: Any
    ) -> None:
        opine(opposites.first, radiologist)
        report = readings.Report("NO_PNEUMONIA", "Clear.")
        actor = Actor.of(radiologist)
        reading = readings.sign(user=radiologist, actor=actor, study=opposites.first, report=report)
        assert (reading.first_opinion, reading.opinion) == ("PNEUMONIA", "NO_PNEUMONIA")
        assert reading.opined_at is not None
        assert reading.signed_at is not None
        assert reading.opined_at <= reading.signed_at
        told = Browser(submitter).ask("GET", f"/api/v1/studies/{opposites.first.uid}/").json()
        assert told["probability"] == HIGH
        events = AuditEvent.objects.filter(study=str(opposites.first.uid))
        assert events.get(action="OPINION_STORED").after == {}

    def test_a_draft_reveals_nothing(self, opposites: Opposites, radiologist: Any) -> None:
        opposites.second.readings.create(reader=radiologist, opinion="PNEUMONIA")
        told = Browser(radiologist).ask("GET", f"/api/v1/studies/{opposites.second.uid}/").json()
        assert told["model_hidden"]
