"""Fixtures of the API's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.client import client_of

if TYPE_CHECKING:
    from rest_framework.test import APIClient


@pytest.fixture
def as_submitter(submitter: Any, model_version: Any) -> APIClient:
    return client_of(submitter)
