"""Waiting for what a page's own script says."""

from __future__ import annotations

from typing import Any

from tests.servers import wait_for


def until(page: Any, expression: str, arg: Any = None) -> None:
    """Until the expression, or the function of `arg`, is true. Playwright's own waiting evaluates
    it again from a timer, which our content security policy refuses.
    """
    wait_for(lambda: bool(page.evaluate(expression, arg)), 15, expression)
