"""What the demo puts into the environment before the settings are read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def prepare() -> None:
    """Fill in what an ordinary user on one machine need not decide; what is set already stands."""
    folder = Path(os.environ.setdefault("PNEUMO_DATA_DIR", str(BASE_DIR / "var"))).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not {"PNEUMO_SECRET_KEY", "PNEUMO_SECRET_KEY_FILE"} & set(os.environ):
        os.environ["PNEUMO_SECRET_KEY_FILE"] = str(kept_secret(folder / "secrets" / "secret_key"))
    # Plain HTTP, and therefore on the loopback address only.
    os.environ.setdefault("PNEUMO_HTTPS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def kept_secret(file: Path) -> Path:
    """Make a random secret once, readable by this user alone, and keep it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        file.chmod(0o600)
        return file
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(secrets.token_urlsafe(64))
    return file
