"""A Chromium for the browser tests: found, or fetched where that is possible."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "Chromium: none here that starts, and none could be installed"
START_SECONDS = 30.0


def find() -> str | None:
    """Path of a Chromium that is here already and starts; PNEUMO_CHROMIUM names a preferred one."""
    return next((path for path in _candidates() if path and _starts(path)), None)


def obtain() -> str | None:
    """`find`, else install one: Debian's as root, else Playwright's build for this user."""
    for install in (_from_apt, _from_playwright):
        if found := find():
            return found
        install()
        _starts.cache_clear()
    return find()


def _candidates() -> Iterator[str | None]:
    yield os.environ.get("PNEUMO_CHROMIUM")
    yield from map(shutil.which, NAMES)
    yield _playwrights_own()


@cache
def _starts(path: str) -> bool:
    """A build without its system libraries, or a stub that asks for another package, does not."""
    try:
        done = subprocess.run(  # noqa: S603
            [path, "--version"], check=False, capture_output=True, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return None
    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Error:
        return None
    return path if Path(path).is_file() else None


def _from_apt() -> None:
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        return
    print("Chromium is missing; installing it with apt-get", flush=True)  # noqa: T201
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-qq"], check=False, env=env)  # noqa: S603
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    subprocess.run(command, check=False, env=env)  # noqa: S603


def _from_playwright() -> None:
    print("Chromium is missing; fetching Playwright's build", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, timeout=300)  # noqa: S603
