"""Where a request of ours goes: by an open flow, straight to an address, or after a lookup.

The rules of transfer.md §3 (old connections) and calls.md §5 (NATed peers, large requests),
on top of RFC 3261 §8.1.2 and §18.1.1. Pure: what is open is asked of the caller.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_network

from ..base.hosts import ip_literal
from ..base.light import light_dataclass
from .flow import Address, Flow, Transport
from .location import Target, numeric_host, uri_transport
from .message import Request
from .uri import Uri

LARGE_REQUEST = 1300
"""Bytes from which a request is too large for UDP with an unknown path MTU (§18.1.1)."""
LARGEST_DATAGRAM = 65_507
"""Bytes that UDP over IPv4 carries at most; larger ones never arrive."""
LARGE_MEMORY = 3600.0
"""Seconds for which a target that takes no TCP is remembered."""
_VIA_SIZE = 120
_MAX_REMEMBERED = 10_000

_PRIVATE = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "0.0.0.0/32",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
        "::/128",
    )
)


@light_dataclass(frozen=True, slots=True)
class Hop:
    """Where an in-dialog request goes (RFC 3261 §12.2.1.1, transfer.md §3, calls.md §5)."""

    uri: Uri
    """Top Route, or the remote target."""
    flow: Flow | None = None
    """Where the peer's last request of this dialog came from."""
    routed: bool = False
    """`uri` comes from a Route: `flow` is only used if its far end is that next hop."""
    name: str = ""
    """The host name behind a numeric `uri`, which a TLS certificate must show (RFC 5922)."""


Local = Callable[[Transport, str], Address]
"""Our (address, port) for a transport towards an IP literal."""
IsOpen = Callable[[Flow], bool]
"""True while the flow's connection is open; always True for UDP."""


def direct_flow(hop: Hop, *, local: Local, is_open: IsOpen) -> Flow | None:
    """The flow of a request whose way needs no lookup, else None (then: `located_flow`).

    In this order: the peer's connection if its far end is the next hop; the peer's source where
    the Contact is behind NAT, or is an address that nothing of ours can be sent to; the address
    that the URI names. `connection` 0 on TCP or TLS means that one is to be opened.
    """
    wanted = uri_transport(hop.uri)
    host = numeric_host(hop.uri)
    flow = hop.flow
    if host is None:
        return None
    if (
        flow is not None
        and flow.connection
        and flow.remote[0] == host
        and wanted in {None, flow.transport}
        and is_open(flow)
    ):
        return flow
    if flow is not None and not hop.routed and behind_nat(host, flow.remote[0]):
        return _back(flow, is_open)
    transport = wanted or "udp"
    here = local(transport, host)
    if hop.uri.port == 0 or not reaches(transport, here[0], host):
        return None if flow is None or hop.routed else _back(flow, is_open)
    port = hop.uri.port or (5061 if transport == "tls" else 5060)
    return Flow(transport, here, (host, port))


def located_flow(
    hop: Hop, targets: Sequence[Target], *, local: Local, is_open: IsOpen
) -> Flow | None:
    """The flow after a lookup: an open connection to one of `targets`, else the first of them.

    Without targets (`reachable` leaves some out): the source of the peer's last request if there is
    no Route, else None.
    """
    flow = hop.flow
    if (
        flow is not None
        and flow.connection
        and any(t.transport == flow.transport and t.ip == flow.remote[0] for t in targets)
        and is_open(flow)
    ):
        return flow
    if targets:
        first = targets[0]
        return Flow(first.transport, local(first.transport, first.ip), (first.ip, first.port))
    if flow is not None and not hop.routed:
        return _back(flow, is_open)
    return None


def returning_flow(hop: Hop, *, is_open: IsOpen) -> Flow | None:
    """The flow where no connection to the next hop can be opened: the source of the peer's last
    request, if there is no Route; None where that is no help. What is to go by TLS goes by TLS."""
    flow = hop.flow
    if flow is None or hop.routed or (flow.connection and not is_open(flow)):
        return None
    secret = uri_transport(hop.uri) == "tls" and flow.transport != "tls"
    return None if secret else flow


def reachable(targets: Sequence[Target], *, local: Local) -> list[Target]:
    """Those of a lookup's targets that something of ours can be sent to, in their order."""
    return [
        target
        for target in targets
        if reaches(target.transport, local(target.transport, target.ip)[0], target.ip)
    ]


def reaches(transport: Transport, own: str, host: str) -> bool:
    """True unless `own`, where our UDP socket listens, is of another IP family than `host`: one on
    `::` has both. Connections are opened from whatever address the system has."""
    if transport != "udp" or (":" in host) == (":" in own):
        return True
    return own == "::" and ":" not in host


def _back(flow: Flow, is_open: IsOpen) -> Flow:
    """The peer's own flow; a connection that has closed is replaced by a new one."""
    if not flow.connection or is_open(flow):
        return flow
    return Flow(flow.transport, flow.local, flow.remote)


def behind_nat(host: str, source: str) -> bool:
    """True when `host`, of a Contact, is a private address that is not where the peer sends from.

    A peer whose own address is the Contact's is no NATed one, private or not.
    """
    return host != source and is_private(host)


def is_private(host: str) -> bool:
    """True for addresses that mean nothing outside of their own network (RFC 1918, 6598, 4193)."""
    address = ip_literal(host)
    if address is None:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in block for block in _PRIVATE if block.version == address.version)


def estimated_size(request: Request) -> int:
    """About the bytes of the request with its Via; a little too many rather than too few."""
    size = len(request.body) + len(request.uri_text) + _VIA_SIZE
    for name, value in request.headers.items():
        size += len(name) + _length(value) + 4
    return size


def _length(value: str) -> int:
    return len(value if value.isascii() else value.encode("utf-8", "surrogateescape"))


class LargeRequests:
    """Which UDP targets get their large requests by TCP, and which were found not to take them.

    Bounded: the oldest of 10,000 remembered targets is forgotten first.
    """

    def __init__(self) -> None:
        self._refused: OrderedDict[Address, float] = OrderedDict()

    def by_tcp(self, now: float, size: int, flow: Flow) -> Flow | None:
        """The TCP flow for a request of `size` bytes, or None: it goes as it is. What no datagram
        holds goes by TCP or not at all."""
        if flow.reliable or size <= LARGE_REQUEST:
            return None
        until = self._refused.get(flow.remote) if size <= LARGEST_DATAGRAM else None
        if until is not None:
            if now < until:
                return None
            del self._refused[flow.remote]
        return Flow("tcp", flow.local, flow.remote)

    def refused(self, now: float, remote: Address) -> None:
        """No TCP connection to `remote` could be opened within a second."""
        self._refused[remote] = now + LARGE_MEMORY
        self._refused.move_to_end(remote)
        if len(self._refused) > _MAX_REMEMBERED:
            self._refused.popitem(last=False)
