"""What the tests of reports look for on the study page."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.functional.waiting import until

KEPT = "Object.keys(localStorage).filter(key => key.startsWith('pneumo:draft:')).length"


def field(page: Any, name: str) -> Any:
    return page.get_by_role("textbox", name=name, exact=True)


def saved(page: Any) -> None:
    expect(page.locator("[data-draft-state]")).to_contain_text(re.compile(r"Saved \d"))
    until(page, f"{KEPT} === 0")
