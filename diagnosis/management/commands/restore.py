"""Brings a backup back, into an empty installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.management.refusals import as_sentence
from diagnosis.services import backup


class Command(BaseCommand):
    help = "Restore the backup in DIR into an empty installation, before any process of it runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument(
            "--verify", action="store_true", help="Hold all that was restored against the backup."
        )

    def handle(self, *, folder: Path, verify: bool, **_options: Any) -> None:
        with as_sentence():
            wrong = backup.restore(folder=folder)
            if verify:
                wrong += backup.differences(folder=folder)
        if wrong:
            raise CommandError("\n".join(["restored all but:", *wrong]))
        self.stdout.write("restored, and equal to the backup" if verify else "restored")
