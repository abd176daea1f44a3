"""One handler answers for every view: {"code", "message", "details"}."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler
from rest_framework.views import set_rollback

from diagnosis.errors import NotFound, NotPermitted, refusal_of


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to a refusal; None, so a logged 500, for what nobody foresaw."""
    if refusal := refusal_of(error):
        set_rollback()
        answer = _answer(refusal.code, refusal.message, refusal.http_status, refusal.details)
        if refusal.retry_after is not None:
            answer["Retry-After"] = str(refusal.retry_after)
        return answer
    if isinstance(error, SuspiciousOperation):
        return _answer("BAD_REQUEST", "The request is malformed or has too many parts.", 400, {})
    response = drf_handler(error, context)
    if response is not None:
        response.data = _told(error)
        if isinstance(error, exceptions.ValidationError):
            response.status_code = 422
    return response


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return _body("INVALID", "Some fields are missing or wrong.", {"fields": error.detail})
    if isinstance(error, exceptions.APIException):
        return _body(str(error.default_code).upper(), str(error.detail), {})
    if isinstance(error, PermissionDenied):
        return _body(NotPermitted.code, NotPermitted.message, {})
    return _body(NotFound.code, NotFound.message, {})


def _answer(code: str, message: str, status: int, details: dict[str, Any]) -> Response:
    return Response(_body(code, message, details), status=status)


def _body(code: str, message: str, details: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details}
