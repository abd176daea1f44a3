"""Bounds on uploads, kept while the bytes arrive: on the whole request, and on each film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import JsonResponse
from django.shortcuts import render

from diagnosis.errors import FilmTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.files.uploadedfile import UploadedFile
    from django.http import HttpRequest, HttpResponse

FILMS_OF_FULL_SIZE = 4  # a study's films together; more, but smaller ones, fit as well


def max_request_bytes() -> int:
    return int(settings.MAX_FILM_BYTES) * FILMS_OF_FULL_SIZE


class UploadCapMiddleware:
    """Refuses a request that is too large by its Content-Length, before a byte of it is read.

    No server here accepts a body without a length, so there is no other way in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) <= max_request_bytes():
            return self.get_response(request)
        megabytes = max_request_bytes() // (1024 * 1024)
        error = FilmTooLarge(f"The films of one study may have at most {megabytes} MB together.")
        if request.path.startswith("/api/"):
            body = {"code": error.code, "message": error.message, "details": error.details}
            return JsonResponse(body, status=error.http_status)
        return render(request, "error.html", {"error": error}, status=error.http_status)


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Keeps one byte more than a film may have, and drops the rest as it arrives.

    That byte is how intake sees that the film is too large; the other films of the study are not
    lost with it.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        room = settings.MAX_FILM_BYTES + 1 - start
        if room > 0:
            super().receive_data_chunk(raw_data[:room], start)
        return None

    def file_complete(self, file_size: int) -> UploadedFile[bytes] | None:
        return super().file_complete(min(file_size, settings.MAX_FILM_BYTES + 1))
