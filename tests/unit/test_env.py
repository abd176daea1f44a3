"""The environment is read once, and a bad value stops the program with the variable's name."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from pneumo_site import env

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("1.5m", timedelta(seconds=90)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        (" 2S ", timedelta(seconds=2)),
    ],
)
def test_a_time_has_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, span: timedelta) -> None:
    monkeypatch.setenv("PNEUMO_LEASE", text)
    assert env.duration("PNEUMO_LEASE", "5s", low=SECOND) == span


@pytest.mark.parametrize("text", ["0", "0s", "0.5s", "-3s", "30", "soon", ""])
def test_too_short_or_no_time_at_all_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A lease of no time would lose every film at once."""
    monkeypatch.setenv("PNEUMO_LEASE", text)
    with pytest.raises(ImproperlyConfigured, match="PNEUMO_LEASE"):
        env.duration("PNEUMO_LEASE", "5s", low=SECOND)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_text_gives_a_time_below_the_limit(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_LEASE", text)
        with contextlib.suppress(ImproperlyConfigured):
            assert env.duration("PNEUMO_LEASE", "5s", low=SECOND) >= SECOND


@pytest.mark.parametrize("text", ["maybe", "2", "01"])
def test_a_flag_is_one_or_zero(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEBUG", text)
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        env.flag("DEBUG")


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "abc", "2001", "1.5"])
def test_a_number_lies_in_its_bounds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PNEUMO_MAX_FILM_MB", text)
    with pytest.raises(ImproperlyConfigured, match="from 1 to 2000"):
        env.integer("PNEUMO_MAX_FILM_MB", 50, high=2000)


@pytest.mark.parametrize(
    ("url", "mail"),
    [
        ("", env.Mail()),
        ("smtp://mail", env.Mail("mail", 25)),
        ("smtps://mail", env.Mail("mail", 465, ssl=True)),
        ("smtp+tls://a%40b:p%2Fw@mail:26", env.Mail("mail", 26, "a@b", "p/w", tls=True)),
    ],
)
def test_a_mail_server_is_an_address(
    monkeypatch: pytest.MonkeyPatch, url: str, mail: env.Mail
) -> None:
    monkeypatch.setenv("PNEUMO_EMAIL_URL", url)
    assert env.mail("PNEUMO_EMAIL_URL") == mail
    assert "p/w" not in repr(env.mail("PNEUMO_EMAIL_URL"))


@pytest.mark.parametrize("url", ["mail:25", "http://mail", "smtp://"])
def test_an_odd_mail_server_stops_the_program(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PNEUMO_EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match="PNEUMO_EMAIL_URL"):
        env.mail("PNEUMO_EMAIL_URL")
