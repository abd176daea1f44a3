"""What the demo refuses before it starts anything."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from pneumo_site.demo.show import DemoRefused, check_port


@pytest.mark.parametrize("port", [-1, 0, 65536, 99999])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(
        DemoRefused, match=rf"{port} is not a port\. .* 1 to 65535: make demo PORT="
    ):
        check_port(port)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (errno.EACCES, "Port 80 is not open to this user"),
        (errno.EADDRINUSE, "Port 80 is in use by another program"),
        (errno.EADDRNOTAVAIL, r"Port 80 cannot be used \("),
    ],
)
def test_says_why_a_port_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, fault: int, words: str
) -> None:
    bind = socket.socket.bind

    def refusing(self: socket.socket, address: Any) -> None:
        if address[1] == 80:
            raise OSError(fault, os.strerror(fault))
        bind(self, address)

    monkeypatch.setattr(socket.socket, "bind", refusing)
    with pytest.raises(DemoRefused, match=rf"{words}.* make demo PORT=\d+"):
        check_port(80)
