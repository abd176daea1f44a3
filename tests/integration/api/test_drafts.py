"""Drafts and structured reports as a client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import Reading
from tests.integration.api.client import STUDIES, client_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db
TEXT = {
    "opinion": "",
    "indication": "Cough",
    "comparison": "None.",
    "technique": "AP.",
    "regions": {"RIGHT_LUNG": "Opacity."},
    "findings": "",
    "impression": "Consolidation.",
}


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


def address(study: Study, what: str = "draft") -> str:
    return f"{STUDIES}{study.uid}/{what}/"


def test_a_draft_is_saved_read_and_discarded(study: Study, radiologist: Any) -> None:
    client = client_of(radiologist)
    none = client.get(address(study)).json()
    assert (none["revision"], none["saved_at"], none["impression"]) == (0, None, "")
    saved = client.put(address(study), {**TEXT, "revision": 0}, format="json").json()
    assert (saved["revision"], saved["kind"]) == (1, "FIRST")
    assert client.get(address(study)).json() == saved
    assert {name: saved[name] for name in TEXT} == TEXT
    assert client.delete(f"{address(study)}?revision=1").status_code == 204
    assert client.get(address(study)).json()["impression"] == ""


def test_what_was_changed_elsewhere_is_refused(study: Study, radiologist: Any) -> None:
    client = client_of(radiologist)
    client.put(address(study), {**TEXT, "revision": 0}, format="json")
    other = {**TEXT, "impression": "Other.", "revision": 0}
    for refused in (
        client.put(address(study), other, format="json"),
        client.delete(f"{address(study)}?revision=0"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "DRAFT_CHANGED")
    assert Reading.objects.get().impression == "Consolidation."


def test_a_page_left_open_does_not_save_into_another_users_draft(
    study: Study, radiologist: Any
) -> None:
    sent = {**TEXT, "revision": 0, "reader": "colleague"}
    answer = client_of(radiologist).put(address(study), sent, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")
    assert not Reading.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": -1},
        {"revision": "x"},
        {"regions": {"SPLEEN": "Large."}},
        {"regions": {"HILA": "x" * 2001}},
        {"impression": "x" * 10_001},
        {"opinion": "MAYBE"},
    ],
)
def test_what_cannot_be_stored_is_refused(
    study: Study, radiologist: Any, wrong: dict[str, Any]
) -> None:
    sent = {**TEXT, "revision": 0, **wrong}
    answer = client_of(radiologist).put(address(study), sent, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_nobody_else_sees_it(
    study: Study, radiologist: Any, make_user: Any, site: Any, submitter: Any
) -> None:
    client_of(radiologist).put(address(study), {**TEXT, "revision": 0}, format="json")
    colleague = client_of(make_user("Radiologist", site, "colleague"))
    assert colleague.get(address(study)).json()["impression"] == ""
    assert client_of(submitter).get(address(study)).status_code == 403
    shown = client_of(submitter).get(f"{STUDIES}{study.uid}/").json()
    assert shown["readings"] == []


def test_a_signed_report_has_its_sections(study: Study, radiologist: Any) -> None:
    client = client_of(radiologist)
    client.put(address(study), {**TEXT, "revision": 0}, format="json")
    report = {**TEXT, "opinion": "PNEUMONIA", "revision": 1}
    signed = client.post(address(study, "readings"), report, format="json").json()["reading"]
    assert {name: signed[name] for name in TEXT} == {**TEXT, "opinion": "PNEUMONIA"}
    assert signed["model_shown"] == []
    assert client.get(f"{STUDIES}{study.uid}/").json()["readings"] == [signed]


def test_a_site_may_ask_for_the_password(study: Study, radiologist: Any) -> None:
    study.site.signs_with_password = True
    study.site.save()
    client, report = client_of(radiologist), {**TEXT, "opinion": "PNEUMONIA"}
    refused = client.post(address(study, "readings"), report, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "PASSWORD_WRONG")
    report["password"] = "a-long-test-password"  # noqa: S105
    assert client.post(address(study, "readings"), report, format="json").status_code == 201
