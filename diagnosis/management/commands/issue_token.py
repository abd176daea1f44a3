"""Give a user a key for the API, or take it away."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.errors import DiagnosisError
from diagnosis.permissions import Actor
from diagnosis.services import accounts


class Command(BaseCommand):
    help = "Print a new API token of a user, once; the earlier one stops to work."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The user's name.")
        parser.add_argument("--revoke", action="store_true", help="End the token; print none.")

    def handle(self, *, name: str, revoke: bool, **_options: Any) -> None:
        actor = Actor.system("issue_token")
        target = User.objects.filter(username=name).first()
        if target is None:
            raise CommandError(f"There is no user {name}.")
        if revoke:
            accounts.revoke_token(by=None, actor=actor, target=target)
            self.stdout.write(f"{name} has no API token now.")
            return
        try:
            key = accounts.issue_token(by=None, actor=actor, target=target)
        except DiagnosisError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(key)
