"""How far the films are: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pneumo_site.demo.visit import Row

LINE_EVERY = 2.0


class Meter:
    """Fed with the rows whenever one changes."""

    def __init__(self, console: Console, films: int) -> None:
        self._console = console
        self._films = films
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("submitting", total=films)

    def update(self, rows: Sequence[Row]) -> None:
        sent = sum(bool(row.study or row.code) for row in rows)
        settled = sum(row.is_settled for row in rows)
        words = "analysing" if sent == self._films else "submitting"
        self._bar.update(self._task, completed=settled, description=words)
        if self._console.is_terminal or (settled < self._films and not self._is_due()):
            return
        self._last_line = time.monotonic()
        self._console.print(f"{sent} of {self._films} films submitted, {settled} answered")

    def _is_due(self) -> bool:
        return time.monotonic() - self._last_line >= LINE_EVERY

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()
