"""One handler answers for every view: {"code", "message", "details"}."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler
from rest_framework.views import set_rollback

from diagnosis.errors import DiagnosisError


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, DiagnosisError):
        set_rollback()
        return _answer(error.code, error.message, error.http_status, error.details)
    response = drf_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        if response is not None:
            response.data = {
                "code": "NOT_FOUND",
                "message": "There is no such record.",
                "details": {},
            }
        return response
    if isinstance(error, exceptions.ValidationError):
        wrong = {"fields": error.detail}
        response.data = _body("INVALID", "Some fields are missing or wrong.", wrong)
        response.status_code = 422
        return response
    response.data = _body(str(error.default_code).upper(), str(error.detail), {})
    return response


def _answer(code: str, message: str, status: int, details: dict[str, Any]) -> Response:
    return Response(_body(code, message, details), status=status)


def _body(code: str, message: str, details: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details}
