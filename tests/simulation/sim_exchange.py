"""Our side of the simulation: the real switchboard, endpoint, leg and rooms, for one call.

Media, store and API are played: ports come from the real pool, storing takes a while, and what
the API is told is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from random import Random

from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS

from hookflash.base.errors import ApiError
from hookflash.base.ids import Ids
from hookflash.calls import effects as fx
from hookflash.calls.legs.dialing import Place
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.legs.leg import Leg
from hookflash.calls.legs.settings import Credential, LegSettings
from hookflash.calls.records import TransferRecord
from hookflash.calls.switchboard import (
    BoardEffect,
    Broken,
    ForOwner,
    Incoming,
    LegGone,
    Resolve,
    Switchboard,
)
from hookflash.calls.transfers.request import TransferRequest
from hookflash.media.port_pool import PortPool
from hookflash.rooms.orders import Join, Permission
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant
from hookflash.sdp.plan import LocalMedia
from hookflash.sip.codec import parse
from hookflash.sip.effects import SendBytes
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.fields import NameAddr
from hookflash.sip.flow import Flow, Transport
from hookflash.sip.location import Target
from hookflash.sip.message import Request
from hookflash.sip.refer import parse_target
from hookflash.sip.routing import Hop, direct_flow
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

from .evidence import Ask, Facts, Kind, Seen
from .network import Host, Network
from .virtual_timeline import Machine, VirtualTimeline

ROOM = "room"
STORING = ((0.0, 0.0), (0.001, 0.01), (0.001, 0.01), (0.05, 1.5))
PORTS = 4
_UNREAD = (b"ACK ", b"SIP/2.0 1", b"SIP/2.0 3", b"SIP/2.0 4", b"SIP/2.0 5", b"SIP/2.0 6")
"""What we send and the oracle need not know."""


class SimExchange:
    """One call in an exchange of its own. `log` is what the oracle is given."""

    def __init__(
        self,
        timeline: VirtualTimeline,
        network: Network,
        random: Random,
        facts: Facts,
        settings: dict[str, object],
        answer_after: float,
    ) -> None:
        """`settings`: fields of `LegSettings`."""
        self._timeline = timeline
        self._network = network
        self._random = random
        self._facts = facts
        self._answer_after = answer_after
        self._ids = Ids(random)
        self._timers = Timers()
        self._storing = random.choice(STORING)
        self.settings = LegSettings(
            contact=Uri.parse(f"sip:{OUR_ADDRESS[0]}:{OUR_ADDRESS[1]}"),
            credentials=lambda: Credential("user", "secret") if facts.credentials else None,
            **{"session_expires": 0, **settings},  # type: ignore[arg-type]
        )
        endpoint = Endpoint(
            timers=self._timers,
            ids=self._ids,
            via=lambda flow: flow.local,
            user_agent="Hookflash",
        )
        self.board = Switchboard(endpoint, self._route)
        self.rooms = Rooms(self._ids)
        self.ports = PortPool(10000, 10000 + 2 * PORTS, random)
        self.leg: Leg | None = None
        self.participant: Participant | None = None
        self.log: list[Seen] = []
        self.records: dict[str, TransferRecord] = {}
        """As stored last, in order of their beginning."""
        self.told: dict[int, fx.TransferAnswered] = {}
        self.limits: list[tuple[float, bool]] = []
        """When the call's own limits ended it, and if a transfer was pending."""
        self.left_at = self.ended_at = inf
        self.left_why = ""
        self.faults: list[str] = []
        self.on_verdict: Callable[[fx.TransferAnswered], None] = lambda _: None
        self.on_answered: Callable[[], None] = lambda: None
        self._place: Place | None = None
        """Where we call, if it is we who call."""
        self._timer = self._stopped = False
        self._port: int | None = None
        self._sent: dict[str, tuple[str, int, int]] = {}
        """Method, CSeq and last connection of requests of ours, by branch."""
        self._accepted: set[int] = set()
        """CSeq of the INVITEs that we answered with 2xx."""
        self._queue: deque[BoardEffect] = deque()
        self._busy = False
        network.attach(OUR_ADDRESS[0], Host(self._received, self._failed))
        timeline.watch(Machine(self.board.next_deadline, self._due))
        timeline.watch(Machine(self.rooms.next_deadline, self._rooms_due))

    # --- inputs ---------------------------------------------------------------------------------

    def call(self, transport: Transport) -> None:
        """Call the peer."""
        peer = Uri.sip("caller", *PEER_ADDRESS, (("transport", transport),))
        ours = NameAddr("", Uri.parse("sip:100@192.0.2.10"))
        leg = self.leg = Leg("SCL_1", self.settings, self._ids, self._timers)
        self._place = Place(Target(transport, *PEER_ADDRESS), self.settings.contact)
        self.board.add(leg)
        now = self._timeline.now()
        self._join(now)
        self._drive(leg.start_outbound(now, DialOrder(peer, peer, ours, "call-1")))

    def request(self, ask: Ask) -> None:
        """An API request; nothing happens once the leg is gone."""
        leg = self.leg
        if leg is None or leg.finished or self._stopped or (not ask.uri and leg.transferor is None):
            return
        now = self._see("request", ask=ask)
        try:
            target = parse_target(ask.target)
        except ApiError as error:
            self._own(fx.TransferAnswered(ask.ticket, None, error))
            return
        request = TransferRequest(
            transfer_id=f"STR_{ask.ticket}",
            room=ROOM,
            identity="caller",
            participant_sid="PA_1",
            target=target,
            headers=(("X-Ticket", str(ask.ticket)),),
            play_dialtone=self._random.random() < 0.3,
            ringing_timeout=ask.ringing,
            wait=None if ask.wait == inf else ask.wait,
            api_key="key",
            request_id=ask.request_id,
        )
        self._drive(leg.transfer(now, ask.ticket, request))

    def cancel(self) -> None:
        """The pending transfer, if there is one, is cancelled."""
        pending = self._pending()
        if self.leg is not None and pending is not None:
            self._drive(self.leg.cancel_transfer(self._see("canceled"), pending.transfer_id))

    def delete_room(self) -> None:
        """DeleteRoom: everybody is out, and the leg hangs up."""
        if self.leg is None or self.participant is None or self.participant.left:
            return
        now = self._see("hangup")
        self.rooms.delete(now, ROOM)
        self._drive(self.leg.hangup(now, "room deleted"))

    def shutdown(self) -> None:
        """SIGTERM, and the drain time is over: BYE, and nothing is received any more."""
        if self.leg is not None and not self.leg.finished:
            self._see("interrupted")
            self._drive(self.leg.shutdown(self._see("hangup")))
            self._stopped = True

    # --- inside ---------------------------------------------------------------------------------

    def _see(
        self,
        kind: Kind,
        data: bytes = b"",
        ask: Ask | None = None,
        cseq: int = 0,
        method: str = "",
    ) -> float:
        now = self._timeline.now()
        self.log.append(Seen(now, kind, data, ask, cseq, method))
        return now

    def _pending(self) -> TransferRecord | None:
        return next((each for each in self.records.values() if each.verdict is None), None)

    def _route(self, request: Request, hop: Hop) -> Flow | None:
        return direct_flow(hop, local=lambda *_: OUR_ADDRESS, is_open=self._network.is_open)

    def _received(self, data: bytes, flow: Flow) -> None:
        if self._stopped:
            return
        now = self._see("wire", data)
        self._perform(self.board.message_received(now, parse(data), flow))

    def _failed(self, flow: Flow) -> None:
        now = self._timeline.now()
        for branch, (method, cseq, connection) in list(self._sent.items()):
            if flow.reliable and connection == 0:  # its own, or taken for it (`sip.Endpoint`)
                del self._sent[branch]
                self.log.append(Seen(now, "unconnected", cseq=cseq, method=method))
        self._perform(self.board.flow_failed(now, flow))

    def _due(self) -> None:
        self._timer = True
        self._perform(self.board.handle_deadline(self._timeline.now()))
        self._timer = False

    def _rooms_due(self) -> None:
        self.rooms.handle_deadline(self._timeline.now())

    def _drive(self, effects: Iterable[fx.LegEffect]) -> None:
        assert self.leg is not None
        self._perform(self.board.ask(self._timeline.now(), self.leg, lambda: effects))

    def _perform(self, effects: Iterable[BoardEffect]) -> None:
        self._queue.extend(effects)
        if self._busy:
            return
        self._busy = True
        while self._queue:
            effect = self._queue.popleft()
            if isinstance(effect, SendBytes):
                self._send(effect)
            elif isinstance(effect, Incoming):
                self._incoming(effect)
            elif isinstance(effect, ForOwner):
                self._own(effect.effect)
            elif isinstance(effect, Broken):
                raise effect.error
            elif isinstance(effect, Resolve):
                self.faults.append("a numeric address needs no lookup")
            else:
                assert isinstance(effect, LegGone)
        self._busy = False

    def _send(self, effect: SendBytes) -> None:
        if not effect.data.startswith(_UNREAD):
            message = parse(effect.data)
            branch, (cseq, method) = message.top_via.branch or "", message.cseq
            if isinstance(message, Request):
                if branch not in self._sent:
                    self._see("sent", cseq=cseq, method=method)
                self._sent[branch] = (method, cseq, effect.flow.connection)
            elif method == "INVITE" and cseq not in self._accepted:
                self._accepted.add(cseq)
                self._see("answer", cseq=cseq)
        self._network.send(effect.data, effect.flow)

    def _incoming(self, incoming: Incoming) -> None:
        if self.leg is not None:
            self.faults.append("one INVITE became two calls")
            return
        leg = Leg("SCL_1", self.settings, self._ids, self._timers)
        self.leg = leg
        self.board.add(leg, incoming)
        now = self._timeline.now()
        self._drive(leg.start_inbound(now, incoming.key, incoming.request, incoming.flow))

    def _own(self, effect: fx.LegEffect) -> None:
        assert self.leg is not None
        now = self._timeline.now()
        match effect:
            case fx.Locate():
                assert self._place is not None
                self._drive(self.leg.located(now, [self._place]))
            case fx.OpenMedia():
                self._port = self.ports.take(now)
                local = LocalMedia(OUR_ADDRESS[0], self._port, self._port + 1)
                self._drive(self.leg.media_opened(now, local, self._last_packet_at))
            case fx.CloseMedia():
                assert self._port is not None
                self.ports.give_back(self._port, now)
                self._port = None
            case fx.LegRinging() if self._place is None:
                self._join(now)
                self._timeline.after(self._answer_after, self._answer)
            case fx.LegAnswered():
                self._drive(self.leg.first_packet(now))
                self.on_answered()
            case fx.LegLeft(reason):
                self.left_at, self.left_why = now, reason
                if self._timer and reason == "hangup":
                    self.limits.append((now, self._pending() is not None))
                    self._see("hangup")
                if self.participant is not None:
                    self.rooms.leave(now, self.participant)
            case fx.LegEnded(_, reason):
                self.ended_at = now
                if reason == "session timer":
                    self._see("hangup")
            case fx.TransferChanged(record, _, then_send):
                self._store(record, then_send)
            case fx.TransferAnswered(ticket):
                if ticket in self.told:
                    self.faults.append(f"request {ticket} was answered twice")
                self.told[ticket] = effect
                self.on_verdict(effect)
            case _:
                pass

    def _last_packet_at(self) -> float:
        return min(self._timeline.now(), self._facts.silent_since)

    def _join(self, now: float) -> None:
        self.participant, _ = self.rooms.join(now, ROOM, Join("caller", permission=Permission()))
        self.rooms.activate(now, self.participant)

    def _answer(self) -> None:
        assert self.leg is not None
        if self.ended_at == inf:
            self._drive(self.leg.answer(self._timeline.now()))

    def _store(self, record: TransferRecord, then_send: bool) -> None:
        before = self.records.get(record.transfer_id)
        if before is not None and before.verdict not in {None, record.verdict}:
            self.faults.append(f"{before.verdict} became {record.verdict}")
        self.records[record.transfer_id] = record
        if then_send:
            leg = self.leg
            assert leg is not None

            def stored() -> None:
                if not leg.finished:
                    self._drive(leg.transfer_stored(self._timeline.now(), record.transfer_id))

            self._timeline.after(self._random.uniform(*self._storing), stored)
