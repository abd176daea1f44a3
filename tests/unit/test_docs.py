"""What the documents tell an operator to type exists, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def commands(text: str) -> list[list[str]]:
    """The words behind `manage.py` of each line of an indented block."""
    lines = re.findall(r"^ {4,}.*?manage\.py (\w.*?)\)?$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_there_are_commands_to_look_at() -> None:
    named = {words[0] for path in DOCUMENTS for words in commands(path.read_text())}
    assert {"migrate", "register_model", "add_user", "issue_token", "sweeper"} <= named


@pytest.mark.parametrize("name", NAMES)
def test_every_command_exists_and_takes_its_options(name: str) -> None:
    for command, *options in commands((ROOT / name).read_text()):
        assert command in get_commands(), command
        loaded = load_command_class(get_commands()[command], command)
        loaded.create_parser("manage.py", command).parse_args(options)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / name).read_text()):
        assert ((ROOT / name).parent / target).exists(), target
