"""Run everything on one machine with sample films."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from pneumo_site.demo.films import NoFilms
from pneumo_site.demo.show import Demo, DemoRefused, Options

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


def from_callers_folder(name: str) -> Path:
    """A relative folder is meant from where `make` was called, which `make -C` hides."""
    here = Path(name).expanduser()
    there = Path(os.environ.get("PNEUMO_CALLER_DIR", ".")) / here
    return (there if there.is_dir() else here).resolve()


class Command(BaseCommand):
    help = "Start broker, web, worker and sweeper, submit films, print the results, and serve."
    # The database may not exist yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--xrays", type=from_callers_folder, help="folder of JPEG, PNG or DICOM"
        )
        parser.add_argument("--once", action="store_true", help="end after the table")
        parser.add_argument("--reset", action="store_true", help="new passwords for everybody")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("port", "once", "reset", "xrays")}
        try:
            status = Demo(Options(**chosen)).run()
        except (DemoRefused, NoFilms) as error:
            raise CommandError(str(error)) from error
        raise SystemExit(status)
