"""The real `make demo` command with the fake engine: it heals, it tells, it leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml import bundle
from scripts import caller
from tests.films import as_png8, chest
from tests.processes import is_gone
from tests.servers import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults

ROOT = Path(__file__).resolve().parents[2]
UP = 90.0  # seconds; several TensorFlow-free Django processes start on a shared machine


class Run:
    """A demo in a process and a data folder of its own, and all it has printed."""

    def __init__(self, data: Path, films: Path, *options: str) -> None:
        self.data = data
        self.port = free_port()
        self.output = data.parent / f"demo-{self.port}.out"
        env = caller.environment() | {
            "DEBUG": "1",
            "PNEUMO_ENGINE": "fake",
            "PNEUMO_MODEL_DIR": str(models(data.parent)),
            "PNEUMO_DATA_DIR": str(data),
        }
        words = ["--xrays", str(films), "--port", str(self.port), *options]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "manage.py", "demo", *words],
                cwd=ROOT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def pids(self) -> dict[str, int]:
        """The supervised processes, by name."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.data / "log" / "pids").read_text().splitlines()
            pairs = [line.split() for line in lines]
            return {name: int(pid) for name, pid in pairs if pid != "-"}
        return {}

    def wait_for_text(self, words: str, limit: float = UP) -> None:
        wait_for(lambda: words in self.text or self._is_over(words), limit, repr(words))

    def _is_over(self, words: str) -> bool:
        if self.process.poll() is not None and words not in self.text:
            pytest.fail(f"the demo ended without {words!r}:\n{self.text}")
        return False

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> set[int]:
        """Every process that runs now and came from this demo: those that carry its data folder
        in their environment, and those it lists. The broker is among the latter only: it writes
        its title over its environment.
        """
        marker = f"PNEUMO_DATA_DIR={self.data}".encode()
        found = set(self.pids().values())
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
        return {pid for pid in found if not is_gone(pid)}

    def end(self) -> None:
        """Whatever the test found: nothing of its own demo may live on after it."""
        ours = self.processes()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in still_running(ours):
            os.kill(pid, signal.SIGKILL)


def models(folder: Path) -> Path:
    """A folder with one registrable bundle; the fake engine reads nothing of it but its digest."""
    bundle_folder = folder / "models" / "fake-1"
    if not bundle_folder.exists():
        bundle_folder.mkdir(parents=True)
        (bundle_folder / bundle.WEIGHTS).write_bytes(b"none")
        points = {name: {"threshold": 0.5} for name in bundle.OPERATING_POINTS}
        facts = dict.fromkeys(bundle._REQUIRED, "none") | {
            "name": "fake",
            "version": "1",
            "intended_use": {},
            "golden": {},
            "operating_points": points,
        }
        bundle.write_manifest(bundle_folder, facts)
    return folder / "models"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three films, one text file that calls itself a film, and a note."""
    folder = tmp_path / "my films"
    folder.mkdir()
    for number in range(3):
        (folder / f"film {number}.png").write_bytes(as_png8(chest(number, size=(320, 300))))
    (folder / "not a film.jpg").write_text("hello")
    (folder / "note.txt").write_text("hello")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextlib.contextmanager
def demo(data: Path, films: Path, *options: str) -> Iterator[Run]:
    run = Run(data, films, *options)
    try:
        yield run
    finally:
        run.end()


def test_once_ends_after_the_table_and_leaves_nothing_running(data: Path, films: Path) -> None:
    with demo(data, films, "--once") as run:
        assert run.process.wait(UP + 60) == 0, run.text
        for number in range(3):
            assert re.search(rf"film {number}\.png .* \d\.\d{{4}} .* \d+\.\d", run.text), run.text
        assert re.search(r"not a film\.jpg .*refused \(\w+\)", run.text), run.text
        assert "1 other files" in run.text
        assert "Research use only" in run.text
        assert run.processes() == set()
    passwords = re.findall(
        r"\b(submitter|radiologist|administrator|auditor) .*? (\S{16})(?=\s)", run.text
    )
    assert {user for user, _ in passwords} == {
        "submitter",
        "radiologist",
        "administrator",
        "auditor",
    }
    assert len({password for _, password in passwords}) == 4

    with demo(data, films, "--once") as second:
        assert second.process.wait(UP + 60) == 0, second.text
        assert "Passwords were printed at the first run" in second.text
        assert not any(password in second.text for _, password in passwords)
    for name in (b"film 0", b"not a film", b"my films"):
        assert_kept_nowhere(name, data)


def test_what_dies_is_started_again_and_ctrl_c_stops_everything(data: Path, films: Path) -> None:
    with demo(data, films) as run:
        run.wait_for_text("Ctrl-C stops everything")
        before = run.pids()
        assert set(before) == {"broker", "web", "worker", "sweeper"}
        for name, pid in before.items():
            os.kill(pid, signal.SIGKILL)
            run.wait_for_text(f"{name} ended (SIGKILL)", 20)
            wait_for(lambda n=name, p=pid: run.pids().get(n, p) != p, 20, f"a new {name}")  # type: ignore[misc]
        wait_for(lambda: answers(run.port), UP, "the web process")
        everything = run.processes()
        assert len(everything) > len(before), "the supervisor and gunicorn's workers, too"
        assert run.stop(signal.SIGINT) == 0, run.text
        assert not still_running(everything | run.processes())
    assert not answers(run.port)


def test_sigterm_stops_everything_too(data: Path, films: Path) -> None:
    with demo(data, films) as run:
        run.wait_for_text("Serving at")
        everything = run.processes()
        assert run.stop(signal.SIGTERM) == 0, run.text
        assert not still_running(everything | run.processes())


def test_ctrl_c_while_it_prepares_is_no_traceback(data: Path, films: Path) -> None:
    with demo(data, films) as run:
        run.wait_for_text("Preparing database")
        assert run.stop(signal.SIGINT) == 0, run.text
        assert "Traceback" not in run.text
        assert run.processes() == set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parent-death signal: Linux only")
def test_nothing_outlives_a_supervisor_that_is_killed(data: Path, films: Path) -> None:
    with demo(data, films) as run:
        run.wait_for_text("Serving at")
        everything = run.processes()
        assert set(run.pids()) == {"broker", "web", "worker", "sweeper"}
        run.process.kill()
        run.process.wait()
        wait_for(lambda: not still_running(everything), 30, "the end of all its children")


def test_a_busy_port_is_one_clear_sentence(data: Path, films: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(data, films, "--port", str(port)) as run:
            assert run.process.wait(UP) != 0
        assert f"Port {port} is in use by another program." in run.text
        assert "make demo PORT=" in run.text
        assert "Traceback" not in run.text


def test_a_second_demo_on_the_same_data_is_refused(data: Path, films: Path) -> None:
    with demo(data, films) as run:
        run.wait_for_text("Starting broker")
        with demo(data, films) as twin:
            assert twin.process.wait(UP) != 0
        assert "A demo runs already" in twin.text
        assert "Traceback" not in twin.text


def test_an_empty_folder_is_one_clear_sentence(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with demo(data, tmp_path / "empty") as run:
        assert run.process.wait(UP) != 0
    assert "holds no JPEG, PNG or DICOM files" in run.text
    assert "Traceback" not in run.text


def assert_kept_nowhere(words: bytes, folder: Path) -> None:
    for file in folder.rglob("*"):
        assert not file.is_file() or words not in file.read_bytes(), file


def still_running(pids: set[int]) -> set[int]:
    return {pid for pid in pids if not is_gone(pid)}


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
