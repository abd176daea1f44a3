"""OpenVINO's form of a bundle: exported by a child process, kept in a cache, verified when read.

A folder of the cache is named by the manifest's digest and the versions that made it. What lies in
it is in float32 whatever precision it is run in.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ml.bundle import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.bundle import Manifest

logger = logging.getLogger(__name__)

STRUCTURE = "network.xml"
WEIGHTS = "network.bin"
SUMS = "SHA256SUMS"
_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 300.0  # a large network on a busy machine
_LINES = 4  # of what the child said at its end
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Export:
    """The bytes as they were verified, so that nothing can change between check and use."""

    structure: bytes
    weights: bytes
    digest: str  # of both
    folder: Path


def open_export(directory: Path, manifest: Manifest, cache: Path) -> Export:
    """The export of a verified bundle; made now where it is missing or damaged.

    Safe when several processes ask at once: one makes it. Raises BundleError EXPORT_FAILED.
    """
    folder = cache / f"{manifest.digest}-keras-{version('keras')}-openvino-{version('openvino')}"
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = _read(folder)
        if found is None:
            with _alone(folder):
                found = _read(folder) or _make(directory, folder)
    except OSError as error:
        raise _failed(f"{type(error).__name__}: {error.strerror}") from error
    return found


def _read(folder: Path) -> Export | None:
    """None where there is no whole export."""
    if not folder.exists():
        return None
    try:
        sums = (folder / SUMS).read_bytes()
        structure = (folder / STRUCTURE).read_bytes()
        weights = (folder / WEIGHTS).read_bytes()
    except OSError:
        sums = structure = weights = b""
    if not sums or sums != _sums(structure, weights):
        logger.warning("the OpenVINO export in the cache is damaged; it is made again")
        return None
    return Export(structure, weights, hashlib.sha256(sums).hexdigest(), folder)


def _sums(structure: bytes, weights: bytes) -> bytes:
    """As sha256sum writes it."""
    files = {STRUCTURE: structure, WEIGHTS: weights}
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    return "".join(lines).encode("ascii")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The lock of this export; the system frees it with the process that held it."""
    with folder.with_name(f"{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(directory: Path, folder: Path) -> Export:
    for stale in folder.parent.glob(f"{folder.name}.*{_PARTIAL}"):
        shutil.rmtree(stale, ignore_errors=True)
    made = tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=_PARTIAL, dir=folder.parent)
    partial = Path(made)
    try:
        _run_child(directory, partial)
        sums = _sums((partial / STRUCTURE).read_bytes(), (partial / WEIGHTS).read_bytes())
        (partial / SUMS).write_bytes(sums)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if (found := _read(folder)) is None:
        raise _failed("what was written cannot be read back")
    return found


def _run_child(directory: Path, out: Path) -> None:
    """TensorFlow, which the export needs, lives and ends with the child."""
    command = [sys.executable, "-m", "ml.engines.export_child", str(directory.resolve()), str(out)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module and folders
            command, cwd=_ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"it took more than {_SECONDS:.0f} s") from error
    if done.returncode:
        told = " ".join(done.stderr.strip().splitlines()[-_LINES:])
        raise _failed(told or f"exit status {done.returncode}")


def _failed(why: str) -> BundleError:
    return BundleError("EXPORT_FAILED", f"The model cannot be exported for OpenVINO: {why}")
