"""A user of a real installation: the first ones are made here, the others by an administrator."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction

from diagnosis.errors import DiagnosisError
from diagnosis.models import Site
from diagnosis.permissions import Actor, Role
from diagnosis.services import accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTOR = Actor.system("add_user")
_ROLES = {role.value.lower(): role for role in Role}


class Command(BaseCommand):
    help = "Make a user; without --password-file the password is a random one, printed once."
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="What the user logs in with.")
        parser.add_argument(
            "--role",
            action="append",
            required=True,
            help=f"One of {', '.join(_ROLES)}; repeatable.",
        )
        parser.add_argument(
            "--site",
            action="extend",
            nargs="+",
            default=[],
            metavar="CODE",
            help="Sites whose patients the user sees.",
        )
        parser.add_argument(
            "--new-site", nargs=2, metavar=("CODE", "NAME"), help="Make this site first."
        )
        parser.add_argument("--password-file", type=Path, help="A file that holds the password.")

    def handle(self, **options: Any) -> None:
        roles = [_role(word) for word in dict.fromkeys(options["role"])]
        given = _password(options["password_file"])
        password = secrets.token_urlsafe(15) if given is None else given
        try:
            with transaction.atomic():
                sites = _sites(options["site"], options["new_site"])
                account = accounts.Account(options["name"], roles=roles, sites=sites)
                accounts.create_user(by=None, actor=ACTOR, account=account, password=password)
        except DiagnosisError as refusal:
            raise CommandError(refusal.message) from refusal
        except DatabaseError as error:
            raise CommandError(f"{error}. Is `manage.py migrate` still to be run?") from error
        self._tell(account)
        if given is None:
            self.stdout.write(f"Password, shown only here: {password}")

    def _tell(self, account: accounts.Account) -> None:
        roles = ", ".join(role.lower() for role in account.roles)
        sites = ", ".join(site.code for site in account.sites)
        self.stdout.write(
            f"{account.username}: {roles} at {sites or 'no site, so sees no patient'}."
        )


def _role(word: str) -> Role:
    if role := _ROLES.get(word.lower()):
        return role
    raise CommandError(f"There is no role {word}. The roles are {', '.join(_ROLES)}.")


def _password(file: Path | None) -> str | None:
    """The file's content without the line's end; None without a file."""
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The password file cannot be read: {error}") from error


def _sites(codes: Sequence[str], new: Sequence[str] | None) -> list[Site]:
    found = {site.code: site for site in Site.objects.filter(code__in=codes)}
    for code in codes:
        if code not in found:
            known = ", ".join(Site.objects.values_list("code", flat=True)) or "none yet"
            raise CommandError(f"There is no site {code}. The sites are {known}; see --new-site.")
    sites = list(found.values())
    if new:
        code, name = new
        sites.append(accounts.create_site(by=None, actor=ACTOR, code=code, name=name))
    return sites
