"""What the demo shows on the operator's terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pneumo_site.demo.accounts import Account
    from pneumo_site.demo.visit import Row

DISCLAIMER = "Research use only, not a diagnosis."
LOG_WIDTH = 120


def console() -> Console:
    """On a terminal as wide as that is; wide enough for the names of films in a log file."""
    found = Console()
    if not found.file.isatty():
        found.width = max(found.width, LOG_WIDTH)
    return found


def results(rows: Sequence[Row]) -> Table:
    table = Table(title="Films", caption=DISCLAIMER)
    table.add_column("study", no_wrap=True)
    table.add_column("film", overflow="fold")
    table.add_column("outcome")
    table.add_column("probability", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        table.add_row(
            row.study[:8] or "-",
            escape(row.film),  # brackets in a file's name are no markup
            outcome(row),
            "-" if row.probability is None else f"{row.probability:.4f}",
            "-" if row.seconds is None else f"{row.seconds:.1f}",
        )
    return table


def outcome(row: Row) -> str:
    """The label where there is a score, else the status with its code, else that it is open."""
    if not row.is_settled:
        return f"still {row.outcome or 'not submitted'}" + (f" ({row.code})" if row.code else "")
    words = row.label or row.outcome
    return words.replace("_", " ").lower() + (f" ({row.code})" if row.code else "")


def accounts(people: Sequence[Account]) -> Table:
    table = Table(title="Log in as")
    table.add_column("user")
    table.add_column("role")
    table.add_column("password", no_wrap=True)
    for person in people:
        table.add_row(person.username, person.role.value, person.password or "(as printed before)")
    return table
