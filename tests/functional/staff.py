"""Somebody at a screen, and what they type and choose there."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from tests import films

PASSWORD = "a-long-test-password"  # noqa: S105
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
        self.go("login")
        self.page.fill("[name=username]", user.username)
        self.page.fill("[name=password]", PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{base}{reverse('worklist')}")

    def _listen(self, message: Any) -> None:
        """Errors and breaches of the content policy; a 4xx that the test provokes is neither."""
        if message.type == "error" and "422" not in message.text:
            self.complaints.append(message.text)

    def go(self, route: str, *args: Any) -> None:
        self.page.goto(self.base + reverse(route, args=args))


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
