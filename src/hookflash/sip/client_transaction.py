"""Client transactions: RFC 3261 §17.1, RFC 6026 §8 for the Accepted state.

Each input appends its effects to `out`; what is legal in which state stands in `transaction`.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from .codec import parse
from .dialog import Dialog
from .effects import FailureReason, RequestFailed, ResponseReceived, SipEffect
from .flow import Flow
from .message import Request, Response
from .timers import Timers
from .transaction import (
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    Event,
    State,
    Transaction,
    event_of,
    together,
)

HeaderList = tuple[tuple[str, str], ...]


class ClientTransaction(Transaction):
    """What INVITE and the others have in common.

    `request` is our request as it went out, Via included; it is let go of when the final
    response comes. `internal` transactions (our CANCEL) report nothing.
    """

    __slots__ = ("internal", "request")

    def __init__(
        self,
        key: str,
        request: Request,
        data: bytes,
        flow: Flow,
        timers: Timers,
        *,
        internal: bool = False,
    ) -> None:
        state = State.CALLING if request.method == "INVITE" else State.TRYING
        super().__init__(key, (key, request.method), state, flow, timers)
        self.request: Request | None = request
        self.data = data
        self.internal = internal

    def start(self, now: float, out: list[SipEffect]) -> None:
        """Send the request; timers A or E (unreliable transports only), and B or F, run."""
        self.send(out)
        if not self.flow.reliable:
            self.interval = self.timers.t1
            self.retransmit_at = now + self.interval
        self.expires_at = now + self.timers.transaction

    def response_received(
        self, now: float, response: Response, flow: Flow, out: list[SipEffect]
    ) -> None:
        """A response with our branch and method has come."""
        raise NotImplementedError

    def handle_deadline(self, now: float, out: list[SipEffect]) -> None:
        """Something is due by now: repeat the request, or come to an end."""
        if self.expires_at <= now:
            if self.move(Event.TIMEOUT):
                self.fail("timeout", out)
                self.stop()
            else:
                self.expire()
        elif self.retransmit_at <= now and self.move(Event.RETRANSMIT):
            self.send(out)
            self.interval = self.next_interval()
            self.retransmit_at = now + self.interval

    def next_interval(self) -> float:
        """Seconds to the retransmission after this one."""
        raise NotImplementedError

    def flow_failed(self, out: list[SipEffect]) -> None:
        """The flow broke or could not be opened (§17.1.4).

        A connection that broke before any response is opened anew, once: the same branch makes
        the request a retransmission for a peer that has it already. After a 1xx the answer may
        still come by a connection of the peer's (§18.2.2), so nothing ends.
        """
        if self.flow.connection:
            self.flow = replace(self.flow, connection=0)
            if Event.TRANSPORT in self.table[self.state]:
                self.send(out)
        elif self.move(Event.TRANSPORT):
            self.fail("transport", out)
            self.stop()

    def fail(self, reason: FailureReason, out: list[SipEffect]) -> None:
        """Tell the user that no final response comes."""
        if not self.internal:
            out.append(RequestFailed(self.key, reason))

    def stop(self) -> None:
        super().stop()
        self.request = None

    def report(self, response: Response, flow: Flow, out: list[SipEffect]) -> None:
        """Pass a response up."""
        if not self.internal:
            out.append(ResponseReceived(self.key, response, flow))


class InviteClientTransaction(ClientTransaction):
    """RFC 3261 §17.1.1, figure 5, as amended by RFC 6026 §8.4.

    `patience` is the seconds that a provisional response buys; the user's own ringing timeout is
    shorter, this one only keeps a forgotten transaction from living forever.
    """

    __slots__ = ("cancel_headers", "cancelled", "parted", "patience")

    table = INVITE_CLIENT

    def __init__(
        self, key: str, request: Request, data: bytes, flow: Flow, timers: Timers, patience: float
    ) -> None:
        super().__init__(key, request, data, flow, timers)
        self.patience = patience
        self.cancel_headers: HeaderList | None = None
        self.cancelled = False
        self.parted = ""
        """To tag of the 2xx that came behind a 3xx-6xx (`parting`)."""

    @property
    def cancel_due(self) -> bool:
        """True when a CANCEL was asked for and may go out now (§9.1: after the first 1xx)."""
        return (
            self.cancel_headers is not None
            and not self.cancelled
            and self.state is State.PROCEEDING
        )

    def parts_from(self, response: Response) -> bool:
        """Whether this is a 2xx behind a 3xx-6xx, which a forking proxy has to pass on (§16.7 item
        5); of one telephone only, whatever a peer makes up."""
        refused = self.state is State.COMPLETED and 200 <= response.status < 300
        return refused and self.parted in {"", response.to_tag} and bool(response.to_tag)

    def next_interval(self) -> float:
        return self.interval * 2

    def response_received(
        self, now: float, response: Response, flow: Flow, out: list[SipEffect]
    ) -> None:
        event = event_of(response.status)
        before = self.state
        if not self.move(event):
            return
        if event is Event.PROVISIONAL:
            self.retransmit_at = inf
            if not self.cancelled:
                self.expires_at = now + self.patience
            self.report(response, flow, out)
        elif event is Event.SUCCESS:
            if before is not State.ACCEPTED:
                self.request, self.data = None, b""
                self.retransmit_at = inf
                self.expires_at = together(now + self.timers.transaction)  # timer M
            self.report(response, flow, out)
        elif before is State.COMPLETED:
            self.send(out)
        else:
            self._complete(now, response, flow, out)

    def _complete(self, now: float, response: Response, flow: Flow, out: list[SipEffect]) -> None:
        """A 3xx-6xx: acknowledge it, and again whenever it comes (timer D)."""
        if self.request is not None:
            self.data = acknowledge(self.request, response).encode()
            self.request = None
        self.send(out)
        self.report(response, flow, out)
        self.linger(now, 0 if self.flow.reliable else self.timers.invite_linger)

    def cancel_sent(self, now: float) -> None:
        """From now on 64*T1 are enough for a final response (§9.1)."""
        self.cancelled = True
        self.expires_at = now + self.timers.transaction


class NonInviteClientTransaction(ClientTransaction):
    """RFC 3261 §17.1.2, figure 6."""

    __slots__ = ()

    table = NON_INVITE_CLIENT

    def next_interval(self) -> float:
        if self.state is State.PROCEEDING:
            return self.timers.t2
        return min(self.interval * 2, self.timers.t2)

    def response_received(
        self, now: float, response: Response, flow: Flow, out: list[SipEffect]
    ) -> None:
        event = event_of(response.status)
        if not self.move(event):
            return
        self.report(response, flow, out)
        if event is not Event.PROVISIONAL:
            self.request, self.data = None, b""
            self.linger(now, 0 if self.flow.reliable else self.timers.t4)  # timer K


def acknowledge(invite: Request, response: Response) -> Request:
    """The ACK of a 3xx-6xx (§17.1.1.3): our request's headers, the To of the response."""
    return _derived(invite, "ACK", response.header("To") or "")


def parting(ack: bytes, response: Response, flow: Flow, user_agent: str) -> tuple[Request, Request]:
    """ACK and BYE of a 2xx that nobody waits for (§13.2.2.4): `ack` is what the 3xx-6xx before it
    got, which is all that is left of the INVITE."""
    invite = parse(ack)
    assert isinstance(invite, Request)
    dialog = Dialog.uac(invite, response, flow=flow)
    headers = (("User-Agent", user_agent),)
    acknowledged = dialog.make_ack(invite.cseq.number, headers)[0]
    return acknowledged, dialog.make_request("BYE", headers)[0]


def cancellation(invite: Request, headers: HeaderList = ()) -> Request:
    """The CANCEL of an INVITE of ours (§9.1), with `headers` (Reason, User-Agent) added."""
    return _derived(invite, "CANCEL", invite.header("To") or "", headers)


def _derived(invite: Request, method: str, to: str, headers: HeaderList = ()) -> Request:
    original = invite.headers
    items = [
        ("Via", original.split("Via")[0]),
        *(("Route", value) for value in original.get_all("Route")),
        ("Max-Forwards", "70"),
        ("From", original.get("From") or ""),
        ("To", to),
        ("Call-ID", original.get("Call-ID") or ""),
        ("CSeq", f"{invite.cseq.number} {method}"),
        *headers,
    ]
    return Request(method, invite.uri_text, items)
