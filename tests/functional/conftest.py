"""A headless Chromium for the tests that drive one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from tests import chromium
from tests.functional.staff import Staff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Chromium through Playwright; skipped where none can be had."""
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    if path is None:
        pytest.skip(chromium.MISSING)
    # Playwright's sync interface runs an event loop, and Django refuses queries beside one.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield launched
        launched.close()
        # Beside an event loop Django keeps connections of their own; nothing else closes them.
        connections.close_all()


@pytest.fixture
def staff(browser: Any, live_server: Any) -> Callable[[Any], Staff]:
    """staff(user) -> that person, logged in, on the worklist."""
    return lambda user: Staff(browser, live_server.url, user)
