"""A telephone's SIP side: one socket, what came by it, and waiting for what is to come."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .message import Header, Message, reply

if TYPE_CHECKING:
    from .call import Call

WITHIN = 6.0
"""Seconds that anything may take on a loaded machine, unless a row says otherwise."""

Wanted = Callable[[Message], bool]


class Phone:
    """UDP by default. `inbox` holds what was not waited for yet, `log` everything, with times."""

    transport = "UDP"
    is_called = False
    """`Exchange.call` has the exchange call it, instead of the other way round."""

    def __init__(self, server: tuple[str, int], ip: str = "127.0.0.1") -> None:
        self.server = server
        self.ip = ip
        self.inbox: list[Message] = []
        self.log: list[tuple[float, Message]] = []
        self.calls: list[Call] = []
        self.closed = False
        self._stream: socket.socket | None = None
        self.socket = self._open()
        self.port: int = self.socket.getsockname()[1]

    def _open(self) -> socket.socket:
        """Its port is taken for TCP as well, where nobody listens: large requests try TCP first,
        and must not meet what somebody else has there."""
        while True:
            opened = socket.socket(self._family, socket.SOCK_DGRAM)
            opened.bind((self.ip, 0))
            self._stream = socket.socket(self._family, socket.SOCK_STREAM)
            try:
                self._stream.bind(opened.getsockname())
            except OSError:
                opened.close()
                self._stream.close()
            else:
                return opened

    def listen(self) -> socket.socket:
        """A TCP socket on its port."""
        assert self._stream is not None
        self._stream.listen()
        return self._stream

    @property
    def _family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    @property
    def host(self) -> str:
        """The address as it stands in a URI."""
        return f"[{self.ip}]" if ":" in self.ip else self.ip

    @property
    def uri(self) -> str:
        """Our Contact."""
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:wire@{self.host}:{self.port}{suffix}"

    def send(self, data: bytes) -> None:
        """To the exchange."""
        self.socket.sendto(data, self.server)

    def reply(
        self, request: Message, status: str, headers: Iterable[Header] = (), body: str = ""
    ) -> None:
        """Answer a request of the exchange."""
        self.send(reply(request, status, headers, body))

    def read(self, within: float) -> bool:
        """Take in what comes within that time; False if nothing did."""
        ready, _, _ = select.select([self.socket], [], [], max(within, 0))
        if not ready:
            return False
        try:
            data = self.socket.recv(65535)
        except ConnectionResetError:
            data = b""  # closed with bytes of ours unread: the kernel resets
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        if data.strip():
            message = Message(data)
            self.inbox.append(message)
            self.log.append((time.monotonic(), message))

    def wait(self, wanted: Wanted, what: str = "message", within: float = WITHIN) -> Message:
        """The first message, already here or still to come, that is wanted."""
        end = time.monotonic() + within
        while True:
            found = self._pick(wanted)
            if found is not None:
                return found
            left = end - time.monotonic()
            if left <= 0 or self.closed or not self.read(left):
                break
        seen = "\n".join(f"  {message!r}" for _, message in self.log[-25:])
        raise AssertionError(f"no {what} within {within:g} s; came:\n{seen or '  nothing'}")

    def none(self, wanted: Wanted, within: float = 0.4) -> None:
        """Nothing of this kind comes within that time."""
        end = time.monotonic() + within
        while not self.closed and (left := end - time.monotonic()) > 0:
            self.read(left)
        found = self._pick(wanted)
        assert found is None, f"not wanted: {found!r}"

    def _pick(self, wanted: Wanted) -> Message | None:
        for index, message in enumerate(self.inbox):
            if wanted(message):
                return self.inbox.pop(index)
        return None

    def request(self, method: str, within: float = WITHIN) -> Message:
        """The next request of the exchange with this method."""
        return self.wait(lambda m: not m.status and m.method == method, method, within)

    def drop(self) -> None:
        """The sockets die; the calls do not know."""
        self.closed = True
        self.socket.close()
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        """Hang up what is still up and close every socket."""
        for call in self.calls:
            with contextlib.suppress(OSError):
                call.leave()
        self.drop()


class TcpPhone(Phone):
    """The same over one TCP connection that it opens; `listener` takes those of the exchange."""

    transport = "TCP"

    def _open(self) -> socket.socket:
        self._buffer = b""
        opened = socket.socket(self._family, socket.SOCK_STREAM)
        opened.bind((self.ip, 0))
        opened.connect(self.server)
        return opened

    def send(self, data: bytes) -> None:
        """To the exchange."""
        self.socket.sendall(data)

    def _take(self, data: bytes) -> None:
        if not data:
            self.closed = True
        self._buffer += data
        self._buffer, messages = split(self._buffer)
        for message in messages:
            super()._take(message)


def split(buffer: bytes) -> tuple[bytes, list[bytes]]:
    """What is left of a stream, and the messages cut off from it."""
    messages: list[bytes] = []
    while True:
        while buffer.startswith(b"\r\n"):
            buffer = buffer[2:]
        head, end, rest = buffer.partition(b"\r\n\r\n")
        if not end:
            return buffer, messages
        length = int(Message(head + end).get("Content-Length", "0"))
        if len(rest) < length:
            return buffer, messages
        messages.append(head + end + rest[:length])
        buffer = rest[length:]
