"""The locks: what must be in which, with hashes and without a registry's name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", ["dev", "bench"])
def test_a_lock_holds_every_pin_of_the_runtime_lock(lock: str) -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.lock").read_text()
        return set(re.findall(r"^([\w.\[\]-]+==\S+)", text, flags=re.MULTILINE))

    assert len(pins("runtime")) > 40
    assert pins("runtime") <= pins(lock)


def test_the_runtime_lock_holds_what_an_export_to_openvino_imports() -> None:
    """Keras imports SciPy for it without asking for it; the dev lock has it for other reasons."""
    text = (ROOT / "requirements" / "runtime.lock").read_text()
    for name in ("keras", "openvino", "scipy", "tensorflow-cpu"):
        assert re.search(rf"^{name}==", text, re.MULTILINE), name


def test_the_peers_servers_stay_in_their_own_lock() -> None:
    for lock in ("runtime", "dev", "gpu"):
        text = (ROOT / "requirements" / f"{lock}.lock").read_text()
        assert not re.search(r"^(fastapi|litserve|uvicorn)==", text, re.MULTILINE), lock


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_are_hashed_and_name_no_registry(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(index|extra-index|find-links|trusted)", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[\w.\[\]-]+==\S+", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]
