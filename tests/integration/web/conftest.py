"""What the tests of the pages share: a signed-in browser per user, and an analysis on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from ml.contracts.fake import FakeClassifier
from worker import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def as_user() -> Callable[[Any], Client]:
    """as_user(user) -> a client logged in as that user, or anonymous for None."""

    def make(user: Any) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def analyse() -> Callable[[], None]:
    """Run the worker's own pipeline, with the fake model, until the queue is empty."""

    def run() -> None:
        while pipeline.run_batch(classifier=FakeClassifier(), worker="test-worker"):
            pass

    return run


@pytest.fixture
def foreign_radiologist(make_user: Any, other_site: Any) -> Any:
    return make_user("Radiologist", other_site)
