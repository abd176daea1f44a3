"""The server is killed while somebody types: the text is there when it is back."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from diagnosis.models import Reading
from tests.faults.stack import database_url
from tests.faults.web import Web
from tests.functional.staff import Staff
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from diagnosis.models import Study

pytestmark = [
    pytest.mark.browser,
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "PNEUMO_DATA_DIR": str(settings.DATA_DIR),
    }
    with Web(tmp_path, env) as started:
        yield started


def test_what_was_typed_while_the_server_was_dead_is_there_again(
    web: Web, browser: Any, radiologist: Any, submit: Callable[..., Study], settings: Any
) -> None:
    # The server hashes as an installation does, not as the tests do.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    radiologist.set_password("a-long-test-password")
    radiologist.save()
    study = submit()
    reader = Staff(browser, web.url, radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_role("button", name="Start reading").click()
    impression = reader.page.get_by_label("Impression", exact=True)
    impression.type("Before the kill.")
    reader.page.get_by_text(re.compile(r"Saved \d")).wait_for(timeout=60_000)

    impression.type(" While")
    web.kill()
    impression.type(" it was dead.")
    reader.page.get_by_text("Not saved: no answer, kept in this browser").wait_for()
    assert Reading.objects.get().impression.startswith("Before the kill.")

    web.start()
    reader.page.on("dialog", lambda dialog: dialog.accept())
    reader.page.reload()
    assert impression.input_value() == "Before the kill. While it was dead."
    # What the dying server stored without an answer is not sent again.
    text = "Before the kill. While it was dead."
    wait_for(lambda: Reading.objects.get().impression == text, 60, "the draft")
    assert not reader.page.get_by_text("changed in another tab").is_visible()
