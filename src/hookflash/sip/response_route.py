"""The way back: received and rport in requests, and where responses go.

RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4.
"""

from __future__ import annotations

from .fields import Via
from .flow import Flow
from .message import Request


def stamp_via(request: Request, flow: Flow) -> Via:
    """Write down in the top Via where the request came from; returns that Via.

    `received` if the sent-by host is another than the source or rport is asked for, `rport` if
    it is asked for. Raises SipError where there is no readable Via.
    """
    via = request.top_via
    source, port = flow.remote
    params: list[tuple[str, str | None]] = []
    asked = known = False
    for name, value in via.params:
        lower = name.lower()
        if lower == "rport":
            asked = True
            params.append((name, str(port)))
        elif lower == "received":
            known = True
        else:
            params.append((name, value))
    if not asked and not known and via.host == source:
        return via
    params.append(("received", source))
    stamped = Via(via.transport, via.host, via.port, tuple(params), via.protocol)
    if stamped != via:
        request.headers.replace_first_value("Via", str(stamped))
        request.headers.views["top-via"] = stamped
    return stamped


def response_flow(via: Via, flow: Flow) -> Flow:
    """Where responses go, from a stamped Via: on streams back by the connection.

    A datagram is never answered to another address than its source: `maddr` (§18.2.2) would let
    anybody have us write to whom he likes.
    """
    if flow.reliable:
        return flow
    port = via.port or 5060
    if via.rport is not None:
        return flow
    if port == flow.remote[1]:
        return flow
    return Flow(flow.transport, flow.local, (flow.remote[0], port))


def alternative_flow(via: Via, flow: Flow) -> Flow:
    """Where responses go once the connection has died: a new one to received and sent-by port."""
    port = via.port or (5061 if flow.transport == "tls" else 5060)
    return Flow(flow.transport, flow.local, (flow.remote[0], port))
