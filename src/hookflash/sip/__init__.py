"""RFC 3261 and friends: pure machines, no sockets and no clock.

Public is what `__all__` names. A program of your own reads and writes messages with `parse`,
`Request` and `Response`, and runs transactions with an `Endpoint`: bytes and the time go in,
effects come out.
"""

from __future__ import annotations

from ..base.errors import SipError
from .codec import KeepAlive, StreamDecoder, parse
from .dialog import Dialog
from .effects import (
    CancelReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from .endpoint import Endpoint
from .fields import CSeq, NameAddr, Via
from .flow import Flow
from .message import Message, Request, Response
from .timers import Timers
from .uri import Uri

__all__ = [
    "CSeq",
    "CancelReceived",
    "Dialog",
    "Endpoint",
    "Flow",
    "KeepAlive",
    "Message",
    "NameAddr",
    "Request",
    "RequestFailed",
    "RequestReceived",
    "Response",
    "ResponseReceived",
    "SendBytes",
    "ServerFailed",
    "SipEffect",
    "SipError",
    "StreamDecoder",
    "Timers",
    "Uri",
    "Via",
    "parse",
]
