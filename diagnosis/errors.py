"""Every refusal the domain can give: a stable code, a sentence that says what to do, a status."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError

if TYPE_CHECKING:
    from django.core.exceptions import ValidationError

logger = logging.getLogger(__name__)
# What Django raises for a database that is gone, restarting, locked for too long or cut off.
DATABASE_AWAY = (OperationalError, InterfaceError)


class DiagnosisError(Exception):
    """Base of all refusals. `code` is for programs, `message` for people; no patient data in either."""

    code = "ERROR"
    message = "The request could not be carried out."
    http_status = 400
    retry_after: int | None = None  # seconds, as the header tells them

    def __init__(self, message: str = "", *, code: str = "", **details: Any) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.details = details
        super().__init__(f"{self.code}: {self.message}")


class InvalidInput(DiagnosisError):
    code = "INVALID"
    message = "Some fields are missing or wrong."
    http_status = 422

    @classmethod
    def of(cls, error: ValidationError) -> InvalidInput:
        """What a row's own validation says first."""
        field, messages = next(iter(error.message_dict.items()))
        return cls(messages[0], field=field)


class NoUsableFilm(DiagnosisError):
    code = "NO_USABLE_FILM"
    message = "None of the films could be accepted; nothing was stored."
    http_status = 422


class FilmTooLarge(DiagnosisError):
    code = "TOO_LARGE"
    message = "The upload is larger than this system accepts."
    http_status = 413


class IdempotencyConflict(DiagnosisError):
    code = "IDEMPOTENCY_CONFLICT"
    message = "This Idempotency-Key was used before with other content. Use a new key."
    http_status = 409


class PatientMismatch(DiagnosisError):
    code = "PATIENT_MISMATCH"
    message = (
        "A film names another patient, birth date or accession number than the form. "
        "Check both; confirm only if it is the same person."
    )
    http_status = 409


class NotPermitted(DiagnosisError):
    code = "NOT_PERMITTED"
    message = "Your role does not allow this."
    http_status = 403


class NotFound(DiagnosisError):
    code = "NOT_FOUND"
    message = "There is no such record, or you may not see it."
    http_status = 404


class FilmUnreadable(DiagnosisError):
    """The row is there, its bytes are gone, changed, or refused by today's decoder."""

    code = "FILM_UNREADABLE"
    message = "The stored film cannot be shown. Ask an administrator to check the film store."
    http_status = 404


class TransitionRefused(DiagnosisError):
    """The state machine has no such step from where the row stands."""

    code = "TRANSITION_REFUSED"
    message = "This step is not possible in the present state. Reload to see what changed."
    http_status = 409


class CaseHeld(DiagnosisError):
    code = "CASE_HELD"
    message = "Another radiologist is reading this case."
    http_status = 409


class AlreadySigned(DiagnosisError):
    code = "ALREADY_SIGNED"
    message = "This case is signed already. Add an addendum instead."
    http_status = 409


class OpinionFirst(DiagnosisError):
    """By policy the model is hidden, and nothing is signed, until the reader's opinion is stored."""

    code = "OPINION_FIRST"
    message = "Store your first opinion of this case; then the model's result is shown."
    http_status = 409


class OpinionStored(DiagnosisError):
    code = "OPINION_STORED"
    message = "Your first opinion of this case is stored already, and never changes."
    http_status = 409


class ModelHidden(DiagnosisError):
    code = "MODEL_HIDDEN"
    message = "The model's result of this case is hidden until a first opinion is stored."
    http_status = 403


class ReportAmended(DiagnosisError):
    """An addendum answers a text that is no longer the newest; its writer has not seen the newest."""

    code = "REPORT_AMENDED"
    message = "The report was amended meanwhile. Read the newest text first."
    http_status = 409


class DraftChanged(DiagnosisError):
    """Another tab or machine saved the same draft; neither text may overwrite the other unseen."""

    code = "DRAFT_CHANGED"
    message = "Your draft was changed in another tab or on another machine. Compare both texts."
    http_status = 409


class PasswordWrong(DiagnosisError):
    code = "PASSWORD_WRONG"
    message = "The password is not yours. Nothing was signed."
    http_status = 403


class TooManyPasswords(DiagnosisError):
    code = "TOO_MANY_PASSWORDS"
    message = "Too many wrong passwords. Nothing was signed; wait some minutes and try again."
    http_status = 429

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after, field="password")
        self.retry_after = retry_after


class StaleAttempt(DiagnosisError):
    """A worker wrote for an attempt that is no longer its own; the fence refused it."""

    code = "STALE_ATTEMPT"
    message = "The job was taken over by a newer attempt."
    http_status = 409


class StorageUnavailable(DiagnosisError):
    """Infrastructure, not input: retried, and costs a job no budget."""

    code = "STORAGE_UNAVAILABLE"
    message = "The film store cannot be reached. Try again in a minute."
    http_status = 503


class StorageFull(DiagnosisError):
    code = "STORAGE_FULL"
    message = (
        "The film store is almost full, and nothing was stored. "
        "Ask an administrator to make room; what was submitted before can be read."
    )
    http_status = 507


class TooManyWaiting(DiagnosisError):
    code = "TOO_MANY_WAITING"
    message = "Too many films are waiting for their analysis; nothing was stored."
    http_status = 429

    def __init__(self, message: str = "", *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class DatabaseUnavailable(DiagnosisError):
    code = "DATABASE_UNAVAILABLE"
    message = "The database does not answer. Nothing was lost. Try again in a minute."
    http_status = 503


def refusal_of(error: Exception) -> DiagnosisError | None:
    """The refusal that an exception stands for; None for what nobody foresaw."""
    if isinstance(error, DATABASE_AWAY):
        # Its class alone: the text may quote a statement, and so a patient.
        logger.error("the database does not answer (%s)", type(error).__name__)
        return DatabaseUnavailable()
    return error if isinstance(error, DiagnosisError) else None
