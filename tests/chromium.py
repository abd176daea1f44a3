"""A Chromium for the browser tests: found, or fetched where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "Chromium: none on PATH, and none could be installed"


def find() -> str | None:
    """Path of a Chromium that is here already; PNEUMO_CHROMIUM names one explicitly."""
    if named := os.environ.get("PNEUMO_CHROMIUM"):
        return named
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in on_path if path), None) or _playwrights_own()


def obtain() -> str | None:
    """`find`, else install one: Debian's as root, else Playwright's build for this user."""
    return find() or _from_apt() or _from_playwright()


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


def _from_apt() -> str | None:
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        return None
    print("Chromium is missing; installing it with apt-get", flush=True)  # noqa: T201
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-qq"], check=False, env=env)  # noqa: S603
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    subprocess.run(command, check=False, env=env)  # noqa: S603
    return shutil.which("chromium")


def _from_playwright() -> str | None:
    print("Chromium is missing; fetching Playwright's build", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(command, check=False, timeout=300)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None
    return _playwrights_own() if done.returncode == 0 else None
