"""The peer of the simulation: somebody who calls or is called, and is transferred, or not, as its
plans say.

Its transactions are real (`sip.Endpoint`), so requests and answers are repeated as over a real
network; it is otherwise as wrong as its plans want it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import inf
from random import Random

from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS

from hookflash.base.ids import Ids
from hookflash.base.light import light_dataclass
from hookflash.sip.codec import parse
from hookflash.sip.dialog import Dialog
from hookflash.sip.effects import RequestReceived, ResponseReceived, SendBytes, SipEffect
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Flow, Transport
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

from .legs import sdp
from .network import Host, Network
from .refer_plans import Arrival, HeaderItems, Notification, ReferPlan
from .virtual_timeline import Machine, VirtualTimeline

_RETRIED = frozenset({401, 407, 491})


@light_dataclass(frozen=True, slots=True)
class Manners:
    """What a transferee does besides REFER. Times in seconds."""

    transport: Transport = "udp"
    ack_after: float = 0.0
    """From the first 200 to the first ACK; `inf`: never."""
    bye: int = 200
    """Its answer to BYE; 0: none."""
    options: int = 200
    deaf_after: float = inf
    """From the first 200 on: the machine is off."""
    offers: tuple[tuple[float, str, str], ...] = ()
    """INVITE or UPDATE with an SDP direction, so long after the first 200."""
    ack_offers: bool = True
    rings: float = 0.0
    """From an INVITE of ours that calls it to its 200."""
    refresh: int = 200
    """Its answer to a re-INVITE or UPDATE of ours; 0: none, or far too late."""
    refresh_after: float = 0.0
    allow: str = ""
    writes_ids: bool = True
    """False: its NOTIFYs never carry one, whatever the plans say (PJSIP, Asterisk)."""


_TAG = "peer"
_FAR_TOO_LATE = 200.0
"""Seconds after which an INVITE that nobody answered is answered all the same."""


class Transferee:
    """One party with one call."""

    def __init__(
        self,
        timeline: VirtualTimeline,
        network: Network,
        random: Random,
        manners: Manners,
        plans: Iterator[ReferPlan],
    ) -> None:
        self._timeline = timeline
        self._network = network
        self._random = random
        self._manners = manners
        self._plans = plans
        self.endpoint = Endpoint(
            timers=Timers(),
            ids=Ids(random),
            via=lambda flow: flow.local,
            user_agent="Transferee",
        )
        self.dialog: Dialog | None = None
        self.rows: list[str] = []
        """The plans that were used."""
        self._plan: ReferPlan | None = None
        self._attempts: list[int] = []
        self._referred: dict[str, tuple[ReferPlan, list[int]]] = {}
        """Plan and attempts of each REFER, by the Event that a SUBSCRIBE has for it."""
        self._retried = False
        self._acks: dict[int, Request] = {}
        self._unacked: set[int] = set()
        """CSeq of INVITEs of ours whose 200 it repeats."""
        self._deaf_at = inf
        self._ack_at = inf
        self._offering = False
        self._over = False
        self._allow = (("Allow", manners.allow),) if manners.allow else ()
        transport = manners.transport
        self._contact = f"<sip:caller@{PEER_ADDRESS[0]}:{PEER_ADDRESS[1]};transport={transport}>"
        self.flow = Flow(transport, PEER_ADDRESS, OUR_ADDRESS)
        network.attach(PEER_ADDRESS[0], Host(self._received, self._failed))
        timeline.watch(Machine(self.endpoint.next_deadline, self._due))

    def call(self) -> None:
        """Send the INVITE."""
        if self.flow.reliable:
            self.flow = self._network.connect(self.flow)
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:caller@198.51.100.7>;tag={_TAG}"),
            ("To", "<sip:100@192.0.2.10>"),
            ("Call-ID", "call-1"),
            ("CSeq", "1 INVITE"),
            ("Contact", self._contact),
            *self._allow,
            ("Content-Type", "application/sdp"),
        ]
        self._send(Request("INVITE", "sip:100@192.0.2.10", headers, sdp()))

    def hang_up(self) -> None:
        """BYE, unless one was sent or came."""
        if not self._over and self.dialog is not None:
            self._over = True
            self._ask("BYE")

    # --- sending --------------------------------------------------------------------------------

    def _ask(self, method: str, headers: HeaderItems = (), body: bytes = b"") -> None:
        if self.dialog is None or self._timeline.now() >= self._deaf_at:
            return
        if method != "BYE":
            headers = (("Contact", self._contact), *headers)
        kind = "application/sdp" if method in {"INVITE", "UPDATE"} else None
        if method == "NOTIFY" and body:
            kind = "message/sipfrag;version=2.0"
        self._send(self.dialog.make_request(method, headers, body, kind)[0])

    def _send(self, request: Request) -> None:
        now = self._timeline.now()
        self._do(self.endpoint.send_request(now, request, self._way())[1])

    def _way(self) -> Flow:
        if self._network.is_open(self.flow):
            return self.flow
        return Flow(self.flow.transport, self.flow.local, self.flow.remote)

    def _answer(
        self, key: str, request: Request, status: int, headers: HeaderItems = (), body: bytes = b""
    ) -> None:
        if self._timeline.now() >= self._deaf_at:
            return
        items = [("Contact", self._contact), *headers]
        items += [("Content-Type", "application/sdp")] if body else []
        response = Response.reply(request, status, to_tag=_TAG, headers=items, body=body)
        self._do(self.endpoint.respond(self._timeline.now(), key, response))

    def _notify(self, note: Notification, attempts: list[int]) -> None:
        """`attempts`: CSeq of those of its REFER."""
        headers: list[tuple[str, str]] = []
        if note.event is not None:
            name = "o" if note.compact else "Event"
            cseq = self._random.choice(attempts)
            event = note.event if self._manners.writes_ids else note.event.partition(";")[0]
            headers.append((name, event.replace("{id}", str(cseq))))
        if note.state is not None:
            headers.append(("Subscription-State", note.state))
        self._ask("NOTIFY", tuple(headers), note.body)

    def _offer(self, method: str, direction: str) -> None:
        if not self._over and not self._offering:
            self._offering = True
            self._ask(method, (), sdp(direction, version=1 + len(self._acks)))

    # --- receiving ------------------------------------------------------------------------------

    def _received(self, data: bytes, flow: Flow) -> None:
        now = self._timeline.now()
        if now < self._deaf_at:
            self._do(self.endpoint.message_received(now, parse(data), flow))

    def _failed(self, flow: Flow) -> None:
        self._do(self.endpoint.flow_failed(self._timeline.now(), flow))

    def _due(self) -> None:
        self._do(self.endpoint.handle_deadline(self._timeline.now()))

    def _do(self, effects: list[SipEffect]) -> None:
        for effect in effects:
            if isinstance(effect, SendBytes):
                if self._timeline.now() < self._deaf_at:
                    self._network.send(effect.data, effect.flow)
            elif isinstance(effect, ResponseReceived):
                self._response(effect)
            elif isinstance(effect, RequestReceived):
                self._request(effect)

    def _response(self, effect: ResponseReceived) -> None:
        response = effect.response
        if response.cseq.method in {"INVITE", "UPDATE"} and response.status >= 200:
            self._offering = False
        if response.cseq.method == "INVITE" and 200 <= response.status < 300:
            if self.dialog is None:
                self._established(response, effect.flow)
            self._acknowledge(response.cseq.number)

    def _established(self, response: Response, flow: Flow) -> None:
        headers = [
            ("From", response.header("From") or ""),
            ("To", "<sip:100@192.0.2.10>"),
            ("Call-ID", response.call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", self._contact),
        ]
        request = Request("INVITE", "sip:100@192.0.2.10", headers)
        self.dialog = Dialog.uac(request, response, flow=flow)
        self._in_call()

    def _in_call(self) -> None:
        now, manners = self._timeline.now(), self._manners
        self._ack_at = now + manners.ack_after
        self._deaf_at = now + manners.deaf_after
        for after, method, direction in manners.offers:
            at = max(after, manners.ack_after)
            if at < inf:
                self._timeline.after(at, partial(self._offer, method, direction))

    def _acknowledge(self, cseq: int) -> None:
        if self._timeline.now() < self._ack_at or (cseq > 1 and not self._manners.ack_offers):
            return
        assert self.dialog is not None
        if cseq not in self._acks:
            self._acks[cseq] = self.dialog.make_ack(cseq)[0]
        self._do(self.endpoint.send_ack(self._timeline.now(), self._acks[cseq], self._way()))

    def _request(self, effect: RequestReceived) -> None:
        key, request, manners = effect.key, effect.request, self._manners
        match request.method:
            case "INVITE" if self.dialog is None:
                self.flow = effect.flow
                self._timeline.after(manners.rings, partial(self._picked_up, key, request))
            case "INVITE" | "UPDATE" if manners.refresh:
                answer = partial(self._refreshed, key, request)
                self._timeline.after(manners.refresh_after, answer)
            case "INVITE":
                self._timeline.after(_FAR_TOO_LATE, partial(self._answer, key, request, 487))
            case "ACK":
                self._unacked.discard(request.cseq.number)
            case "REFER":
                self._refer(key, request)
            case "BYE":
                self._over = True
                if manners.bye:
                    self._answer(key, request, manners.bye)
            case "SUBSCRIBE":
                self._subscribe(key, request)
            case "OPTIONS" if manners.options:
                self._answer(key, request, manners.options)
            case _:
                pass

    # --- INVITEs of ours ------------------------------------------------------------------------

    def _picked_up(self, key: str, request: Request) -> None:
        if self._over:
            return
        contact = Uri.parse(self._contact.strip("<>"))
        self.dialog = Dialog.uas(request, local_tag=_TAG, contact=contact, flow=self.flow)
        self._in_call()
        self._accept(key, request)

    def _refreshed(self, key: str, request: Request) -> None:
        if self._over:
            self._answer(key, request, 481)
        elif self._manners.refresh == 200:
            self._accept(key, request)
        else:
            self._answer(key, request, self._manners.refresh)

    def _accept(self, key: str, request: Request) -> None:
        if request.method == "UPDATE":
            self._answer(key, request, 200)
            return
        self._unacked.add(request.cseq.number)
        self._repeat(key, request, 0.5, self._timeline.now() + Timers().transaction)

    def _repeat(self, key: str, request: Request, interval: float, until: float) -> None:
        """The 200 again and again until its ACK (RFC 3261 §13.3.1.4)."""
        if request.cseq.number in self._unacked and self._timeline.now() < until:
            self._answer(key, request, 200, self._allow, sdp())
            again = partial(self._repeat, key, request, min(2 * interval, 4.0), until)
            self._timeline.after(interval, again)

    # --- transfers ------------------------------------------------------------------------------

    def _refer(self, key: str, request: Request) -> None:
        if self._plan is None or not self._retried:
            self._plan = next(self._plans)
            self._attempts = []
            self.rows.append(self._plan.row)
        plan = self._plan
        self._attempts.append(request.cseq.number)
        self._referred[f"refer;id={request.cseq.number}"] = (plan, self._attempts)
        attempt = plan.attempts[min(len(self._attempts), len(plan.attempts)) - 1]
        self._retried = attempt.status in _RETRIED
        self._reply(key, request, attempt)
        if self._retried:
            return
        for note in plan.notifications:
            self._timeline.after(note.after, partial(self._notify, note, self._attempts))
        if plan.bye_after is not None:
            self._timeline.after(max(0.0, plan.bye_after), self.hang_up)

    def _reply(self, key: str, request: Request, attempt: Arrival) -> None:
        if attempt.trying:
            self._answer(key, request, 100)
        if attempt.status:
            answer = partial(self._answer, key, request, attempt.status, attempt.headers)
            self._timeline.after(attempt.after, answer)

    def _subscribe(self, key: str, request: Request) -> None:
        plan, attempts = self._referred.get(request.header("Event") or "", (None, []))
        if plan is None or not plan.subscribe:
            return
        self._answer(key, request, plan.subscribe, (("Expires", "60"),))
        if plan.subscribe < 300:
            for note in plan.resumed:
                self._timeline.after(note.after, partial(self._notify, note, attempts))
