"""A mail server of a few lines on loopback, which keeps what it is sent."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class MailServer:
    port: int = 0
    refused: set[str] = field(default_factory=set)  # recipients that it does not know
    messages: list[tuple[str, str]] = field(default_factory=list)  # (recipient, text)


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.say("220 ready")
        recipient = ""
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.say("354 go on")
                self.kept.messages.append((recipient, self.text()))
            elif word == b"RCPT":
                recipient = line.decode().split("<")[1].split(">")[0]
                if recipient in self.kept.refused:
                    self.say("550 unknown")
                    continue
            elif word == b"QUIT":
                self.say("221 bye")
                return
            self.say("250 fine")

    @property
    def kept(self) -> MailServer:
        kept: MailServer = self.server.kept  # type: ignore[attr-defined]
        return kept

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def text(self) -> str:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.decode())
        return "".join(lines)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        kept = MailServer(server.server_address[1])
        server.kept = kept  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()
