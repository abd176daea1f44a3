"""Make the project's environment once, then run a command in it. Standard library only.

    python3 scripts/bootstrap.py [--profile runtime|dev|gpu|bench] [-- COMMAND...]

COMMAND is given to `.venv/bin/python` (bench: `.venv-bench/bin/python`), in the project's folder.
The code keeps to Python 3.8, so that an older `python3` answers with a sentence instead of a syntax
error.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
SUPPORTED = ("3.13", "3.12", "3.11")
PROFILES = ("runtime", "dev", "gpu", "bench")
OWN_FOLDERS = {"bench": ".venv-bench"}  # other servers' packages never enter the product's
USAGE = "bootstrap.py [--profile {runtime,dev,gpu,bench}] [-- COMMAND...]"
PROBE = "import sys, ssl, sqlite3, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
VERSION_PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to do about it."""


def say(text: str) -> None:
    print(f"pneumo: {text}", file=sys.stderr, flush=True)


# --- which Python -------------------------------------------------------------------------------


def ask(python: str, code: str) -> str:
    """What `code` prints in that interpreter, or "" where it fails to run."""
    try:
        done = subprocess.run(
            [python, "-c", code], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def candidates(path: str, pyenv_versions: Path) -> list[str]:
    """Interpreters in the order they are preferred: this one, those on PATH, pyenv's."""
    names = [f"python{version}" for version in SUPPORTED]
    found = [sys.executable] + [shutil.which(name, path=path) for name in names]
    return [str(python) for python in [*found, *pyenv_pythons(pyenv_versions)] if python]


def pyenv_pythons(versions: Path) -> list[str]:
    """pyenv's interpreters, newest first; none where the folder is another user's."""
    try:
        return sorted(map(str, versions.glob("3.*/bin/python")), reverse=True)
    except OSError:
        return []


def choose_python(pythons: list[str]) -> str:
    """The first usable interpreter of 3.11 to 3.13; BootstrapError with a sentence where none is."""
    without_pip = ""
    for python in pythons:
        if ask(python, PROBE) in SUPPORTED:
            return python
        if not without_pip and ask(python, VERSION_PROBE) in SUPPORTED:
            without_pip = python
    if without_pip:
        raise BootstrapError(
            f"{without_pip} is a fitting Python, but it lacks venv, ensurepip, ssl or sqlite3. "
            "On Debian or Ubuntu: sudo apt-get install python3-venv"
        )
    here = ".".join(str(part) for part in sys.version_info[:2])
    why = " (TensorFlow has no release for 3.14 yet)" if sys.version_info >= (3, 14) else ""
    raise BootstrapError(
        f"Pneumo needs Python 3.11, 3.12 or 3.13, and none was found; {sys.executable} is {here}"
        f"{why}. Install one of them (with its venv module) and run this again."
    )


# --- what is installed already ------------------------------------------------------------------


def lock_file(profile: str) -> Path:
    return ROOT / "requirements" / f"{profile}.lock"


def digest(profile: str) -> str:
    return hashlib.sha256(lock_file(profile).read_bytes()).hexdigest()


def stamp_file() -> Path:
    return VENV / ".pneumo-stamp.json"


def read_stamp() -> dict[str, str]:
    """Profile -> digest of the lock it was installed from; "installing" marks an unfinished one."""
    try:
        stamp = json.loads(stamp_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(stamp: dict[str, str]) -> None:
    part = stamp_file().with_suffix(".part")
    part.write_text(json.dumps(stamp), encoding="utf-8")
    part.replace(stamp_file())


def is_ready(profile: str) -> bool:
    return venv_python().exists() and read_stamp().get(profile) == digest(profile)


def finished_stamp(profile: str) -> dict[str, str]:
    """The dev lock holds everything of the runtime lock, so a dev environment serves both."""
    covered = ("runtime", "dev") if profile == "dev" else (profile,)
    return {name: digest(name) for name in covered}


def must_rebuild(profile: str, stamp: dict[str, str]) -> bool:
    """An interrupted install is redone; the GPU build cannot share a folder with the CPU one."""
    if "installing" in stamp or not ask(str(venv_python()), "import pip; print(1)"):
        return True
    return bool(stamp) and ("gpu" in stamp) != (profile == "gpu")


# --- making it ----------------------------------------------------------------------------------


def use_folder_of(profile: str) -> None:
    global VENV  # noqa: PLW0603 (one folder a run)
    VENV = ROOT / OWN_FOLDERS.get(profile, ".venv")


def venv_python() -> Path:
    return VENV / "bin" / "python"


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """One bootstrap at a time in this checkout; the lock dies with its process."""
    VENV.mkdir(exist_ok=True)
    with (VENV / ".bootstrap.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another bootstrap is at work here; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(command: list[str], env: dict[str, str]) -> bool:
    """Run it with its output shown, and a sign of life every 10 s where nobody sees a bar."""
    started, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(10):
            say(f"still at it, {time.monotonic() - started:.0f} s")

    if not sys.stderr.isatty():
        threading.Thread(target=tick, daemon=True).start()
    try:
        output = sys.stderr.fileno()
        return subprocess.run(command, check=False, env=env, stdout=output).returncode == 0
    finally:
        done.set()


def install_env() -> dict[str, str]:
    """The caller's environment, with caches switched off where the home cannot be written."""
    env = dict(os.environ, VIRTUAL_ENV=str(VENV), PIP_DISABLE_PIP_VERSION_CHECK="1")
    env.pop("PYTHONPATH", None)
    env.setdefault("UV_HTTP_TIMEOUT", "120")
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    home = Path(env.get("HOME") or "/nonexistent")
    if not os.access(str(home), os.W_OK):
        env.setdefault("UV_NO_CACHE", "1")
        env.setdefault("PIP_NO_CACHE_DIR", "1")
    return env


def empty_venv() -> None:
    for entry in VENV.iterdir():
        if entry.name == ".bootstrap.lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()


def make_venv(profile: str, env: dict[str, str]) -> None:
    pyenv_root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    python = choose_python(candidates(os.environ.get("PATH", ""), pyenv_root / "versions"))
    say(f"making {VENV.name} with {python}")
    empty_venv()
    write_stamp({"installing": profile})
    if not run([python, "-m", "venv", str(VENV)], env):
        raise BootstrapError(
            "the virtual environment could not be made (see above). "
            "On Debian or Ubuntu: sudo apt-get install python3-venv"
        )


def install(profile: str, env: dict[str, str]) -> None:
    """uv when it can be had, else pip: the same lock, the same hashes."""
    lock, python = str(lock_file(profile)), str(venv_python())
    quiet = [] if sys.stderr.isatty() else ["--quiet"]  # on a terminal, pip draws its own bars
    pip = [python, "-m", "pip", "install", *quiet, "--require-hashes", "-r"]
    uv = [python, "-m", "uv", "pip", "install", "--compile-bytecode", "--require-hashes", "-r"]
    say(f"installing the {profile} packages (about 2 GB on disk; a minute on a good line)")
    if run([*pip, str(lock_file("uv"))], env) and run([*uv, lock], env):
        return
    say("uv could not do it; trying pip with the same lock (slower)")
    if not run([*pip, lock], env):
        raise BootstrapError(
            "the packages could not be installed (see above). Check the network, then run this "
            "again; what was fetched is kept where a cache can be written."
        )
    run([python, "-m", "compileall", "-q", str(VENV / "lib")], env)


def ensure(profile: str) -> None:
    """Make the environment hold exactly what the profile's lock says, if it does not yet."""
    if is_ready(profile):
        return
    started = time.monotonic()
    with exclusive():
        if is_ready(profile):
            return
        env = install_env()
        if must_rebuild(profile, read_stamp()):
            make_venv(profile, env)
        write_stamp({"installing": profile})
        install(profile, env)
        write_stamp(finished_stamp(profile))
    say(f"environment ready after {time.monotonic() - started:.0f} s")


def main(argv: list[str]) -> int:
    cut = argv.index("--") if "--" in argv else len(argv)
    command = argv[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, usage=USAGE)
    parser.add_argument("--profile", choices=PROFILES, default="runtime")
    options = parser.parse_args(argv[:cut])
    use_folder_of(options.profile)
    try:
        ensure(options.profile)
    except BootstrapError as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"cannot write the environment: {error}")
        return 2
    if command:
        os.chdir(str(ROOT))
        os.execv(str(venv_python()), [str(venv_python()), *command])  # noqa: S606 - that is the job
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted; the next run starts the installation afresh")
        sys.exit(130)
