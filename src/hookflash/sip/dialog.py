"""Dialogs (RFC 3261 §12): who talks to whom, by which route, and with which numbers.

One class for both sides; only the construction differs. A dialog knows nothing of INVITE, media
or subscriptions: its owner decides when it begins, which messages refresh the target
(RFC 3261 §12.2, RFC 5057 §5.4) and when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import SipError
from ..base.light import light_dataclass
from .fields import NameAddr
from .flow import Address, Flow, Transport
from .message import Message, Request, Response
from .routing import Hop
from .salvage import read_address
from .uri import Uri

MAX_FORWARDS = "70"

_WITH_CONTACT = frozenset({"INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"})
"""Requests in which RFC 3261 §12.1, RFC 3311, RFC 3515 and RFC 6665 demand a Contact."""
_WITHOUT_CSEQ = frozenset({"ACK", "CANCEL"})
"""Requests that carry the number of another one (RFC 3261 §12.2.2)."""
REVIVED_CSEQ_GAP = 100
"""The stored CSeq may be old by as many requests (calls after a crash)."""


@light_dataclass(frozen=True, slots=True)
class DialogRecord:
    """What a restarted process needs to hang up a call that it no longer knows (calls.md §5)."""

    call_id: str
    """SCL_ id."""
    sip_call_id: str
    local: str
    """Our From header in requests of ours, with tag."""
    remote: str
    """Our To header, with the peer's tag."""
    local_cseq: int
    route_set: tuple[str, ...]
    remote_target: str
    transport: Transport
    local_address: Address
    next_hop: Address


class Dialog:
    """One dialog. Make it by `uas`, `uac` or `revive`.

    `local` and `remote` are the From and To of our requests, tags included, as the peer spelt
    them. `remote_cseq` is None until the peer has sent a request.
    """

    __slots__ = (
        "_but_notify",
        "_by_source",
        "call_id",
        "contact",
        "local",
        "local_cseq",
        "local_tag",
        "peer_flow",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
        "secure",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_target: Uri,
        route_set: tuple[NameAddr, ...],
        contact: Uri | None,
        local_cseq: int,
        remote_cseq: int | None,
        flow: Flow | None,
        secure: bool = False,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_target = remote_target
        self.route_set = route_set
        self.contact = contact
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self._but_notify = remote_cseq
        """The highest CSeq of the peer's requests other than NOTIFY."""
        self.peer_flow = flow
        self.secure = secure
        self._by_source = False
        """Nobody said where requests of ours are to go."""

    @classmethod
    def uas(cls, request: Request, *, local_tag: str, contact: Uri, flow: Flow) -> Dialog:
        """The dialog that our answer to `request` makes (RFC 3261 §12.1.1).

        Raises SipError (400) when the request has no usable Contact.
        """
        target = _contact_uri(request)
        if target is None:
            raise SipError("Missing Contact header", message=request)
        to = request.header("To") or ""
        return cls(
            call_id=request.call_id,
            local=to if request.to.tag else f"{to};tag={local_tag}",
            local_tag=local_tag,
            remote=request.header("From") or "",
            remote_tag=request.from_.tag or "",
            remote_target=target,
            route_set=tuple(request.record_routes),
            contact=contact,
            local_cseq=0,
            remote_cseq=request.cseq.number,
            flow=flow,
            secure=request.uri.scheme == "sips" and flow.transport == "tls",
        )

    @classmethod
    def uac(cls, request: Request, response: Response, *, flow: Flow) -> Dialog:
        """The dialog that a response with a To tag makes (RFC 3261 §12.1.2).

        Each To tag of a forked request is a dialog of its own. A response without a Contact,
        which many 18x lack, leaves the Request-URI as the remote target.
        """
        contact = request.contact
        dialog = cls(
            call_id=request.call_id,
            local=request.header("From") or "",
            local_tag=request.from_.tag or "",
            remote=response.header("To") or "",
            remote_tag=response.to_tag,
            remote_target=request.uri,
            route_set=(),
            contact=None if contact is None else contact.uri,
            local_cseq=request.cseq.number,
            remote_cseq=None,
            flow=flow,
            secure=request.uri.scheme == "sips" and flow.transport == "tls",
        )
        dialog.confirm(response)
        return dialog

    def confirm(self, response: Response) -> None:
        """Take route set and target anew from the 2xx (RFC 3261 §13.2.2.4); final after that.

        Where they are there and cannot be read, what we send goes to where the response came from:
        an answered INVITE has its ACK (§13.2.2.4), and who answered it is the best guess.
        """
        self.route_set = tuple(reversed(response.record_routes))
        self.refresh_target(response)
        written = response.headers
        unread = "Contact" in written and _contact_uri(response) is None
        self._by_source = not self.route_set and (unread or "Record-Route" in written)

    @classmethod
    def revive(cls, record: DialogRecord) -> Dialog:
        """The dialog as it was stored, with room for the requests that were not (CSeq + 100).

        Raises SipError when the record cannot be read.
        """
        return cls(
            call_id=record.sip_call_id,
            local=record.local,
            local_tag=read_address(record.local).tag or "",
            remote=record.remote,
            remote_tag=read_address(record.remote).tag or "",
            remote_target=Uri.parse(record.remote_target),
            route_set=tuple(NameAddr.parse(route) for route in record.route_set),
            contact=None,
            local_cseq=record.local_cseq + REVIVED_CSEQ_GAP - 1,
            remote_cseq=None,
            flow=Flow(record.transport, record.local_address, record.next_hop),
        )

    def record(
        self, call_id: str, transport: Transport, local_address: Address, next_hop: Address
    ) -> DialogRecord:
        """What to store for `revive`; `call_id` is the SCL_ id."""
        return DialogRecord(
            call_id=call_id,
            sip_call_id=self.call_id,
            local=self.local,
            remote=self.remote,
            local_cseq=self.local_cseq,
            route_set=tuple(str(route) for route in self.route_set),
            remote_target=str(self.remote_target),
            transport=transport,
            local_address=local_address,
            next_hop=next_hop,
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """Call-ID, local tag, remote tag (RFC 3261 §12)."""
        return self.call_id, self.local_tag, self.remote_tag

    @property
    def local_uri(self) -> NameAddr:
        """The From of our requests, with our tag."""
        return read_address(self.local)

    # --- requests of ours ------------------------------------------------------------------------

    def make_request(
        self,
        method: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> tuple[Request, Hop]:
        """The next request of ours (RFC 3261 §12.2.1.1), complete but for its Via.

        A Contact is added where the method demands one and `headers` bring none.
        """
        self.local_cseq += 1
        return self._request(method, self.local_cseq, headers, body, content_type)

    def make_ack(
        self, invite_cseq: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> tuple[Request, Hop]:
        """The ACK of a 2xx (RFC 3261 §13.2.2.4); a body is an SDP answer."""
        return self._request("ACK", invite_cseq, headers, body, "application/sdp" if body else None)

    def _request(
        self,
        method: str,
        cseq: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> tuple[Request, Hop]:
        uri, routes, next_uri = self._routing()
        items = [
            *(("Route", route) for route in routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if (
            method in _WITH_CONTACT
            and self.contact is not None
            and not any(name.lower() in {"contact", "m"} for name, _ in headers)
        ):
            items.append(("Contact", f"<{self.contact}>"))
        items.extend(headers)
        if content_type is not None:
            items.append(("Content-Type", content_type))
        return Request(method, uri, items, body), self._hop(next_uri)

    @property
    def hop(self) -> Hop:
        """Where the next request of ours goes."""
        return self._hop(self._routing()[2])

    def _hop(self, next_uri: Uri) -> Hop:
        flow = self.peer_flow
        if self._by_source and flow is not None:
            next_uri = Uri.sip(None, *flow.remote, params=(("transport", flow.transport),))
        return Hop(next_uri, flow, routed=bool(self.route_set))

    def _routing(self) -> tuple[Uri, list[str], Uri]:
        """Request-URI, Route values and next hop.

        A first route without `lr` is a strict router: it becomes the Request-URI, and the
        remote target goes to the end of the Route (RFC 3261 §12.2.1.1).
        """
        target = self.remote_target
        if not self.route_set:
            return target, [], target
        first = self.route_set[0].uri
        if first.has_param("lr"):
            return target, [str(route) for route in self.route_set], first
        rest = [str(route) for route in self.route_set[1:]]
        return request_uri(first), [*rest, f"<{target}>"], first

    # --- messages of the peer --------------------------------------------------------------------

    @property
    def peer_address(self) -> str:
        """The IP address that the peer's last message came from, "" while there is none."""
        return "" if self.peer_flow is None else self.peer_flow.remote[0]

    def request_received(self, request: Request, flow: Flow) -> bool:
        """Note a request of the peer; False when its CSeq is lower than one already seen.

        The answer is then 500 (RFC 3261 §12.2.2), NOTIFY excepted. A BYE that only NOTIFYs have
        overtaken is in order: refused, it would leave a dead call up. ACK and CANCEL carry the
        number of their INVITE and do not count.
        """
        method = request.method
        if method not in _WITHOUT_CSEQ:
            number = request.cseq.number
            before = self._but_notify if method == "BYE" else self.remote_cseq
            if before is not None and number < before:
                return False
            self.remote_cseq = max(number, self.remote_cseq or 0)
            if method != "NOTIFY":
                self._but_notify = number
        self.peer_flow = flow
        return True

    def refresh_target(self, message: Message) -> bool:
        """Take the Contact of a target refresh request, or of its 2xx; True if it changed.

        Which messages refresh is the caller's knowledge. A message without a usable Contact, or
        with an unreadable one, changes nothing.
        """
        try:
            target = _contact_uri(message)
        except SipError:
            return False
        if target is None or target == self.remote_target:
            return False
        self.remote_target = target
        if not self.route_set:
            self._by_source = False
        return True


def request_uri(uri: Uri) -> Uri:
    """A URI as it may stand in a request line (RFC 3261 §19.1.1): no headers, no method."""
    return uri._replace(headers=()).without_param("method")


def _contact_uri(message: Message) -> Uri | None:
    """The Contact as a target: it becomes the Request-URI of what we send."""
    contact = message.contact
    return request_uri(contact.uri) if contact is not None and contact.uri.is_sip else None
