"""Fixtures of the domain's tests."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.permissions import Actor
from diagnosis.services import intake
from tests.integration.diagnosis.work import film

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

BIRTH = date(2020, 1, 2)


@pytest.fixture
def send(submitter: Any, site: Any, model_version: Any) -> Callable[..., tuple[Study, bool]]:
    """send(*films, **changes) -> (study, is_new)"""

    def make(*contents: bytes, user: Any = None, **changes: Any) -> tuple[Study, bool]:
        form: dict[str, Any] = {
            "site": site,
            "mrn": "TEST-0001",
            "name": "Fictional Child",
            "birth_date": BIRTH,
            "sex": "F",
            "films": contents or (film(),),
            **changes,
        }
        who = user or submitter
        return intake.submit(user=who, actor=Actor.of(who), submission=intake.Submission(**form))

    return make
