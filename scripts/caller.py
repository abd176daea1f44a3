"""What a gate or a test run may see of the caller's environment."""

from __future__ import annotations

import os

SETTINGS = {"DATABASE_URL", "REDIS_URL", "DEBUG"}


def environment() -> dict[str, str]:
    """Everything but Pneumo's settings, so that no real database, broker or key is ever used."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PNEUMO_") and name.removesuffix("_FILE") not in SETTINGS
    }
