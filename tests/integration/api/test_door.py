"""Pictures, log-in and schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Job, Study
from tests.integration.api.client import STUDIES, client_of, form

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


class TestPictures:
    def test_a_film_is_served_and_audited(
        self, as_submitter: APIClient, submitter: Any, submit: Callable[..., Study]
    ) -> None:
        image = submit().images.get()
        answer = as_submitter.get(
            f"/api/v1/films/{image.uid}/image.png?max_side=64", HTTP_ACCEPT="image/png"
        )
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")
        assert answer["X-Content-Type-Options"] == "nosniff"
        event = AuditEvent.objects.get(action="FILM_VIEWED")
        assert (event.actor_name, event.object_id) == (submitter.username, str(image.uid))

    def test_a_film_whose_bytes_changed_is_not_shown(
        self, as_submitter: APIClient, submit: Callable[..., Study], settings: Any
    ) -> None:
        image = submit().images.get()
        path = settings.FILM_DIR / image.storage_key[:2] / image.storage_key
        path.write_bytes(b"something else")
        answer = as_submitter.get(f"/api/v1/films/{image.uid}/image.png")
        assert (answer.status_code, answer.json()["code"]) == (404, "FILM_UNREADABLE")

    def test_no_result_no_heat_map(
        self, as_submitter: APIClient, submit: Callable[..., Study]
    ) -> None:
        answer = as_submitter.get(f"/api/v1/films/{submit().images.get().uid}/heat-map.png")
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_HEAT_MAP")

    def test_the_store_away_is_not_a_fault_of_the_film(
        self, as_submitter: APIClient, submit: Callable[..., Study], settings: Any
    ) -> None:
        image = submit().images.get()
        settings.FILM_DIR = settings.FILM_DIR / "away"
        answer = as_submitter.get(f"/api/v1/films/{image.uid}/image.png")
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")


class TestDoor:
    def test_without_a_login_401(self, db: None) -> None:
        answer = APIClient().get(STUDIES)
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")

    def test_a_session_works_and_asks_for_a_csrf_token(
        self, submitter: Any, model_version: Any
    ) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(submitter)
        assert client.get(STUDIES).status_code == 200
        assert client.post(STUDIES, form()).status_code == 403
        assert not Study.objects.exists()

    def test_an_inactive_user_is_out(self, submitter: Any, model_version: Any) -> None:
        client = client_of(submitter)
        submitter.is_active = False
        submitter.save()
        assert client.get(STUDIES).status_code == 401
        assert not Job.objects.exists()

    def test_the_schema_describes_every_route(self, auditor: Any) -> None:
        client = client_of(auditor)
        schema = client.get("/api/v1/schema/?format=json").json()
        assert set(schema["paths"]) == {
            "/api/v1/studies/",
            "/api/v1/studies/{uid}/",
            "/api/v1/studies/{uid}/opinion/",
            "/api/v1/studies/{uid}/films/",
            "/api/v1/studies/{uid}/readings/",
            "/api/v1/notices/",
            "/api/v1/critical/",
            "/api/v1/critical/{uid}/acknowledge/",
            "/api/v1/studies/{uid}/draft/",
            "/api/v1/studies/{uid}/report.pdf",
            "/api/v1/next-case/",
            "/api/v1/queue/",
            "/api/v1/films/{uid}/image.png",
            "/api/v1/films/{uid}/heat-map.png",
        }
        assert client.get("/api/v1/docs/").status_code == 200

    def test_strangers_get_no_schema(self, db: None) -> None:
        assert APIClient().get("/api/v1/schema/").status_code == 401
        assert APIClient().get("/api/v1/docs/").status_code == 401
