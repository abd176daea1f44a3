"""Typed reading of the environment. A bad value stops the program with a sentence, at start."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def text(name: str, default: str = "") -> str:
    """The variable's value; for a secret, `NAME_FILE` may name a file that holds it."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from error
    return os.environ.get(name, default)


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name, "1" if default else "0").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def integer(name: str, default: int, *, low: int = 1, high: int = 10**12) -> int:
    value = text(name, str(default)).strip()
    if not re.fullmatch(r"\d+", value) or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def duration(name: str, default: str, *, low: timedelta) -> timedelta:
    """A number with a unit: 30s, 15m, 24h, 7d; at least `low`."""
    value = text(name, default).strip().lower()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value)
    if not found:
        raise ImproperlyConfigured(f"{name} must be a time such as 30s, 15m, 24h or 7d.")
    span = timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    if span < low:
        raise ImproperlyConfigured(f"{name} must be at least {low.total_seconds():g}s.")
    return span


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: Sequence[str]) -> str:
    value = text(name, default).strip().lower()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}.")
    return value


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server; without a host no e-mail is sent."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ssl: bool = False


_MAIL = {"smtp": Mail(), "smtp+tls": Mail(port=587, tls=True), "smtps": Mail(port=465, ssl=True)}


def mail(name: str) -> Mail:
    """`smtp+tls://user:password@host:port`, `smtps://` or `smtp://`; empty: no e-mail is sent."""
    url = text(name)
    if not url:
        return Mail()
    parts = urlsplit(url)
    if parts.scheme not in _MAIL or not parts.hostname:
        raise ImproperlyConfigured(f"{name} must be smtp+tls://, smtps:// or smtp:// and a host.")
    usual = _MAIL[parts.scheme]
    return replace(
        usual,
        host=parts.hostname,
        port=parts.port or usual.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def database(name: str, default: Path) -> dict[str, Any]:
    """`sqlite:///path` or `postgresql://user:password@host:port/name?option=value`."""
    url = text(name)
    if not url:
        return _sqlite(default)
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path[1:])))
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgresql(url)
    raise ImproperlyConfigured(f"{name} must begin with sqlite:/// or postgresql://.")


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            # A writer takes its lock when the transaction opens; a read that turns into a
            # write half-way would fail at once instead of waiting.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file, so that threads and live servers of the tests share one database.
        "TEST": {"NAME": str(path.parent / "test.sqlite3")},
    }


# A process that is stopped or cut off inside a transaction must not hold its row locks for ever:
# the reaper and every other worker would wait for it.
_SESSION = "-c idle_in_transaction_session_timeout=10s -c lock_timeout=20s"


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "options": _SESSION, **options},
    }
