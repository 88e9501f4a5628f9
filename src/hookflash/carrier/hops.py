"""Proxies in front of the carrier, as most real ones have (RFC 3261 §16.6). Pure.

They are not there: what the carrier sends is written as if it had come through them, and what comes
is read as if it went through them. So an exchange has to follow the route that it was given, and
a Contact that only the carrier's own network reaches.
"""

from __future__ import annotations

from typing import Final

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..sip.fields import NameAddr
from ..sip.headers import header_key
from ..sip.message import Request, Response
from ..sip.uri import Uri

INSIDE: Final = "10.192.0.1"
"""What the Contact of the carrier says behind its proxies."""
_BRANCH: Final = "z9hG4bKhop"
Items = list[tuple[str, str]]


@light_dataclass(frozen=True, slots=True)
class OffRoute:
    """A request in a call that did not take the route, and what a proxy answers to it."""

    route: str
    """What it had."""
    response: Response | None
    """None for an ACK."""


class Hops:
    """`count` proxies, the first of them nearest to the exchange; 0: everything is as it is."""

    def __init__(self, count: int) -> None:
        self._count = count

    def outgoing(self, message: Request | Response) -> Request | Response:
        """What the exchange sees of a message of the carrier."""
        if not self._count:
            return message
        if isinstance(message, Request):
            return self._request(message)
        return self._response(message)

    def incoming(self, message: Request | Response) -> Request | Response | OffRoute:
        """What the carrier sees of a message of the exchange."""
        if not self._count:
            return message
        if isinstance(message, Response):
            return self._answer(message)
        if not message.to_tag:
            return message
        try:
            told = [str(route.uri) for route in message.routes]
        except SipError:
            told = []
        wanted = self._route(message)
        if told[: self._count] != wanted:
            response = None if message.method == "ACK" else Response.reply(message, 404)
            return OffRoute(", ".join(told) or "none", response)
        left = [("Route", f"<{uri}>") for uri in told[self._count :]]
        items = [*left, *_without(message, "Route")]
        return Request(message.method, message.uri_text, items, message.body)

    # --- ours -----------------------------------------------------------------------------------

    def _request(self, message: Request) -> Request:
        via = message.top_via
        branch = dict(via.params).get("branch") or ""
        place = f"{_bracketed(via.host)}:{via.port or 5060}"
        items: Items = [
            ("Via", f"SIP/2.0/{via.transport} {place};branch={_BRANCH}{number}.{branch};rport")
            for number in range(1, self._count + 1)
        ]
        if message.method == "INVITE" and message.to.tag is None:
            at = Uri.sip(None, via.host, via.port or 5060)
            items += [("Record-Route", f"<{uri}>") for uri in self._at(at, via.transport)]
        items += _inside(message)
        return Request(message.method, message.uri_text, items, message.body)

    def _response(self, message: Response) -> Response:
        items: Items = []
        # What is malformed was answered with an error, and is not looked at any more.
        contact = message.contact if 100 < message.status < 300 else None
        if contact is not None and message.cseq.method == "INVITE":
            at, transport = contact.uri, message.top_via.transport
            # The exchange turns them round (RFC 3261 §12.1.2).
            route = reversed(self._at(at, transport))
            items = [("Record-Route", f"<{uri}>") for uri in route]
        items += _inside(message)
        return Response(message.status, message.reason, items, message.body)

    # --- theirs ---------------------------------------------------------------------------------

    def _answer(self, message: Response) -> Response:
        vias = message.headers.split("via")
        if len(vias) <= self._count:
            return message
        ours = [("Via", via) for via in vias[self._count :]]
        # The carrier's own calls begin behind the proxies, and need no route to them.
        kept = [*_without(message, "Via", "Record-Route"), *self._beyond(message)]
        return Response(message.status, message.reason, [*ours, *kept], message.body)

    def _beyond(self, message: Response) -> Items:
        """The Record-Routes of those between the carrier's proxies and the exchange."""
        told = message.headers.split("record-route")
        return [("Record-Route", value) for value in told[: max(0, len(told) - self._count)]]

    # --- parts ----------------------------------------------------------------------------------

    def _route(self, message: Request) -> list[str]:
        """What Route must have, in its order: as the first of it says where we are."""
        try:
            first = message.routes[0].uri
        except (IndexError, SipError):
            return [""]
        return self._at(first, dict(first.params).get("transport") or "udp")

    def _at(self, place: Uri, transport: str) -> list[str]:
        params = (("lr", None),) if transport.lower() == "udp" else (
            ("transport", transport.lower()),
            ("lr", None),
        )  # fmt: skip
        return [
            str(Uri.sip(f"hop{number}", place.host or "", place.port or 5060, params))
            for number in range(1, self._count + 1)
        ]


def _inside(message: Request | Response) -> Items:
    """Its headers, with a Contact that is told from inside."""
    items: Items = []
    for name, value in message.headers.raw():
        if name.lower() == "contact":
            told = NameAddr.parse(value)
            value = str(told._replace(uri=told.uri._replace(host=INSIDE)))
        items.append((name, value))
    return items


def _without(message: Request | Response, *names: str) -> Items:
    left_out = {name.lower() for name in names}
    return [item for item in message.headers.raw() if header_key(item[0]) not in left_out]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
