"""The SIP messages of a call as the API gives them, read again."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..base.text import clean
from ..sip.codec import parse
from ..sip.flow import Address
from ..sip.message import Request, Response
from ..sip.pcap import CapturedMessage
from ..sip.refer import Fragment, parse_fragment

_ADDRESS: Final = re.compile(r"\[?([^\]]*)\]?:(\d+)")


@light_dataclass(frozen=True, slots=True)
class SeenMessage:
    """One message that went by."""

    at: float
    """Seconds since the epoch."""
    received: bool
    """Whether it came in."""
    transport: str
    """`udp`, `tcp` or `tls`."""
    local: Address
    remote: Address
    data: bytes
    message: Request | Response | None
    """None where it cannot be read."""
    again: bool = False
    """The same went by before: it was repeated."""

    @property
    def method(self) -> str:
        """Of a request, or of the request that a response answers; "" where that is unknown."""
        message = self.message
        if isinstance(message, Request):
            return message.method
        try:
            return "" if message is None else message.cseq.method
        except SipError:
            return ""

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return self.message.status if isinstance(self.message, Response) else 0

    def header(self, name: str) -> str:
        """The value of the first header of that name, "" for none."""
        return "" if self.message is None else clean(self.message.header(name) or "")

    @property
    def fragment(self) -> Fragment | None:
        """What a NOTIFY reports."""
        message = self.message
        if not isinstance(message, Request) or message.method != "NOTIFY":
            return None
        return parse_fragment(message.body)

    @property
    def label(self) -> str:
        """What a ladder says: `INVITE`, `180 Ringing`, `NOTIFY 200 OK`, `REFER to tel:+1…`."""
        message = self.message
        if message is None:
            words = self.data[:60].decode("utf-8", "replace").partition("\r")[0]
        elif isinstance(message, Response):
            words = f"{message.status} {clean(message.reason)}"
        elif message.method == "REFER":
            words = f"REFER to {self.header('Refer-To').strip('<>')}"
        elif (fragment := self.fragment) is not None:
            words = f"NOTIFY {fragment.status} {clean(fragment.reason)}"
        else:
            words = message.method
        return f"{words.rstrip()}{' (again)' if self.again else ''}"

    def captured(self) -> CapturedMessage:
        """For a capture file."""
        way = (self.remote, self.local) if self.received else (self.local, self.remote)
        return CapturedMessage(self.at, self.transport, *way, self.data)


def seen_from(messages: Iterable[Mapping[str, Any]]) -> list[SeenMessage]:
    """Of `messages` in the answer of `GET /hookflash/calls/SCL_…/sip`, in their order. Raises
    ValueError, KeyError or TypeError for what is none."""
    found: list[SeenMessage] = []
    before: set[tuple[bool, bytes]] = set()
    for entry in messages:
        coded = entry.get("data")
        data = b64decode(coded) if coded is not None else str(entry["text"]).encode()
        received = entry["direction"] == "received"
        found.append(
            SeenMessage(
                float(entry["at"]),
                received,
                str(entry["transport"]),
                _address(str(entry["local"])),
                _address(str(entry["remote"])),
                data,
                _read(data),
                (received, data) in before,
            )
        )
        before.add((received, data))
    return found


def _read(data: bytes) -> Request | Response | None:
    try:
        return parse(data)
    except SipError as error:
        return error.message if isinstance(error.message, Request) else None


def _address(text: str) -> Address:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"no address: {text!r}")
    return match[1], int(match[2])
