"""What a command is refused, as the one sentence that the operator reads instead of a traceback."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from django.core.management.base import CommandError

from diagnosis.errors import DATABASE_AWAY, DiagnosisError
from diagnosis.services.backup import BackupRefused

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def as_sentence() -> Iterator[None]:
    try:
        yield
    except (BackupRefused, DiagnosisError) as error:
        raise CommandError(str(error)) from error
    except (*DATABASE_AWAY, sqlite3.Error) as error:
        raise CommandError(f"The database does not answer ({type(error).__name__}).") from error
    except OSError as error:
        raise CommandError(f"A file cannot be read or written: {error.strerror}.") from error
