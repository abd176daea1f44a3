"""A client of the API, and a form that it may send."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from tests.integration.diagnosis.work import film

STUDIES = "/api/v1/studies/"
RESEARCH_USE = "Research use only, not a diagnosis."


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def form(*contents: bytes, **changes: Any) -> dict[str, Any]:
    sent = contents or (film(),)
    return {
        "mrn": "MRN-7",
        "name": "Test Patient",
        "birth_date": "2020-01-02",
        "sex": "F",
        "films": [SimpleUploadedFile(f"f{n}.png", data) for n, data in enumerate(sent)],
        **changes,
    }
