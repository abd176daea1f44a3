"""Submitting and waiting: every film ends with an outcome, or the demo says that it did not."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pneumo_site.demo import table
from pneumo_site.demo.client import Api, Refused, Unreachable
from pneumo_site.demo.films import DemoFilm
from pneumo_site.demo.visit import REFUSED, Row, visit

SCORED = {
    "status": "SUCCEEDED",
    "probability": 0.91,
    "label": "PNEUMONIA",
    "seconds_to_result": 1.5,
}


class Scripted(Api):
    """An API whose films answer what the script says, one step a look."""

    def __init__(self, script: dict[str, list[dict[str, Any] | Exception]]) -> None:
        super().__init__("127.0.0.1", 0, "", threading.Event())
        object.__setattr__(self, "script", script)

    def submit(self, *, form: Any, film: Path) -> dict[str, Any]:
        steps = self.script[film.name]
        if (steps and isinstance(steps[0], Refused)) or film.name == "never":
            raise steps[0]
        return {"uid": film.name}

    def study(self, uid: str) -> dict[str, Any]:
        steps = self.script[uid]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        return {"films": [step]}


def outcomes(script: dict[str, list[dict[str, Any] | Exception]], limit: float = 5) -> list[Row]:
    films = [DemoFilm(Path(name), {}) for name in script]
    return visit(Scripted(script), films, changed=lambda rows: None, limit=limit)


def test_waits_for_every_film_and_keeps_their_order() -> None:
    rows = outcomes(
        {
            "slow": [{"status": "QUEUED"}, {"status": "RUNNING"}, SCORED],
            "fast": [SCORED],
            "none": [{"status": "NOT_ASSESSABLE", "code": "TOO_SMALL", "seconds_to_result": 0.5}],
        }
    )
    assert [(row.film, row.outcome, row.code) for row in rows] == [
        ("slow", "SUCCEEDED", ""),
        ("fast", "SUCCEEDED", ""),
        ("none", "NOT_ASSESSABLE", "TOO_SMALL"),
    ]
    assert rows[0].probability == 0.91
    assert rows[2].probability is None
    assert [row.seconds for row in rows] == [1.5, 1.5, 0.5]


def test_a_refused_film_has_its_own_code_and_the_others_go_on() -> None:
    films = [{"position": 1, "code": "CORRUPT"}]
    body = {"code": "NO_USABLE_FILM", "message": "None.", "details": {"films": films}}
    rows = outcomes({"bad": [Refused("NO_USABLE_FILM", "None.", body)], "good": [SCORED]})
    assert (rows[0].outcome, rows[0].code) == (REFUSED, "CORRUPT")
    assert rows[1].outcome == "SUCCEEDED"


def test_a_refusal_without_films_keeps_its_own_code() -> None:
    details = {"films": [{"film": 1, "fields": ["sex"]}], "patient_record": []}
    refusal = Refused("PATIENT_MISMATCH", "Check both.", {"details": details})
    (row,) = outcomes({"bad": [refusal]})
    assert (row.outcome, row.code) == (REFUSED, "PATIENT_MISMATCH")


def test_a_web_process_that_dies_in_between_is_asked_again() -> None:
    rows = outcomes({"film": [Unreachable("gone"), {"status": "QUEUED"}, SCORED]})
    assert rows[0].outcome == "SUCCEEDED"


def test_a_film_that_could_not_be_submitted_is_not_waited_for() -> None:
    rows = outcomes({"never": [Unreachable("gone")], "good": [SCORED]}, limit=1000)
    assert not rows[0].is_settled
    assert rows[1].is_settled


def test_gives_up_when_nothing_changes_any_more() -> None:
    (row,) = outcomes({"stuck": [{"status": "QUEUED"}]}, limit=0.3)
    assert not row.is_settled
    assert row.outcome == "QUEUED"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row("f", "s", "SUCCEEDED", label="NO_PNEUMONIA", probability=0.1), "no pneumonia"),
        (Row("f", "s", "NOT_ASSESSABLE", "TOO_SMALL"), "not assessable (TOO_SMALL)"),
        (Row("f", "", REFUSED, "CORRUPT"), "refused (CORRUPT)"),
        (Row("f", "s", "RUNNING"), "still RUNNING"),
        (Row("f", "s", ""), "still not submitted"),
    ],
)
def test_words_of_an_outcome(row: Row, words: str) -> None:
    assert table.outcome(row) == words


def test_the_table_shows_names_as_they_are_and_what_it_is_for() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table.results([Row("[bold]x.png", "abcdefgh-1", "SUCCEEDED", probability=0.25)]))
    text = console.export_text()
    assert "[bold]x.png" in text
    assert "0.2500" in text
    assert "Research use only" in text


def test_a_log_file_gets_each_film_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", log)
    row = Row("person1946_bacteria_4874.jpeg", "abcdefgh-1", "NOT_ASSESSABLE", "AGE_OUT_OF_RANGE")
    table.console().print(table.results([row]))
    (line,) = [line for line in log.getvalue().splitlines() if row.film in line]
    assert "not assessable (AGE_OUT_OF_RANGE)" in line
