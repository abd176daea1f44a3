"""The demo's secrets: made once, kept, for this user alone; and nothing that was set is changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pneumo_site import embedded
from pneumo_site.demo import keys

NAMES = ("PNEUMO_SECRET_KEY", "PNEUMO_SECRET_KEY_FILE", "PNEUMO_HTTPS", "TF_CPP_MIN_LOG_LEVEL")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        # Set first, so that what the code puts there is taken away again after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PNEUMO_DATA_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def test_makes_a_private_secret_once(data: Path) -> None:
    keys.prepare()
    file = Path(os.environ["PNEUMO_SECRET_KEY_FILE"])
    first = file.read_text()
    assert len(first) >= 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    keys.prepare()
    assert file.read_text() == first


def test_two_folders_have_two_secrets(tmp_path: Path) -> None:
    one, two = (keys.kept_secret(tmp_path / name / "key").read_text() for name in ("a", "b"))
    assert one != two


def test_closes_a_secret_that_stands_open(tmp_path: Path) -> None:
    file = keys.kept_secret(tmp_path / "key")
    file.chmod(0o644)
    keys.kept_secret(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_changes_nothing_that_was_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PNEUMO_SECRET_KEY", "mine")
    monkeypatch.setenv("PNEUMO_HTTPS", "1")
    keys.prepare()
    assert "PNEUMO_SECRET_KEY_FILE" not in os.environ
    assert os.environ["PNEUMO_HTTPS"] == "1"


def test_the_brokers_socket_lies_in_a_folder_of_ours_alone(tmp_path: Path) -> None:
    command = embedded.command("server", socket=tmp_path / "s" / "v.sock", data=tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert command[command.index("--port") + 1] == "0", "no TCP port is opened"


def test_refuses_a_socket_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(embedded.BrokerRefused, match="another user"):
        embedded.command("server", socket=tmp_path / "s" / "v.sock", data=tmp_path / "data")


def test_refuses_a_socket_path_the_system_would_cut(tmp_path: Path) -> None:
    with pytest.raises(embedded.BrokerRefused, match="too long"):
        embedded.command("server", socket=tmp_path / ("x" * 110) / "v.sock", data=tmp_path)
