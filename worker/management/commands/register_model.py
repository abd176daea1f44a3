"""Put a bundle into the product: verified, registered, and active if it is the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.permissions import Actor
from diagnosis.services import model_versions
from ml import bundle, engines


class Command(BaseCommand):
    help = "Verify a model bundle and register it; the first one, or --activate, becomes active."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", nargs="?", help="A folder below PNEUMO_MODEL_DIR; default: the newest."
        )
        parser.add_argument("--activate", action="store_true", help="Make it the active model.")

    def handle(self, *, folder: str | None, activate: bool, **_options: Any) -> None:
        directory = _directory(folder)
        try:
            manifest = bundle.verify(directory)
            _prepare(directory)
        except bundle.BundleError as error:
            raise CommandError(f"{error.code}: {error}") from error
        actor = Actor.system("register_model")
        version, created = model_versions.register(
            actor=actor,
            manifest=manifest.raw,
            digest=manifest.digest,
            folder=str(directory.relative_to(settings.MODEL_DIR)),
        )
        if activate or model_versions.active() is None:
            model_versions.activate(actor=actor, version=version)
        version.refresh_from_db()
        word = "registered" if created else "known already"
        self.stdout.write(f"{version}: {word}, {version.stage.lower()}, {version.digest[:12]}")


def _prepare(directory: Path) -> None:
    if settings.ENGINE != "fake":
        engines.prepare(
            directory,
            settings.ENGINE,
            cache=settings.ENGINE_CACHE,
            precision=settings.PRECISION,
        )


def _directory(folder: str | None) -> Path:
    root: Path = settings.MODEL_DIR
    if folder is None:
        newest = bundle.latest(root)
        if newest is None:
            raise CommandError(f"There is no model bundle below {root}.")
        return newest
    directory = (Path(folder) if Path(folder).exists() else root / folder).resolve()
    if root not in directory.parents:
        raise CommandError(f"The bundle must lie below {root} (set PNEUMO_MODEL_DIR).")
    return directory
