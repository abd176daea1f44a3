"""A model bundle: a folder with manifest.json, weights only, and golden films.

The manifest names the SHA-256 of every other file, so its own digest identifies the whole model.
Nothing in a bundle is code: the architecture is an id that `ml.architectures` knows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
WEIGHTS = "weights.weights.h5"
GOLDEN = "golden"
FORMAT = 1
OPERATING_POINTS = ("rule_out", "decision", "rule_in")


class BundleError(Exception):
    """The bundle cannot be trusted or run; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself. `raw` is the whole JSON object, `digest` its bytes' SHA-256."""

    raw: Mapping[str, Any]
    digest: str

    @property
    def threshold(self) -> float:
        """The `decision` operating point: at or above it the label is pneumonia."""
        return float(self.raw["operating_points"]["decision"]["threshold"])

    @property
    def golden_scores(self) -> Mapping[str, float]:
        """File name below golden/ -> probability measured when the bundle was made."""
        return {name: float(score) for name, score in self.raw["golden"].items()}


_REQUIRED = {
    "name", "version", "architecture", "preprocessing_id", "input_size", "classes", "intended_use",
    "calibration", "operating_points", "files", "golden", "licence",
}  # fmt: skip


def load_manifest(directory: Path) -> Manifest:
    """Read and check the manifest alone. Raises BundleError."""
    try:
        data = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise BundleError(
            "MANIFEST_MISSING", f"There is no {MANIFEST} in {directory.name}."
        ) from error
    try:
        raw = json.loads(data)
    except ValueError as error:
        raise BundleError("MANIFEST_CORRUPT", f"{MANIFEST} is not JSON.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise BundleError("MANIFEST_FORMAT", f"{MANIFEST} is not of format {FORMAT}.")
    if lacking := sorted(_REQUIRED - raw.keys()):
        raise BundleError("MANIFEST_INCOMPLETE", f"{MANIFEST} lacks {', '.join(lacking)}.")
    if lacking := sorted(set(OPERATING_POINTS) - raw["operating_points"].keys()):
        raise BundleError("MANIFEST_INCOMPLETE", f"operating points lack {', '.join(lacking)}.")
    return Manifest(raw, hashlib.sha256(data).hexdigest())


def verify(directory: Path) -> Manifest:
    """The manifest, once every file that it names has the digest that it names. Raises BundleError."""
    manifest = load_manifest(directory)
    named = manifest.raw["files"]
    wanted = {WEIGHTS, *(f"{GOLDEN}/{name}" for name in manifest.golden_scores)}
    if lacking := sorted(wanted - named.keys()):
        raise BundleError("MANIFEST_INCOMPLETE", f"no digest is given for {', '.join(lacking)}.")
    for name, digest in named.items():
        path = directory / name
        if directory.resolve() not in path.resolve().parents:
            raise BundleError("PATH_OUTSIDE", "A file of the bundle lies outside its folder.")
        try:
            found = file_digest(path)
        except OSError as error:
            raise BundleError("FILE_MISSING", f"{name} is missing or unreadable.") from error
        if found != digest:
            raise BundleError("DIGEST_MISMATCH", f"{name} is not the file that the manifest names.")
    return manifest


def latest(root: Path) -> Path | None:
    """The last bundle below a folder, by name; None where there is none."""
    found = sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))
    return found[-1] if found else None


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(directory: Path, facts: Mapping[str, Any]) -> Manifest:
    """Write manifest.json last: `facts` plus the digests of all files already in the folder."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    digests = {
        path.relative_to(directory).as_posix(): file_digest(path)
        for path in files
        if path.name != MANIFEST
    }
    text = json.dumps({"format": FORMAT, **facts, "files": digests}, indent=2, sort_keys=True)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return verify(directory)
