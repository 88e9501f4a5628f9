"""The carrier's switch against legs of an exchange, in virtual time and without sockets."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hookflash.adapters.store.messages import kept_messages
from hookflash.base.errors import ApiError
from hookflash.base.ids import Ids
from hookflash.calls import effects as fx
from hookflash.calls.legs.dialing import Place
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.legs.leg import Leg
from hookflash.calls.legs.settings import Credential, LegSettings
from hookflash.calls.records import CallDirection, KeptMessage, TransferRecord
from hookflash.calls.switchboard import BoardEffect, Broken, ForOwner, Incoming, Switchboard
from hookflash.calls.transfers.request import TransferRequest
from hookflash.carrier import conversation as cv
from hookflash.carrier.admission import ENCRYPTION
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.departures import Departures
from hookflash.carrier.leg_settings import timers
from hookflash.carrier.line import Kept, Line
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.switch import Switch
from hookflash.sdp.plan import Encryption, LocalMedia, MediaSettings
from hookflash.sip.codec import parse
from hookflash.sip.effects import SendBytes
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.fields import NameAddr
from hookflash.sip.flow import Address, Flow, Transport
from hookflash.sip.location import Target
from hookflash.sip.message import Request, Response
from hookflash.sip.refer import parse_target
from hookflash.sip.timers import Timers
from hookflash.sip.trace import Trace
from hookflash.sip.uri import Uri

CARRIER: Address = ("192.0.2.1", 5080)
EXCHANGE: Address = ("192.0.2.2", 5060)
LINE, SECOND_LINE = "+15550000001", "+15550000002"
CALLER, TARGET = "+14155550100", "+15105550123"
BUSY, DECLINES, SILENT, GONE = "+15105550124", "+15105550125", "+15105550126", "+15105550127"
VOICEMAIL = "+15105550128"
ORIGINATION = Uri.sip(None, *EXCHANGE)


def network(**trunk: Any) -> NetworkConfig:
    """One trunk with two numbers, and a phone of each sort; `trunk` changes the trunk."""
    return NetworkConfig(
        trunks=(replace(TrunkConfig("main", (LINE, SECOND_LINE), ORIGINATION), **trunk),),
        phones=(
            PhoneConfig(CALLER, "caller", tone=330.0),
            PhoneConfig(TARGET, "target", tone=1000.0, after=2.0),
            PhoneConfig(BUSY, "busy", "busy"),
            PhoneConfig(DECLINES, "declines", "declines", after=2.0),
            PhoneConfig(SILENT, "silent", "never-answers"),
            PhoneConfig(GONE, "gone", "unreachable"),
            PhoneConfig(VOICEMAIL, "voicemail", "voicemail", after=2.0),
        ),
    )


class _Place:
    def contact(self, flow: Flow) -> Uri:
        return Uri.sip(None, *flow.local)

    def hosts(self) -> Sequence[str]:
        return [f"{CARRIER[0]}:{CARRIER[1]}"]


class Rig:
    """`call` and go on by `advance`. The exchange answers what comes, unless told otherwise."""

    def __init__(
        self,
        manners: CarrierManners | None = None,
        config: NetworkConfig | None = None,
        *,
        answers: bool = True,
        credential: Credential | None = None,
    ) -> None:
        self.now = 1000.0
        manners = manners or CarrierManners()
        self.line = Line(manners.record_route, manners.faults, random.Random(3).random)
        self.loses = False
        """What the carrier sends does not come."""
        self._late: list[tuple[float, Callable[[], object]]] = []
        """What comes later to the exchange, and when."""
        self._departures = Departures(
            lambda delay, call: self._late.append((self.now + delay, call))
        )
        self.kept_away: list[Kept] = []
        """Requests that did not reach the switch."""
        ids = Ids(random.Random(1))
        self._timers = Timers()
        self.switch = Switch(
            manners,
            config or network(),
            endpoint=self._endpoint(ids, CARRIER, timers(manners)),
            route=lambda _, hop: Flow("udp", CARRIER, (hop.uri.host, hop.uri.port or 5060)),
            place=_Place(),
            ids=ids,
            timers=timers(manners),
            digest_key=b"key",
        )
        self._ids = Ids(random.Random(2))
        self.encryption: Encryption = ENCRYPTION[manners.srtp]
        """Of the exchange's legs."""
        self.transport: Transport = "udp"
        """By which the exchange's messages come."""
        self.board = Switchboard(
            self._endpoint(self._ids, EXCHANGE, self._timers),
            lambda *_: Flow("udp", EXCHANGE, CARRIER),
        )
        self.answers = answers
        self.credential = credential
        self.legs: list[Leg] = []
        """The exchange's, in order."""
        self.wire: list[tuple[bool, Request | Response]] = []
        """Every message: whether the carrier sent it, and itself."""
        self.times: list[float] = []
        """When each went by."""
        self.told: list[cv.Happened] = []
        self.joined: dict[str, str] = {}
        """Which end hears which."""
        self.open: set[str] = set()
        """Legs of the carrier with a port."""
        self.sounds: list[cv.SaySound | cv.PressKeys] = []
        """What telephones said and pressed by themselves."""
        self.verdicts: list[ApiError | None] = []
        """Of the exchange's transfers; None: succeeded."""
        self.transfer_record: TransferRecord | None = None
        """Of the exchange's last transfer, as it would be stored."""
        self.left: list[str] = []
        """How the exchange's legs ended."""
        self._bytes: deque[tuple[bool, bytes]] = deque()

    def _endpoint(self, ids: Ids, address: Address, own: Timers) -> Endpoint:
        return Endpoint(timers=own, ids=ids, via=lambda _: address, user_agent="Rig")

    # --- what tests do --------------------------------------------------------------------------

    def call(self, number: str = LINE, caller: str = CALLER) -> cv.Conversation:
        """A telephone calls a number."""
        phone = self.switch.numbers.phone(caller)
        assert phone is not None
        conversation, effects = self.switch.call(self.now, phone, number)
        self.carrier(effects)
        return conversation

    def dial(self, number: str, caller: str = LINE, *headers: tuple[str, str]) -> Leg:
        """The exchange calls a number."""
        leg = self._leg("outbound")
        uri = Uri.sip(number, *CARRIER)
        from_, call_id = NameAddr("", Uri.sip(caller, EXCHANGE[0])), f"dialled-{len(self.legs)}"
        order = DialOrder(uri, uri, from_, call_id, headers)
        self.board.add(leg)
        self.ask(leg, lambda: leg.start_outbound(self.now, order))
        return leg

    def strange(self, *headers: tuple[str, str]) -> None:
        """The exchange's last INVITE again, as a call of its own with these headers too, of which
        no leg knows."""
        last = next(
            one
            for ours, one in reversed(self.wire)
            if not ours and isinstance(one, Request) and one.method == "INVITE"
        )
        changed = {"Via": f"SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{len(self.wire)}"}
        changed["Call-ID"] = f"strange-{len(self.wire)}"
        items = [(name, changed.get(name, value)) for name, value in last.headers.raw()]
        self._to_carrier(Request("INVITE", last.uri_text, [*items, *headers], last.body))
        self._deliver()

    def transfer(self, target: str = f"tel:{TARGET}", *headers: tuple[str, str]) -> None:
        """The exchange transfers its last call."""
        request = TransferRequest(
            "room", "who", parse_target(target), headers, False, 200.0, None, "key", "", "STR_one"
        )
        leg = self.legs[-1]
        self.ask(leg, lambda: leg.transfer(self.now, 1, request))

    def raw(self, method: str, *headers: tuple[str, str], body: bytes = b"") -> None:
        """A request in the exchange's last call of which its leg knows nothing."""
        dialog = self.legs[-1].dialog
        assert dialog is not None
        request, _ = dialog.make_request(method, headers, body)
        flow = Flow("udp", EXCHANGE, CARRIER)
        for effect in self.board.endpoint.send_request(self.now, request, flow)[1]:
            assert isinstance(effect, SendBytes)
            self._bytes.append((False, effect.data))
        self._deliver()

    def hangup(self, leg: Leg | None = None) -> None:
        """The exchange hangs up."""
        leg = leg or self.legs[-1]
        self.ask(leg, lambda: leg.hangup(self.now, "hangup"))

    def ask(self, leg: Leg, ask: Callable[[], Iterable[fx.LegEffect]]) -> None:
        """An input of the exchange's leg."""
        self.exchange(self.board.ask(self.now, leg, ask))

    def advance(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now + seconds
        machines = (self.switch, self.switch.board, self.board)
        while True:
            due = [one.next_deadline() for one in machines]
            due += [at for at, _ in self._late]
            first = min((at for at in due if at is not None), default=None)
            if first is None or first > end:
                break
            self.now = max(self.now, first)
            late = [call for at, call in self._late if at <= self.now]
            self._late = [(at, call) for at, call in self._late if at > self.now]
            for call in late:
                call()
                self._deliver()
            self.carrier(self.switch.handle_deadline(self.now))
            board = self.switch.board.handle_deadline(self.now)
            self.carrier(self.switch.take(self.now, board))
            self.exchange(self.board.handle_deadline(self.now))
        self.now = end

    # --- what came of it ------------------------------------------------------------------------

    def names(self) -> list[str]:
        """What the switch told, by name."""
        return [told.name for told in self.told]

    def fields(self, name: str) -> dict[str, object]:
        """What was told last under this name."""
        return dict(next(told.fields for told in reversed(self.told) if told.name == name))

    def sent(self, method: str) -> list[Request]:
        """Requests of the carrier."""
        return [
            one
            for ours, one in self.wire
            if ours and isinstance(one, Request) and one.method == method
        ]

    def statuses(self, method: str) -> list[int]:
        """How the carrier answered the exchange's requests of this method, 100 excepted."""
        return [
            one.status
            for ours, one in self.wire
            if ours and isinstance(one, Response) and one.cseq.method == method
            if one.status > 100
        ]

    def news(self) -> list[tuple[str, str]]:
        """(first line, Subscription-State without parameters) of each NOTIFY."""
        return [
            (
                one.body.decode().strip(),
                (one.header("Subscription-State") or "").partition(";")[0],
            )
            for one in self.sent("NOTIFY")
        ]

    def kept(self) -> list[KeptMessage]:
        """The messages of the exchange's last call, as the exchange stores them."""
        sip_call_id = self.legs[-1].dialog and self.legs[-1].dialog.call_id
        flow = Flow("udp", EXCHANGE, CARRIER)
        entries = tuple(
            (at, flow, ours, message.wire)
            for at, (ours, message) in zip(self.times, self.wire, strict=True)
            if message.call_id == sip_call_id
        )
        return list(kept_messages(Trace(entries)).messages)

    def hear_each_other(self, first: str, second: str) -> bool:
        """Whether the ends with these numbers do, and nobody else is with them."""
        numbers = {end.id: end.number for end in self.switch.ends.values()}
        pairs = {(numbers.get(one, one), numbers.get(two, two)) for one, two in self.joined.items()}
        return {(first, second), (second, first)} <= pairs

    # --- performing -----------------------------------------------------------------------------

    def carrier(self, effects: Iterable[cv.SwitchEffect]) -> None:
        """Do what the switch asks for, and what comes of it."""
        for effect in effects:
            self._carrier(effect)
        self._deliver()

    def _carrier(self, effect: cv.SwitchEffect) -> None:
        switch, now = self.switch, self.now
        match effect:
            case SendBytes():
                self._bytes.append((True, effect.data))
            case cv.FindPlaces():
                place = Place(Target("udp", *EXCHANGE), Uri.sip(None, *CARRIER))
                self.carrier(switch.located(now, effect.call_id, [place]))
            case cv.OpenSound():
                self.open.add(effect.call_id)
                local = LocalMedia(CARRIER[0], 20000, 20001)
                self.carrier(switch.sound_opened(now, effect.call_id, local, lambda: self.now))
            case cv.CloseSound():
                self.open.discard(effect.call_id)
            case cv.JoinSound():
                self._part(effect.first.id)
                self._part(effect.second.id)
                self.joined[effect.first.id] = effect.second.id
                self.joined[effect.second.id] = effect.first.id
            case cv.PartSound():
                self._part(effect.id)
            case cv.SaySound() | cv.PressKeys():
                self.sounds.append(effect)
            case cv.Happened():
                self.told.append(effect)
            case Broken():
                raise effect.error

    def _part(self, end: str) -> None:
        other = self.joined.pop(end, None)
        if other is not None:
            self.joined.pop(other, None)

    def exchange(self, effects: Iterable[BoardEffect]) -> None:
        """Do what the exchange's legs ask for."""
        for effect in effects:
            match effect:
                case SendBytes():
                    self._bytes.append((False, effect.data))
                case Incoming():
                    leg = self._leg("inbound")
                    self.board.add(leg, effect)
                    request, flow, key = effect.request, effect.flow, effect.key
                    self._start(leg, key, request, flow)
                case ForOwner(leg=Leg() as leg):
                    self._owned(leg, effect.effect)
                case Broken():
                    raise effect.error
        self._deliver()

    def _start(self, leg: Leg, key: str, request: Request, flow: Flow) -> None:
        self.ask(leg, lambda: leg.start_inbound(self.now, key, request, flow))
        if self.answers:
            self.ask(leg, lambda: leg.answer(self.now))

    def _owned(self, leg: Leg, effect: fx.LegEffect) -> None:
        local = LocalMedia(EXCHANGE[0], 30000, 30001)
        place = Place(Target("udp", *CARRIER), Uri.sip(None, *EXCHANGE))
        match effect:
            case fx.Locate():
                self.ask(leg, lambda: leg.located(self.now, [place]))
            case fx.OpenMedia():
                self.ask(leg, lambda: leg.media_opened(self.now, local, lambda: self.now))
            case fx.TransferChanged():
                self.transfer_record = effect.record
                if effect.then_send:
                    stored = effect.record.transfer_id
                    self.ask(leg, lambda: leg.transfer_stored(self.now, stored))
            case fx.TransferAnswered():
                self.verdicts.append(effect.error)
            case fx.LegEnded():
                self.left.append(effect.by)

    def _leg(self, direction: CallDirection) -> Leg:
        settings = LegSettings(
            contact=Uri.sip(None, *EXCHANGE),
            direction=direction,
            media=MediaSettings(fallback=("opus",), encryption=self.encryption),
            media_timeout=1e6,
            credentials=lambda: self.credential,
        )
        leg = Leg(self._ids.new("SCL_"), settings, self._ids, self._timers)
        self.legs.append(leg)
        return leg

    def _deliver(self) -> None:
        while self._bytes:
            ours, data = self._bytes.popleft()
            message = parse(data)
            if not ours:
                self._to_carrier(message)
                continue
            seen, copies = self.line.outgoing(message, reliable=False)
            self._departures.send("", copies, partial(self._to_exchange, seen.encode()))

    def _to_exchange(self, data: bytes) -> None:
        if self.loses:
            return
        message = parse(data)
        self._passed(True, message)
        flow = Flow("udp", EXCHANGE, CARRIER)
        self.exchange(self.board.message_received(self.now, message, flow))

    def _to_carrier(self, message: Request | Response) -> None:
        self._passed(False, message)
        seen = self.line.incoming(message)
        if isinstance(seen, Kept):
            self.kept_away.append(seen)
            return
        flow = Flow(self.transport, CARRIER, EXCHANGE)
        effects = self.switch.board.message_received(self.now, seen, flow)
        self.carrier(self.switch.take(self.now, effects))

    def _passed(self, ours: bool, message: Request | Response) -> None:
        self.wire.append((ours, message))
        self.times.append(self.now)
