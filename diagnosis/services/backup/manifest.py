"""The manifest: what a backup holds, with the digest of everything in it and of itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from diagnosis.services.backup import folder as files
from diagnosis.services.backup.folder import MANIFEST, BackupRefused

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the backup."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The trail as it stood: how many events, the newest one's id, and a digest over all."""

    count: int
    newest: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is counted in the database itself, so that a restored one can be held against it."""

    tables: dict[str, int]
    migrations: list[str]
    audit: Audit


@dataclass(frozen=True, slots=True)
class Manifest:
    version: str
    made_at: str
    vendor: str
    database: Part
    films: Part
    film_count: int
    facts: Facts
    missing: list[str] = field(default_factory=list)  # keys of films that the store had lost

    def digest(self) -> str:
        return hashlib.sha256(_canonical(asdict(self))).hexdigest()


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, indent=1).encode()


def write(manifest: Manifest, folder: Path) -> None:
    content = {"format": FORMAT, "sha256": manifest.digest(), "manifest": asdict(manifest)}
    files.write(folder / MANIFEST, _canonical(content) + b"\n")


def read(folder: Path) -> Manifest:
    """Raises BackupRefused where there is no whole backup, or its manifest was changed."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise BackupRefused("There is no whole backup in this folder: no manifest.") from error
    except ValueError as error:
        raise BackupRefused("The manifest is damaged.") from error
    try:
        manifest = _parsed(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise BackupRefused("The manifest is damaged, or of another version.") from error
    if content["sha256"] != manifest.digest():
        raise BackupRefused("The manifest was changed: its digest is another.")
    return manifest


def _parsed(content: dict[str, Any]) -> Manifest:
    if content["format"] != FORMAT:
        raise BackupRefused("This backup has a format that this version does not know.")
    told = dict(content["manifest"])
    facts = dict(told.pop("facts"))
    return Manifest(
        database=Part(**told.pop("database")),
        films=Part(**told.pop("films")),
        facts=Facts(audit=Audit(**facts.pop("audit")), **facts),
        **told,
    )
