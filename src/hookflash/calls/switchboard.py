"""Joins the transaction layer and the legs: which message is whose, and where a request goes.

Pure: the SIP stack feeds it messages, the exchange performs what it returns; the simulation drives
the very same object in virtual time. It builds no message but the answers to requests that belong
to nobody, and the 500 that a mistake of ours deserves: an input of a leg that raises costs the peer
that request and perhaps its call (`BoardLeg.broken`), never another one; its owner logs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol, assert_never

from ..base.deadline_queue import DeadlineQueue
from ..base.errors import SipError
from ..base.light import light_dataclass
from ..base.performers import on, performers
from ..sip.effects import (
    CancelReceived,
    FailureReason,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from ..sip.endpoint import Endpoint
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.routing import Hop
from .effects import (
    AbandonRequest,
    CancelRequest,
    EndpointEffect,
    LegEffect,
    LegFinished,
    Respond,
    SendAck,
    SendRequest,
)
from .ended_dialog import EndedDialog
from .legs.settings import ALLOW, SUPPORTED
from .stray import answer_stray, shortened

Route = Callable[["Request", "Hop"], "Flow | None"]
"""Chooses the way of a request at once, or None: a name must be looked up, or a connection
opened, first (`Resolve`)."""


class BoardLeg(Protocol):
    """What the switchboard needs of a leg: `legs.leg.Leg`, and what may take its place,
    `restored_dialog.RestoredDialog` and `ended_dialog.EndedDialog`."""

    @property
    def call_id(self) -> str:
        """SCL_ id, also our tag."""
        ...

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]: ...

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]: ...

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]: ...

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]: ...

    def next_deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> list[LegEffect]: ...

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        """Something of ours raised about this leg: end the call, unless it can go on. `due`: in
        `handle_deadline`, where it would do so again and again."""
        ...


@light_dataclass(frozen=True, slots=True)
class Incoming:
    """An INVITE that starts a call: admit it (`add`) or answer it (`respond`)."""

    key: str
    request: Request
    flow: Flow


@light_dataclass(frozen=True, slots=True)
class Resolve:
    """Find the way of this request, then call `resolved` or `unresolved` with `ref`."""

    ref: int
    request: Request
    hop: Hop


@light_dataclass(frozen=True, slots=True)
class ForOwner:
    """An effect of a leg that is not about SIP: media, store, room, API."""

    leg: BoardLeg
    effect: LegEffect


@light_dataclass(frozen=True, slots=True)
class LegGone:
    """The leg finished; nothing refers to it any more."""

    leg: BoardLeg


@light_dataclass(frozen=True, slots=True)
class Broken:
    """Something raised about this leg; for the log."""

    leg: BoardLeg
    error: Exception


BoardEffect = SendBytes | Incoming | Resolve | ForOwner | LegGone | Broken


class Switchboard:
    """All legs of the process and the endpoint below them."""

    def __init__(
        self, endpoint: Endpoint, route: Route, allow: str = ALLOW, supported: str = SUPPORTED
    ) -> None:
        """`allow`, `supported`: Allow and Supported of answers outside of calls."""
        self._allow, self._supported = allow, supported
        self.endpoint = endpoint
        self._route = route
        self.stopping = False
        self.full = False
        """503 to OPTIONS outside of dialogs: the process is full or stopping."""
        self._legs: dict[str, BoardLeg] = {}
        self._waiting: dict[str, tuple[BoardLeg, int]] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._invites: dict[str, BoardLeg] = {}
        self._unanswered: dict[str, Request] = {}
        """INVITEs that made a leg and have no final answer, by their keys."""
        self._owned: dict[str, set[str]] = {}
        self._resolving: dict[int, tuple[BoardLeg, SendRequest | SendAck]] = {}
        self._refs = 0
        self._deadlines = DeadlineQueue[str]()
        """Call ids, by the deadlines of their legs."""
        self._performers = performers(
            EndpointEffect,
            on(Respond, self._respond),
            on(SendRequest, self._send),
            on(SendAck, self._send),
            on(CancelRequest, self._give_up),
            on(AbandonRequest, self._give_up),
        )
        """What is SIP among the effects of legs; the owner sees to the rest."""

    # --- legs -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._legs)

    def legs(self) -> Iterator[BoardLeg]:
        """Every leg that has not finished."""
        return iter(list(self._legs.values()))

    def leg(self, call_id: str) -> BoardLeg | None:
        """The leg with this SCL_ id."""
        return self._legs.get(call_id)

    def add(self, leg: BoardLeg, incoming: Incoming | None = None) -> None:
        """A new leg, and the INVITE that made it."""
        self._legs[leg.call_id] = leg
        self._owned[leg.call_id] = set()
        if incoming is not None:
            self._owned[leg.call_id].add(incoming.key)
            self._invites[incoming.key] = leg
            self._unanswered[incoming.key] = incoming.request

    def leg_of(self, incoming: Incoming) -> BoardLeg | None:
        """The leg that this INVITE made, if it lives."""
        return self._invites.get(incoming.key)

    def ask(
        self,
        now: float,
        leg: BoardLeg,
        ask: Callable[[], Iterable[LegEffect]],
        *,
        due: bool = False,
        told: RequestReceived | None = None,
    ) -> list[BoardEffect]:
        """Give `leg` an input and perform what it returns, as far as it is SIP; the rest comes
        back. `told`: the request that the input is about, which is answered whatever happens; what
        was done before something raised stays done."""
        out: list[BoardEffect] = []
        try:
            self._drive(now, leg, ask(), out)
        except Exception as error:  # noqa: BLE001  # a mistake of ours, which the owner logs
            out.append(Broken(leg, error))
            if told is not None and told.key:
                out += self._apologise(now, leg, told.key, told.request)
            out += self.broken(now, leg, due=due)
        return out

    def broken(self, now: float, leg: BoardLeg, *, due: bool = False) -> list[BoardEffect]:
        """Something of ours raised about `leg`: do what it says to that (`BoardLeg.broken`). One
        that cannot even say that is removed. No INVITE is left without an answer."""
        open_ = [
            (key, self._unanswered[key])
            for key in self._owned.get(leg.call_id, ())
            if key in self._unanswered
        ]
        out: list[BoardEffect] = []
        try:
            self._drive(now, leg, leg.broken(now, due=due), out)
        except Exception as error:  # noqa: BLE001  # as above
            self._remove(leg)
            out += [Broken(leg, error), LegGone(leg)]
        for key, request in open_:
            # Where the leg has answered it this is dropped.
            out += self._apologise(now, leg, key, request)
            self._unanswered.pop(key, None)
        return out

    def _drive(
        self, now: float, leg: BoardLeg, effects: Iterable[LegEffect], out: list[BoardEffect]
    ) -> None:
        finished: LegFinished | None = None
        for effect in effects:
            perform = self._performers.get(type(effect))
            if perform is not None:
                out += perform(now, leg, effect)
            elif isinstance(effect, LegFinished):
                finished = effect
            else:
                out.append(ForOwner(leg, effect))
        if finished is None:
            self._watch(leg)
            return
        self._remove(leg)
        out.append(LegGone(leg))
        if finished.late_until is not None:
            dialog = (finished.sip_call_id, finished.remote_tag)
            ended = EndedDialog(leg.call_id, *dialog, finished.late_until)
            self.add(ended)
            self._watch(ended)

    def respond(self, now: float, key: str, response: Response) -> list[BoardEffect]:
        """Answer an `Incoming` that becomes no leg."""
        return self._sip(now, self.endpoint.respond(now, key, response, stray=True))

    # --- the wire -------------------------------------------------------------------------------

    def message_received(
        self, now: float, message: Request | Response, flow: Flow
    ) -> list[BoardEffect]:
        """A message came in by `flow`."""
        return self._sip(now, self.endpoint.message_received(now, message, flow))

    def bad_message(self, now: float, error: SipError, flow: Flow) -> list[BoardEffect]:
        """Something came in that is no acceptable message."""
        return self._sip(now, self.endpoint.bad_message(now, error, flow))

    def flow_failed(self, now: float, flow: Flow) -> list[BoardEffect]:
        """A connection died or could not be opened."""
        return self._sip(now, self.endpoint.flow_failed(now, flow))

    def resolved(self, now: float, ref: int, flow: Flow) -> list[BoardEffect]:
        """The way of a `Resolve` was found."""
        leg, effect = self._resolving.pop(ref, (None, None))
        if leg is None or effect is None or leg.call_id not in self._legs:
            return []
        return self._send_by(now, leg, effect, flow)

    def unresolved(
        self, now: float, ref: int, reason: FailureReason, why: str = ""
    ) -> list[BoardEffect]:
        """The way of a `Resolve` was not found, or not opened: `why`. An ACK goes back to where the
        2xx came from: none is left without one (RFC 3261 §13.2.2.4)."""
        leg, effect = self._resolving.pop(ref, (None, None))
        if leg is None or effect is None or leg.call_id not in self._legs:
            return []
        if isinstance(effect, SendAck):
            back = effect.hop.flow
            return [] if back is None else self._send_by(now, leg, effect, back)
        return self.ask(now, leg, partial(leg.request_failed, now, effect.token, reason, why))

    # --- time -----------------------------------------------------------------------------------

    def nothing_before(self) -> float:
        """A time before which nothing is due: found at once, but maybe too early."""
        endpoint, legs = self.endpoint.nothing_before(), self._deadlines.nothing_before()
        return legs if legs < endpoint else endpoint

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called next."""
        endpoint, leg = self.endpoint.next_deadline(), self._deadlines.next()
        if leg is None or endpoint is None:
            return endpoint if leg is None else leg
        return leg if leg < endpoint else endpoint

    def handle_deadline(self, now: float) -> list[BoardEffect]:
        """Everything that is due at `now`."""
        out: list[BoardEffect] = []
        deadline = self.endpoint.next_deadline()
        if deadline is not None and deadline <= now:
            out += self._sip(now, self.endpoint.handle_deadline(now))
        while (call_id := self._deadlines.take(now)) is not None:
            leg = self._legs.get(call_id)
            if leg is not None:  # one that had finished may have been asked something since
                out += self.ask(now, leg, partial(leg.handle_deadline, now), due=True)
        return out

    # --- inside ---------------------------------------------------------------------------------

    def _apologise(
        self, now: float, leg: BoardLeg, key: str, request: Request
    ) -> list[BoardEffect]:
        response = Response.reply(request, 500, to_tag=leg.call_id)
        return self._sip(now, self.endpoint.respond(now, key, response))

    def _respond(self, now: float, _: BoardLeg, effect: Respond) -> list[BoardEffect]:
        if effect.response.status >= 200:
            self._unanswered.pop(effect.key, None)
        return self._sip(now, self.endpoint.respond(now, effect.key, effect.response))

    def _watch(self, leg: BoardLeg) -> None:
        if self._legs.get(leg.call_id) is not leg:
            return  # it had finished, and was asked something since
        deadline = leg.next_deadline()
        if deadline is None:
            self._deadlines.discard(leg.call_id)
        else:
            self._deadlines.set(leg.call_id, deadline)

    def _remove(self, leg: BoardLeg) -> None:
        if self._legs.get(leg.call_id) is not leg:
            return  # what has its place stays
        del self._legs[leg.call_id]
        self._deadlines.discard(leg.call_id)
        for key in self._owned.pop(leg.call_id, ()):
            self._invites.pop(key, None)
            self._unanswered.pop(key, None)
            self._forget(key)

    def _send(self, now: float, leg: BoardLeg, effect: SendRequest | SendAck) -> list[BoardEffect]:
        flow = self._route(effect.request, effect.hop)
        if flow is not None:
            return self._send_by(now, leg, effect, flow)
        self._refs += 1
        self._resolving[self._refs] = (leg, effect)
        return [Resolve(self._refs, effect.request, effect.hop)]

    def _give_up(
        self, now: float, leg: BoardLeg, effect: CancelRequest | AbandonRequest
    ) -> list[BoardEffect]:
        """An INVITE of ours is not wanted any more. One whose way is still being looked for
        never goes out."""
        token = effect.token
        key = self._keys.get((leg.call_id, token))
        if key is not None:
            if isinstance(effect, AbandonRequest):
                return self._sip(now, self.endpoint.abandon(now, key))
            return self._sip(now, self.endpoint.cancel(now, key, effect.headers))
        for ref, (owner, sent) in self._resolving.items():
            if owner is leg and isinstance(sent, SendRequest) and sent.token == token:
                del self._resolving[ref]
                return self.ask(now, leg, partial(leg.request_failed, now, token, "transport"))
        return []

    def _send_by(
        self, now: float, leg: BoardLeg, effect: SendRequest | SendAck, flow: Flow
    ) -> list[BoardEffect]:
        if isinstance(effect, SendAck):
            return self._sip(now, self.endpoint.send_ack(now, effect.request, flow))
        key, effects = self.endpoint.send_request(now, effect.request, flow)
        self._waiting[key] = (leg, effect.token)
        self._keys[leg.call_id, effect.token] = key
        self._owned[leg.call_id].add(key)
        return self._sip(now, effects)

    def _sip(self, now: float, effects: Iterable[SipEffect]) -> list[BoardEffect]:
        out: list[BoardEffect] = []
        for effect in effects:
            if isinstance(effect, SendBytes):
                out.append(effect)
            elif isinstance(effect, RequestReceived):
                out += self._request(now, effect)
            elif isinstance(effect, ResponseReceived):
                out += self._response(now, effect)
            elif isinstance(effect, CancelReceived):
                leg = self._invites.get(effect.key)
                if leg is not None:
                    ask = partial(leg.cancel_received, now, effect.key, effect.request)
                    out += self.ask(now, leg, ask)
            elif isinstance(effect, RequestFailed):
                waiting = self._forget(effect.key)
                if waiting is not None:
                    leg, token = waiting
                    ask = partial(leg.request_failed, now, token, effect.reason)
                    out += self.ask(now, leg, ask)
            elif isinstance(effect, ServerFailed):
                self._invites.pop(effect.key, None)
            else:
                assert_never(effect)
        return out

    def _forget(self, key: str) -> tuple[BoardLeg, int] | None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            leg, token = waiting
            self._keys.pop((leg.call_id, token), None)
            owned = self._owned.get(leg.call_id)
            if owned is not None:
                owned.discard(key)
        return waiting

    def _request(self, now: float, effect: RequestReceived) -> list[BoardEffect]:
        request = effect.request
        tag = request.to_tag
        if not tag and request.method == "INVITE":
            return [Incoming(effect.key, request, effect.flow)]
        leg = self._legs.get(tag) if tag else None
        if leg is not None:
            ask = partial(leg.request_received, now, effect.key, request, effect.flow)
            return self.ask(now, leg, ask, told=effect)
        if not effect.key:
            return []  # an ACK is never answered
        tag = self.endpoint.new_tag()
        stopping = self.stopping or self.full
        answer = answer_stray(
            request, tag, stopping=stopping, allow=self._allow, supported=self._supported
        )
        if not effect.flow.reliable:
            answer = shortened(answer, request)
        return self._sip(now, self.endpoint.respond(now, effect.key, answer, stray=True))

    def _response(self, now: float, effect: ResponseReceived) -> list[BoardEffect]:
        response = effect.response
        waiting = self._waiting.get(effect.key)
        if waiting is None:
            return []
        leg, token = waiting
        # A 2xx to INVITE may come again, and needs its ACK again: its entry stays with the leg.
        if response.status >= 300 or (response.status >= 200 and response.cseq.method != "INVITE"):
            self._forget(effect.key)
        ask = partial(leg.response_received, now, token, response, effect.flow)
        return self.ask(now, leg, ask)
