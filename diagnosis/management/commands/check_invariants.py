"""Prove that nothing was lost, doubled or left half done."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.queries import invariants
from diagnosis.services import sweeping


class Command(BaseCommand):
    help = "Check every invariant; exits with an error that names each breach."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drained",
            action="store_true",
            help="The queue is expected to be empty: every job ended.",
        )

    def handle(self, *, drained: bool, **_options: Any) -> None:
        breaches = invariants.breaches(drained=drained)
        breaches += sweeping.film_breaches(orphan_age=settings.ORPHAN_AGE)
        if breaches:
            raise CommandError("\n".join(["breached:", *breaches]))
        self.stdout.write("all invariants hold")
