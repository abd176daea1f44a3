"""The command that makes the first users of an installation."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import OperationalError

from diagnosis.models import AuditEvent, Site
from diagnosis.permissions import Actor, Role, roles_of, sites_of
from diagnosis.services import accounts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"  # noqa: S105


def add(*words: str) -> str:
    out = StringIO()
    call_command("add_user", *words, stdout=out)
    return out.getvalue()


def refusal(*words: str) -> str:
    """The sentence of the refusal; nothing at all was made."""
    before = (User.objects.count(), Site.objects.count(), AuditEvent.objects.count())
    with pytest.raises(CommandError) as error:
        add(*words)
    assert before == (User.objects.count(), Site.objects.count(), AuditEvent.objects.count())
    return str(error.value)


def test_the_first_user_of_an_empty_installation() -> None:
    said = add("anna", "--role", "administrator", "--new-site", "main", "Main Hospital")
    user = User.objects.get()
    assert roles_of(user) == {Role.ADMINISTRATOR}
    assert [(site.code, site.name) for site in sites_of(user)] == [("main", "Main Hospital")]
    assert not user.is_superuser
    assert authenticate(username="anna", password=said.split()[-1]) == user
    events = AuditEvent.objects.filter(actor_name="add_user", actor_role="system")
    assert list(events.values_list("action", flat=True)) == [
        "SITE_CREATED",
        "USER_CREATED",
        "USER_ROLES_SET",
        "USER_SITES_SET",
    ]


def test_several_roles_and_sites(site: Any, other_site: Any) -> None:
    add("anna", "--role", "Radiologist", "--role", "auditor", "--site", "north", "south")
    add("bert", "--role", "auditor", "--site", "north", "--site", "south")
    for name, roles in (("anna", {Role.RADIOLOGIST, Role.AUDITOR}), ("bert", {Role.AUDITOR})):
        user = User.objects.get(username=name)
        assert roles_of(user) == roles
        assert set(sites_of(user)) == {site, other_site}


def test_a_password_from_a_file_is_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    said = add("anna", "--role", "auditor", "--password-file", str(file))
    assert authenticate(username="anna", password=PASSWORD) is not None
    assert not re.search(f"{PASSWORD}|assword", said)
    assert "no site" in said


def test_each_random_password_is_another() -> None:
    said = [add(name, "--role", "auditor").split()[-1] for name in ("anna", "bert")]
    assert said[0] != said[1]


def test_what_is_taken_unknown_or_malformed_is_told(site: Any) -> None:
    auditor = ("--role", "auditor")
    add("anna", *auditor)
    assert refusal("Anna", *auditor) == "This user name is taken."
    assert "Enter a valid username" in refusal("an na", *auditor)
    assert "at most 150 characters" in refusal("a" * 151, *auditor)
    assert "no role surgeon" in refusal("bert", "--role", "surgeon")
    assert "--role" in refusal("bert")
    assert "no site east. The sites are north" in refusal("bert", *auditor, "--site", "east")
    assert "site code is taken" in refusal("bert", *auditor, "--new-site", "north", "North")
    assert "slug" in refusal("bert", *auditor, "--new-site", "a b", "Name")


@pytest.mark.parametrize("content", ["", "short\n", None])
def test_a_weak_or_missing_password_makes_nothing(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    words = ("anna", "--role", "auditor", "--new-site", "main", "Main")
    said = refusal(*words, "--password-file", str(file))
    assert ("cannot be read" if content is None else "too short") in said


def test_before_the_migrations_it_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_table(**_: Any) -> Any:
        raise OperationalError("no such table: auth_user")

    monkeypatch.setattr("diagnosis.services.accounts.create_user", no_table)
    assert "manage.py migrate" in refusal("anna", "--role", "auditor")


def test_a_command_of_the_machine_needs_no_user(site: Site) -> None:
    account = accounts.Account("clerk", roles=[Role.SUBMITTER], sites=[site])
    user = accounts.create_user(
        by=None, actor=Actor.system("setup"), account=account, password=PASSWORD
    )
    assert user.groups.get() == Group.objects.get(name="Submitter")
    accounts.change_user(by=None, actor=Actor.system("setup"), target=user, account=account)
    assert AuditEvent.objects.filter(object_id=str(user.pk)).count() == 3
