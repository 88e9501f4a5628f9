"""What the SIP endpoint asks for and reports: frozen data, named as what shall happen."""

from __future__ import annotations

from typing import Literal

from ..base.light import light_dataclass
from .flow import Flow
from .message import Request, Response

FailureReason = Literal["timeout", "transport", "unresolved"]
"""`timeout`: timer B or F. `transport`: the connection could not be opened or broke.
`unresolved`: the name has no address."""


@light_dataclass(frozen=True, slots=True)
class SendBytes:
    """Put these bytes on the wire; `flow.connection` 0 on TCP or TLS means: open one."""

    data: bytes
    flow: Flow


@light_dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request, retransmissions removed. `key` names its server transaction.

    For the ACK of a 2xx, which has no transaction, `key` is "".
    """

    key: str
    request: Request
    flow: Flow


@light_dataclass(frozen=True, slots=True)
class CancelReceived:
    """The INVITE of transaction `key` was cancelled; the CANCEL itself is already answered."""

    key: str
    request: Request
    """The CANCEL."""


@light_dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to our request of client transaction `key`.

    Retransmitted 2xx of INVITE come every time (each needs an ACK, RFC 6026), other
    retransmissions do not.
    """

    key: str
    response: Response
    flow: Flow


@light_dataclass(frozen=True, slots=True)
class RequestFailed:
    """Our request of client transaction `key` gets no final response any more."""

    key: str
    reason: FailureReason


@light_dataclass(frozen=True, slots=True)
class ServerFailed:
    """No ACK came for our 3xx-6xx to INVITE (timer H), or its flow broke; nothing is to be done
    but to count it."""

    key: str


SipEffect = (
    SendBytes | RequestReceived | CancelReceived | ResponseReceived | RequestFailed | ServerFailed
)
