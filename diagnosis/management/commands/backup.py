"""A copy of database and films, to be restored elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.management.refusals import as_sentence
from diagnosis.services import backup


class Command(BaseCommand):
    help = "Back up database and films into DIR, while everything runs; again: only what is new."
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)

    def handle(self, *, folder: Path, **_options: Any) -> None:
        with as_sentence():
            written = backup.backup(folder=folder)
        found = written.manifest
        self.stdout.write(
            f"{found.film_count} films, {written.copied} of them new; "
            f"{found.facts.audit.count} audit events; manifest {found.digest()}"
        )
        if found.missing:
            lost = [f"film {key} is missing or changed in the store" for key in found.missing]
            raise CommandError("\n".join(["saved all but:", *lost]))
