"""Bounds on uploads, kept while the bytes arrive: on the whole request, and on each film."""

from __future__ import annotations

import contextlib
import io
import tempfile
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import JsonResponse
from django.shortcuts import render

from diagnosis.errors import FilmTooLarge, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

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


class FilmUpload(UploadedFile):  # type: ignore[type-arg]  # generic to the type checker alone
    """A film that the disk had no room for says so when it is read, where a refusal is answered."""

    fault: OSError | None = None

    def read(self, *args: Any) -> Any:
        if self.fault:
            raise StorageUnavailable from self.fault
        return super().read(*args)

    def fail(self, fault: OSError) -> None:
        self.fault = fault
        with contextlib.suppress(OSError):
            self.close()  # now, for it would try to write again


class CappedUploadHandler(FileUploadHandler):
    """Keeps one byte more than a film may have, and drops the rest as it arrives.

    That byte is how intake sees that the film is too large; the other films of the study are not
    lost with it. The file has no name, so that a process that is killed leaves nothing of a film.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = FilmUpload(io.BytesIO(), self.file_name, self.content_type, 0)
        try:
            self.file.file = tempfile.TemporaryFile(  # noqa: SIM115 (closed with the request)
                dir=settings.FILE_UPLOAD_TEMP_DIR
            )
        except OSError as error:
            self.file.fail(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        room = settings.MAX_FILM_BYTES + 1 - start
        if room <= 0 or self.file.fault:
            return None
        try:
            self.file.write(raw_data[:room])
            self.file.flush()
        except OSError as error:
            self.file.fail(error)
        return None

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        self.file.size = min(file_size, settings.MAX_FILM_BYTES + 1)
        if not self.file.fault:
            self.file.seek(0)
        return self.file
