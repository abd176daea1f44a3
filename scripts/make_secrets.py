"""Make the secrets that docker-compose.yml mounts. What is there already is kept.

python3 scripts/make_secrets.py [FOLDER]
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path


def make_secrets(folder: Path) -> list[str]:
    """Write what is missing; returns the names of the new files.

    The folder is closed to everybody else. The files in it are readable, because compose mounts
    them one by one into containers whose user is not this one.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    password_file = folder / "postgres_password"
    password = secrets.token_urlsafe(32)
    if password_file.exists():
        password = password_file.read_text(encoding="utf-8")
    values = {
        "postgres_password": password,
        "database_url": f"postgresql://pneumo:{password}@postgres:5432/pneumo",
        "secret_key": secrets.token_urlsafe(64),
    }
    new = [name for name in values if not (folder / name).exists()]
    for name in new:
        (folder / name).write_text(values[name], encoding="utf-8")
        (folder / name).chmod(0o644)
    return new


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "secrets")
    print(f"{where}: made {', '.join(make_secrets(where)) or 'nothing, all are there'}")
