"""Which browser the tests take: only one that starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """browser(name, script) -> a program of that name; PATH holds these alone."""

    def make(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return path

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PNEUMO_CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "_playwrights_own", lambda: None)
    chromium._starts.cache_clear()
    yield make
    chromium._starts.cache_clear()


def test_takes_one_that_starts_and_asks_it_once(browser: Callable[..., Path]) -> None:
    found = browser("chromium", 'echo "$1" >> "$0.asked"')
    assert chromium.find() == chromium.find() == str(found)
    assert Path(f"{found}.asked").read_text() == "--version\n"


@pytest.mark.parametrize("script", ["exit 127", "exec /bin/sleep 600"])
def test_one_that_cannot_start_is_passed_over(
    browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(chromium, "START_SECONDS", 0.5)
    lacking = browser("chromium", script)
    assert chromium.find() is None
    monkeypatch.setattr(chromium, "_playwrights_own", lambda: str(lacking))
    assert chromium.find() is None
    monkeypatch.setattr(chromium, "START_SECONDS", 30.0)
    working = browser("google-chrome", "exit 0")
    assert chromium.find() == str(working)


def test_a_named_one_is_preferred_where_it_starts(
    browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path, named = browser("chromium", "exit 0"), browser("mine", "exit 0")
    monkeypatch.setenv("PNEUMO_CHROMIUM", str(named))
    assert chromium.find() == str(named)
    monkeypatch.setenv("PNEUMO_CHROMIUM", str(named.with_name("gone")))
    assert chromium.find() == str(on_path)


def test_one_that_was_installed_just_now_is_asked_again(
    browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = browser("chromium", "exit 127")
    monkeypatch.setattr(chromium, "_from_apt", lambda: lacking.write_text("#!/bin/sh\nexit 0\n"))
    assert chromium.obtain() == str(lacking)
