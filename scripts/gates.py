"""The quality gates that need no server: style, types, imports, migrations, deployment check.

Stops at the first that fails, and says which. `make check` runs the tests after them.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts import caller

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DEVELOPMENT = {"DEBUG": "1"}


@dataclass(frozen=True)
class Gate:
    """A command that must end with 0, and the settings it sees."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=lambda: DEVELOPMENT)


def production() -> dict[str, str]:
    """Settings as of a real installation, with keys nobody uses again."""
    return {
        "PNEUMO_SECRET_KEY": secrets.token_urlsafe(60),
        "PNEUMO_ALLOWED_HOSTS": "pneumo.example",
        "PNEUMO_TRUSTED_ORIGINS": "https://pneumo.example",
    }


def gates() -> list[Gate]:
    python, manage = sys.executable, [sys.executable, "manage.py"]
    ruff = [python, "-m", "ruff"]
    return [
        Gate("format (ruff)", [*ruff, "format", "--check", "."]),
        Gate("lint (ruff)", [*ruff, "check", "."]),
        Gate("types (mypy --strict)", [python, "-m", "mypy"]),
        Gate("imports (import-linter)", [str(BIN / "lint-imports")]),
        Gate("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        Gate(
            "deployment check",
            [*manage, "check", "--deploy", "--fail-level", "WARNING"],
            production(),
        ),
    ]


def passes(gate: Gate) -> bool:
    started = time.monotonic()
    print(f"== {gate.name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pn-gate-") as folder:
        env = caller.environment() | gate.env | {"PNEUMO_DATA_DIR": folder}
        status = subprocess.run(gate.command, check=False, cwd=ROOT, env=env).returncode
    print(f"   {'ok' if status == 0 else 'FAILED'}, {time.monotonic() - started:.1f} s", flush=True)
    return status == 0


def main() -> int:
    for gate in gates():
        if not passes(gate):
            print(f"\nGATE FAILED: {gate.name}: {' '.join(gate.command)}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
