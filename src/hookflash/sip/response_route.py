"""The way back: received and rport in requests, and where responses go.

RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from .flow import Flow

if TYPE_CHECKING:
    from .fields import Via
    from .message import Request


def stamp_via(request: Request, flow: Flow) -> Via:
    """Write down in the top Via where the request came from; returns that Via.

    `received` if the sent-by host is another than the source or rport is asked for, `rport` if
    it is asked for. Raises SipError where there is no readable Via.
    """
    via = request.top_via
    source, port = flow.remote
    asked = via.has_param("rport")
    if not asked and via.host == source and via.received is None:
        return via
    stamped = via.with_param("received", source)
    if asked:
        stamped = stamped.with_param("rport", str(port))
    if stamped != via:
        views = request.headers.views
        request.headers.remove_first_value("Via")
        request.headers.insert_first("Via", str(stamped))
        views.pop("via", None)
        views["top-via"] = stamped
        request.headers.views.update(views)  # nothing else has changed
    return stamped


def response_flow(via: Via, flow: Flow) -> Flow:
    """Where responses go, from a stamped Via: on streams back by the connection."""
    if flow.reliable:
        return flow
    maddr = via.param("maddr")
    port = via.port or 5060
    if maddr and _is_literal(maddr):
        return Flow(flow.transport, flow.local, (maddr.strip("[]"), port))
    if via.rport is not None:
        return flow
    if port == flow.remote[1]:
        return flow
    return Flow(flow.transport, flow.local, (flow.remote[0], port))


def alternative_flow(via: Via, flow: Flow) -> Flow:
    """Where responses go once the connection has died: a new one to received and sent-by port."""
    port = via.port or (5061 if flow.transport == "tls" else 5060)
    return Flow(flow.transport, flow.local, (flow.remote[0], port))


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
