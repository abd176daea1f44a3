"""Somebody at a screen, and what they type and choose there."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse

from tests import films

PASSWORD = "a-long-test-password"  # noqa: S105
PROVOKED = re.compile(r"\b422\b|a status of 4\d\d")
VIEW = {"width": 1366, "height": 768}


class Staff:
    """One person at one screen, whose console must stay clean."""

    def __init__(self, browser: Any, base: str, user: Any) -> None:
        self.complaints: list[str] = []
        self.page = browser.new_context(viewport=VIEW).new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.base = base
        self.user = user
        self.go("login")
        log_in(self.page, user)
        self.page.wait_for_url(f"{base}{reverse('worklist')}")

    def in_another_tab(self, link: str, user: Any = None) -> Any:
        """Follow a link that opens another tab, log in there, and return that tab."""
        with self.page.expect_popup() as opened:
            self.page.get_by_role("link", name=link).click()
        tab = opened.value
        log_in(tab, user or self.user)
        tab.get_by_role("button", name="Log out").wait_for()
        return tab

    def lose_session(self) -> None:
        self.page.context.clear_cookies(name="sessionid")

    def _listen(self, message: Any) -> None:
        """Errors and breaches of the content policy; a 4xx that the test provokes is neither."""
        if message.type == "error" and not PROVOKED.search(message.text):
            self.complaints.append(message.text)

    def go(self, route: str, *args: Any) -> None:
        self.page.goto(self.base + reverse(route, args=args))


def log_in(page: Any, user: Any) -> None:
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()


def film(seed: int = 1, haze: float = 0.6) -> dict[str, Any]:
    data = films.as_png8(films.chest(seed, haze=haze, size=(400, 360)))
    return {"name": f"film-{seed}.png", "mimeType": "image/png", "buffer": data}


def fill_in(page: Any) -> None:
    page.get_by_label("MRN").fill("SAMPLE-1")
    page.get_by_label("Patient name").fill("Ada Sample")
    page.get_by_label("Birth date").fill("2023-09-01")
    page.get_by_label("Sex").select_option("F")
    page.get_by_label("Urgent").check()
    page.get_by_label("Indication").fill("Fever and cough")
