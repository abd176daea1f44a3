"""The admin pages and the API's documentation in a real browser, under the content policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.admin import site as admin_site
from diagnosis.models import Job, Result
from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from diagnosis.models import Study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-test-password"  # noqa: S105 (of tests/conftest.py)


class Visit:
    """A page of the browser that keeps what its console complains of."""

    def __init__(self, browser: Any, address: str) -> None:
        self.address = address
        self.page = browser.new_page(viewport={"width": 1366, "height": 768})
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, path: str) -> None:
        answer = self.page.goto(self.address + path, wait_until="networkidle")
        assert (answer.status, self.page.url) == (200, self.address + path)

    def open_admin(self, path: str = "") -> None:
        """As `open`; every one of these pages says what results are for."""
        self.open(f"/admin/{path}")
        assert self.page.get_by_text("Research use only, not a diagnosis.").is_visible()


@pytest.fixture
def visit(browser: Any, live_server: Any, administrator: Any) -> Iterator[Visit]:
    visit = Visit(browser, live_server.url)
    visit.page.goto(f"{live_server.url}/admin/")
    visit.page.get_by_label("User").first.fill(administrator.username)
    visit.page.locator("input[type=password]").fill(PASSWORD)
    visit.page.keyboard.press("Enter")
    visit.page.locator("#site-name").wait_for()
    yield visit
    visit.page.close()


def test_no_page_breaks_the_content_policy(visit: Visit, submit: Callable[..., Study]) -> None:
    study = submit()
    analyse()
    for model in admin_site._registry:
        visit.open_admin(f"{model._meta.app_label}/{model._meta.model_name}/")
    for path in (
        "",
        "diagnosis/",
        f"diagnosis/result/{Result.objects.get().pk}/change/",
        f"diagnosis/study/{study.pk}/history/",
        f"diagnosis/study/{study.pk}/change/",
        f"auth/user/{study.submitted_by_id}/change/",
        f"auth/user/{study.submitted_by_id}/password/",
        "auth/user/add/",
        "diagnosis/site/add/",
        "password_change/",
    ):
        visit.open_admin(path)
    assert visit.complaints == []


def test_the_documentation_of_the_api_draws_itself(visit: Visit) -> None:
    visit.open("/api/v1/docs/")
    visit.page.get_by_text("/api/v1/studies/{uid}/readings/").wait_for()
    assert visit.complaints == []


def test_a_job_is_canceled_by_hand(visit: Visit, submit: Callable[..., Study]) -> None:
    submit()
    visit.open_admin("diagnosis/job/")
    visit.page.locator("input.action-select").first.check()
    visit.page.locator("select[name=action]").select_option("cancel")
    visit.page.get_by_role("button", name="Go").click()
    visit.page.get_by_label("Reason").fill("Wrong film")
    visit.page.get_by_role("button", name="Do it").click()
    visit.page.locator(".messagelist .success").wait_for()
    assert Job.objects.get().status == "CANCELED"
    assert visit.complaints == []
