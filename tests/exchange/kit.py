"""An exchange without an event loop: each of its ports is a stand-in that a test can look at.

Only the sound is the real thing, the media engine on a table of `tests.support.studio`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import inf
from typing import Literal

from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
)
from tests.support.manual_clock import ManualClock
from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS, flow_to, request_of
from tests.support.studio import Studio, TablePair

from hookflash.adapters.metrics import Metrics
from hookflash.adapters.presets import PRESETS
from hookflash.adapters.prompts import load_prompts
from hookflash.base.ids import Ids
from hookflash.calls.admission import Admission, AdmissionSettings
from hookflash.calls.effects import TransferAnswered
from hookflash.calls.limits import InviteRate, Shield
from hookflash.calls.records import CallRecord, DialogRecord, TransferRecord
from hookflash.calls.switchboard import Resolve, Switchboard
from hookflash.calls.trunks.table import TrunkTable
from hookflash.exchange.call import Call
from hookflash.exchange.call_metrics import CallMetrics
from hookflash.exchange.exchange import Exchange
from hookflash.exchange.host import ExchangeSettings, Parts
from hookflash.exchange.rooms import RoomHost
from hookflash.ports import Due
from hookflash.rooms.events import RoomEvent
from hookflash.rooms.room import Room
from hookflash.rtp.packet import RtpPacket
from hookflash.sip.codec import parse
from hookflash.sip.digest import DigestServer
from hookflash.sip.effects import SendBytes
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Address, Flow, Transport
from hookflash.sip.location import Target
from hookflash.sip.message import Request, Response
from hookflash.sip.routing import Hop
from hookflash.sip.timers import Timers
from hookflash.sip.trace import SipTraces, Trace
from hookflash.sip.uri import Uri

NUMBER = "100"
MEDIA = (PEER_ADDRESS[0], 4000)
SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {MEDIA[0]}\r\ns=-\r\nc=IN IP4 {MEDIA[0]}\r\nt=0 0\r\n"
    f"m=audio {MEDIA[1]} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
).encode()
CONTACT = ("Contact", f"<sip:caller@{PEER_ADDRESS[0]}:{PEER_ADDRESS[1]}>")
BODY = ("Content-Type", "application/sdp")


class HandTimer:
    """`ports.DeadlineTimer`: it is set by `arm` alone, and time moves when a test says `ring`."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._machines: list[Due] = []
        self.at = inf

    def add(self, machine: Due) -> None:
        self._machines.append(machine)

    def arm(self) -> None:
        deadlines = (machine.next_deadline() for machine in self._machines)
        self.at = min((at for at in deadlines if at is not None), default=inf)

    def arm_for(self, deadline: float | None) -> None:
        if deadline is not None and deadline < self.at:
            self.arm()

    def ring(self) -> None:
        """Go on to the time that it is set to, and do what is due."""
        assert self.at != inf, "the timer is not set"
        now = self._clock.set(max(self.at, self._clock.now()))
        for machine in self._machines:
            due = machine.next_deadline()
            if due is not None and due <= now:
                machine.handle_deadline(now)
        self.arm()


class Wire:
    """`ports.SipWays` to one peer: everything that is sent is kept."""

    def __init__(self) -> None:
        self.traces = SipTraces(lambda _: OUR_ADDRESS[0])
        self.sent: list[Request | Response] = []
        self.sought: list[tuple[Uri, Callable[[list[Target]], None]]] = []

    def contact(self, flow: Flow) -> Uri:
        return Uri.sip(None, *flow.local)

    def contact_at(self, target: Target) -> Uri:
        return Uri.sip(None, *OUR_ADDRESS)

    def local(self, transport: Transport, remote_ip: str, /) -> Address:
        return OUR_ADDRESS

    def locate(self, uri: Uri, then: Callable[[list[Target]], None]) -> None:
        self.sought.append((uri, then))

    def resolve(self, effect: Resolve) -> None:
        raise AssertionError("the way to the only peer is known")

    def send(self, effect: SendBytes) -> None:
        self.traces.sent(0.0, effect.data, effect.flow)
        message = parse(effect.data)
        assert isinstance(message, Request | Response)
        self.sent.append(message)

    def arm(self) -> None:
        """The legs' deadlines are the test's matter."""

    def found(self) -> None:
        """The place of the last look-up is the peer's."""
        self.sought[-1][1]([Target("udp", *PEER_ADDRESS)])

    def requests(self, method: str) -> list[Request]:
        return [m for m in self.sent if isinstance(m, Request) and m.method == method]

    def statuses(self) -> list[int]:
        return [message.status for message in self.sent if isinstance(message, Response)]


class Book:
    """`ports.RecordKeeper`: keeps all, and stores a transfer when a test says so."""

    def __init__(self) -> None:
        self.dialogs: dict[str, DialogRecord] = {}
        self.calls: list[CallRecord] = []
        self.traces: list[Trace] = []
        self.transfers: list[TransferRecord] = []
        self.unstored: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def dialog(self, record: DialogRecord, call: CallRecord) -> None:
        self.dialogs[record.call_id] = record

    def forget_dialog(self, call_id: str) -> None:
        self.dialogs.pop(call_id, None)

    def call_ended(self, record: CallRecord, messages: Trace | None) -> None:
        if record not in self.calls:
            self.calls.append(record)
        if messages is not None:
            self.traces.append(messages)

    def transfer(self, record: TransferRecord) -> None:
        self.transfers.append(record)

    def transfer_then(
        self, record: TransferRecord, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self.transfers.append(record)
        self.unstored.append((stored, failed))

    def once_stored(self, go_on: Callable[[], None]) -> None:
        go_on()


class Tickets:
    """`ports.TransferRequests`: what each request is told."""

    def __init__(self) -> None:
        self.answers: list[TransferAnswered] = []

    def changed(self, record: TransferRecord) -> None:
        """Nobody asks again."""

    def answered(
        self, effect: TransferAnswered, once_stored: Callable[[Callable[[], None]], None]
    ) -> None:
        once_stored(lambda: self.answers.append(effect))


class Told:
    """`ports.EventSink` and a `RoomListener`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def room_events(self, events: Sequence[RoomEvent]) -> None:
        self.names += [type(event).__name__ for event in events]

    def transfer_changed(
        self,
        record: TransferRecord,
        kind: Literal["started", "updated", "ended"],
        room: Room | None,
    ) -> None:
        self.names.append(f"transfer {kind}")

    def call_ended(self, record: CallRecord, room: Room | None, participant_sid: str) -> None:
        self.names.append("call ended")


class SameAddress:
    """`ports.AddressChoice`."""

    def bind(self, remote_ip: str) -> str:
        return "0.0.0.0"

    def advertised(self, remote_ip: str) -> str:
        return OUR_ADDRESS[0]


class Table:
    """The exchange with one trunk, one rule and one peer, who is `sip_messages.PEER_ADDRESS`."""

    def __init__(self, *, pin: str = "") -> None:
        self.studio = Studio()
        self.clock = self.studio.clock
        self.timer = HandTimer(self.clock)
        self.wire, self.book, self.tickets, self.told = Wire(), Book(), Tickets(), Told()
        ids, trunks = Ids(random.Random(5)), TrunkTable(presets=PRESETS)
        trunks.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_1", numbers=[NUMBER]))
        direct = SIPDispatchRuleDirect(room_name="lobby", pin=pin)
        rule = SIPDispatchRule(dispatch_rule_direct=direct)
        trunks.put_rule(SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_1", rule=rule))
        timers = Timers()
        endpoint = Endpoint(
            timers=timers, ids=ids, via=lambda _: OUR_ADDRESS, user_agent="Hookflash"
        )
        self.board = Switchboard(endpoint, self._route)
        self.rooms = RoomHost(self.clock, ids, self.timer)
        parts = Parts(
            clock=self.clock,
            ids=ids,
            timers=timers,
            board=self.board,
            stack=self.wire,
            engine=self.studio.engine,
            addresses=SameAddress(),
            admission=Admission(
                trunks,
                ids,
                DigestServer(b"secret", ids),
                AdmissionSettings(),
                shield=Shield(lambda _: True),
                rate=InviteRate(0, lambda _: True),
            ),
            trunks=trunks,
            rooms=self.rooms,
            sink=self.told,
            alarm=self.timer,
            call_records=self.book,
            call_metrics=CallMetrics(Metrics()),
            transfers=self.tickets,
            prompts=load_prompts,
        )
        self.exchange = Exchange(parts, ExchangeSettings(answer_immediately=True))
        self.rooms.listeners += [self.told, self.exchange.phones]

    @staticmethod
    def _route(_request: Request, _hop: Hop) -> Flow:
        return flow_to()

    def receive(self, message: Request | Response) -> None:
        """A message of the peer has come."""
        now = self.clock.now()
        message.wire = message.wire or message.encode()
        self.wire.traces.received(now, message, flow_to())
        self.exchange.perform(self.board.message_received(now, message, flow_to()))

    def pass_time(self, seconds: float) -> None:
        """Deadlines of legs and transactions that come up within it are met in their order."""
        end = self.clock.now() + seconds
        while True:
            due = self.board.next_deadline()
            if due is None or due > end:
                break
            now = self.clock.set(max(due, self.clock.now()))
            self.exchange.perform(self.board.handle_deadline(now))
        self.clock.set(end)

    def caller(self, *, acknowledges: bool = True) -> Call:
        """One whose INVITE was answered."""
        self.receive(request_of("INVITE", headers=(CONTACT, BODY), body=SDP))
        answer = self.wire.sent[-1]
        assert isinstance(answer, Response)
        assert answer.status == 200
        if acknowledges:
            self.in_dialog("ACK", cseq=1)
        (call,) = self.exchange.calls.values()
        return call

    def sound_of(self, call: Call) -> TablePair:
        """A packet of the peer; gives the ports to which it came."""
        pair = self.studio.pairs[call.port.local.port]
        pair.deliver(RtpPacket(0, 1, 160, 9, b"\x55" * 160).encode(), MEDIA)
        return pair

    def in_dialog(
        self,
        method: str,
        *,
        cseq: int,
        headers: Sequence[tuple[str, str]] = (CONTACT,),
        body: bytes = b"",
    ) -> None:
        """A request of the caller's in the dialog."""
        answer = next(m for m in self.wire.sent if isinstance(m, Response) and m.to.tag)
        branch = f"z9hG4bK{method}{cseq}"
        self.receive(
            request_of(
                method,
                branch=branch,
                to_tag=answer.to.tag or "",
                cseq=cseq,
                headers=headers,
                body=body,
            )
        )
