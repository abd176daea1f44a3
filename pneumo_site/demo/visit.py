"""Submits the films as a member of staff would, and waits until each has its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pneumo_site.demo.client import Api, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pneumo_site.demo.films import DemoFilm

POLL_SECONDS = 0.5
TERMINAL = {"SUCCEEDED", "NOT_ASSESSABLE", "FAILED", "CANCELED"}
REFUSED = "REFUSED"


@dataclass
class Row:
    """One film's way. `outcome` is a job status, or REFUSED where the intake took nothing."""

    film: str
    study: str = ""
    outcome: str = ""
    code: str = ""
    probability: float | None = None
    label: str = ""
    seconds: float | None = None

    @property
    def is_settled(self) -> bool:
        return self.outcome in TERMINAL or self.outcome == REFUSED

    @property
    def is_awaited(self) -> bool:
        """A film that could not even be submitted has no answer to wait for."""
        return bool(self.study) and not self.is_settled


def visit(
    api: Api,
    films: Sequence[DemoFilm],
    *,
    changed: Callable[[Sequence[Row]], None],
    limit: float,
) -> list[Row]:
    """Rows in the films' order. Gives up when nothing has changed for `limit` seconds."""
    rows = [Row(film.label) for film in films]
    for row, film in zip(rows, films, strict=True):
        _submit(api, row, film)
        changed(rows)
    quiet_since = time.monotonic()
    while any(row.is_awaited for row in rows):
        if time.monotonic() - quiet_since > limit or api.stopped.wait(POLL_SECONDS):
            break
        if _look(api, rows):
            quiet_since = time.monotonic()
            changed(rows)
    return rows


def _submit(api: Api, row: Row, film: DemoFilm) -> None:
    try:
        row.study = str(api.submit(form=film.form, film=film.path)["uid"])
    except Refused as refusal:
        row.outcome, row.code = REFUSED, code_of(refusal)
    except Unreachable as error:
        row.code = str(error)


def code_of(refusal: Refused) -> str:
    """The film's own code where the answer holds one, else the answer's."""
    reports = refusal.body.get("details", refusal.body).get("films") or [{}]
    return str(reports[0].get("code") or refusal.code)


def _look(api: Api, rows: Sequence[Row]) -> bool:
    """Ask once for every open study; returns whether anything became known."""
    news = False
    for row in rows:
        if row.is_awaited and not api.stopped.is_set():
            try:
                news |= _read(row, api.study(row.study))
            except (Refused, Unreachable):
                continue
    return news


def _read(row: Row, study: dict[str, Any]) -> bool:
    film = study["films"][0]
    before = row.outcome
    row.outcome = film["status"]
    if row.is_settled:
        row.seconds = film["seconds_to_result"]
        row.code = film.get("code") or ""
        row.probability = film.get("probability")
        row.label = film.get("label") or ""
    return row.outcome != before
