"""Private PostgreSQL, Redis and Valkey servers for tests: own folder, own port, own process.

    with servers.postgres() as server:      # or servers.redis(), servers.valkey()
        use(server.url)
        server.kill(); server.start()       # fault tests
        server.freeze(); server.thaw()

A server that cannot be had raises Unavailable with the reason. All end with this process, also
when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tests.binaries import Unavailable, postgres_binaries, redis_binary, valkey_binary
from tests.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START_SECONDS = 30.0
STOP_SECONDS = 10.0


def wait_for(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `ready()`; TimeoutError with `what` after that many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not within {seconds:.0f} s")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def identity(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    """Popen's arguments to run as that user; none of them to run as this one."""
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


class Server(ABC):
    """One server process in a session of its own, so that signals reach its children, too."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    orphan_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """What DATABASE_URL or REDIS_URL takes."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def owner(self) -> pwd.struct_passwd | None:
        """The user to run as; None keeps this process's."""
        return None

    def environment(self) -> Mapping[str, str] | None:
        """The variables to run with; None keeps this process's."""
        return None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start (again), on the same address and data, and return when it answers."""
        if self.is_running():
            raise RuntimeError("the server is running already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self.command(),
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity(self.owner()),
                preexec_fn=die_with_parent(self.orphan_signal),  # noqa: PLW1509 - no threads here
            )
        wait_for(self._answers_or_died, START_SECONDS, f"an answer of {self.command()[0]}")

    def _answers_or_died(self) -> bool:
        if not self.is_running():
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the server ended at start:\n{tail}")
        return self.answers()

    def stop(self) -> None:
        """End it in order; a frozen or deaf one is killed."""
        if not self.is_running():
            return
        self.thaw()
        self._signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)  # type: ignore[union-attr]
        self.kill()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """As a power cut or the kernel would; SIGQUIT is PostgreSQL's immediate stop."""
        if self._process is not None:
            self._signal(number)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: it keeps its sockets open and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()


class RedisServer(Server):
    """redis-server or valkey-server without persistence, on a TCP port or a Unix socket."""

    def __init__(self, folder: Path, *, binary: str, port: int) -> None:
        super().__init__(folder)
        self.binary = binary
        self.port = port  # 0: the socket alone
        self.socket = folder / "v.sock"

    @property
    def url(self) -> str:
        if self.port:
            return f"redis://127.0.0.1:{self.port}/0"
        return f"redis+socket://{self.socket}"

    def command(self) -> list[str]:
        where = ["--port", str(self.port)]
        if not self.port:
            where += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        safe = ["--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--appendonly", "no"]
        return [self.binary, *where, *safe, "--dir", str(self.folder)]

    def answers(self) -> bool:
        family = socket.AF_INET if self.port else socket.AF_UNIX
        with socket.socket(family) as client:
            client.settimeout(1.0)
            try:
                client.connect(("127.0.0.1", self.port) if self.port else str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


class PostgresServer(Server):
    """PostgreSQL that trusts its own machine, for tests only.

    Without fsync a commit survives a killed server, though not a power cut; with synchronous_commit
    off as well it would survive neither.
    """

    stop_signal = signal.SIGINT  # "fast": ends the sessions, does not wait for them
    orphan_signal = signal.SIGQUIT  # nobody is left who could need the data
    user = "pneumo"

    def __init__(self, folder: Path, *, binaries: Path, durable: bool = False) -> None:
        super().__init__(folder)
        self.binaries = binaries
        self.port = free_port()
        self.data = folder / "data"
        self.sync = "on" if durable else "off"

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"

    def owner(self) -> pwd.struct_passwd | None:
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise Unavailable("PostgreSQL: refuses root, and there is no user postgres or nobody")

    def prepare(self) -> None:
        """Make the cluster, owned by the user it will run as."""
        owner = self.owner()
        if owner:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        options = ["-U", self.user, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        try:
            done = subprocess.run(  # noqa: S603
                [str(self.binaries / "initdb"), "-D", str(self.data), *options],
                check=False,
                cwd=self.folder,
                capture_output=True,
                text=True,
                **identity(owner),
            )
        except PermissionError as error:
            reason = f"PostgreSQL: root runs it as another user, who cannot reach {self.binaries}"
            raise Unavailable(reason) from error
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": self.sync,
            "full_page_writes": self.sync,
            "max_connections": "100",
        }
        pairs = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *pairs]

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Short, because a Unix socket's path must stay under 108 characters."""
    with tempfile.TemporaryDirectory(prefix="pn-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def redis() -> Iterator[RedisServer]:
    """A private Redis (or Valkey, where there is none) on a free TCP port."""
    binary, port = redis_binary(), free_port()
    with _folder() as folder, RedisServer(folder, binary=binary, port=port) as server:
        yield server


@contextlib.contextmanager
def valkey() -> Iterator[RedisServer]:
    """The embedded Valkey on a Unix socket, as it runs beside the worker by default."""
    with _folder() as folder, RedisServer(folder, binary=valkey_binary(), port=0) as server:
        yield server


@contextlib.contextmanager
def postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A private PostgreSQL on a free TCP port; `durable` syncs each commit, as in production."""
    with _folder() as folder:
        server = PostgresServer(folder, binaries=postgres_binaries(), durable=durable)
        server.prepare()
        with server:
            yield server
