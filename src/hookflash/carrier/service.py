"""A running carrier: the switch with sockets, names, sound and time around it.

async with CarrierService(load_profile("twilio"), example_config()) as carrier:
    carrier.call("+14155550100", "+15550000001")
    await carrier.happened("call_answered")
    await carrier.hears("+14155550100", 550)
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Final, Self

import structlog

from ..adapters.addresses import Addresses
from ..adapters.alarm import Alarm
from ..adapters.clock import SystemClock
from ..adapters.sip_sockets import SipSockets, TlsFiles
from ..audio import opus
from ..base.effect_pump import EffectPump
from ..base.errors import ConfigError, SipError
from ..base.ids import Ids
from ..calls.legs.dialing import Place
from ..calls.switchboard import BoardEffect, Resolve
from ..runtime.sip_stack import SipStack
from ..sip.codec import parse
from ..sip.effects import SendBytes
from ..sip.endpoint import Endpoint
from ..sip.flow import Address, Flow
from ..sip.location import Target
from ..sip.message import Request, Response
from ..sip.uri import Uri
from .agent import CarrierError, Traced
from .config import NetworkConfig, PhoneConfig, TrunkConfig
from .conversation import (
    ApplySound,
    CloseSound,
    Conversation,
    EndVoice,
    FindPlaces,
    Happened,
    JoinSound,
    OpenSound,
    PartSound,
    PhoneEnd,
    PressKeys,
    SaySound,
    SwitchEffect,
)
from .departures import Departures
from .faults import Faults, shown
from .keep_alives import KeepAlives
from .leg_settings import timers
from .line import Kept, Line
from .listing import listing
from .manners import Profile
from .names import CarrierResolver
from .news import News
from .packets import Packets
from .people import People
from .recordings import Recordings
from .sound import Sound, Sounds
from .speaking import Speaker
from .speech import Speech
from .switch import Switch
from .voices import Voices

_log = structlog.get_logger("carrier")
LAST_WORDS: Final = 0.5
"""Seconds for the answers to the BYEs at the end."""


class CarrierService:
    """`async with`: everybody is hung up on at its end. Made where a loop runs."""

    def __init__(
        self,
        profile: Profile,
        config: NetworkConfig,
        *,
        sip: Address = ("127.0.0.1", 0),
        tls: Address | None = None,
        files: TlsFiles | None = None,
        seed: int | None = None,
        muted: bool = False,
    ) -> None:
        """`sip`, `tls`: where it listens, port 0 for any free one. `files`: its certificate, and
        whom it trusts where it calls by TLS. `seed` makes its ids the same every time. `muted`:
        nobody says or hears anything."""
        self.profile = profile
        self.news = News()
        """What has happened, and each SIP message."""
        self._listen = sip
        self._listen_tls, self._files = tls, files
        self._clock = SystemClock()
        ids = Ids(random.SystemRandom() if seed is None else random.Random(seed))
        self._addresses = Addresses(sip[0])
        self._sockets = SipSockets()
        self._stack = SipStack(
            clock=self._clock,
            sockets=self._sockets,
            resolver=CarrierResolver(ids, lambda: self.faults.no_dns),
            addresses=self._addresses,
            keeps_messages=False,  # `trace` has them
        )
        self.switch = self._new_switch(config, ids)
        self._stack.attach(self.switch.board, self._board, lambda *_: False)
        self._sockets.attach(self)
        manners = profile.manners
        self._line = Line(manners.record_route, manners.faults, lambda: ids.number(24) / 2**24)
        self._well: asyncio.TimerHandle | None = None
        """Ends the faults."""
        self._loop = asyncio.get_running_loop()
        self._departures = Departures(self._loop.call_later)
        self._sounds = Sounds(ids, muted=muted)
        self.recordings = Recordings(self.switch.ends, self._sounds.now, self.tell)
        self.people = People(self.switch.numbers, self.switch.ends, self.let_go)
        self._voices = Voices(
            self._sounds,
            self._key,
            self._line.packet,
            recording=self.recordings.begin,
            person=self.people.at,
        )
        self.people.watch(self._voices.attend)
        self.speaker = Speaker(self.tell)
        self._alarm = Alarm(self._clock, self._loop, self)
        self._pump: EffectPump[SwitchEffect] = EffectPump(self._one)
        self._exit = AsyncExitStack()

    def _new_switch(self, config: NetworkConfig, ids: Ids) -> Switch:
        manners, own = self.profile.manners, timers(self.profile.manners)
        return Switch(
            manners,
            config,
            endpoint=Endpoint(
                timers=own, ids=ids, via=self._stack.via, user_agent=manners.user_agent
            ),
            route=self._stack.route,
            place=self,
            ids=ids,
            timers=own,
            digest_key=secrets.token_bytes(32),
        )

    # --- its life -------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Listen, and let the telephones call that are to. Raises OSError, or ConfigError where
        what a telephone is to say cannot be said, or not in the profile's codecs."""
        if "opus" in self.profile.manners.codecs and opus.missing():
            allowed = "PCMU, PCMA"
            raise ConfigError("codecs", "opus", allowed, wrong=f"is not there ({opus.missing()})")
        for phone in self.switch.numbers.phones:
            if phone.says:
                self.switch.handsets.speeches[phone.number] = await self.speaker.speech(phone.says)
        await self._sockets.start(*self._listen)
        self._exit.push_async_callback(self.recordings.stop)
        self._exit.push_async_callback(self._sockets.stop)
        self._exit.push_async_callback(self._stack.stop)
        try:
            if self._files is not None:
                at = self._listen_tls or (self._listen[0], 0)
                await self._sockets.start_tls(*at, self._files)
        except BaseException:
            await self._exit.aclose()
            raise
        if every := self.profile.manners.keep_alive_every:
            pings = KeepAlives(self._loop.call_later, every, self._sockets.ping)
            self._exit.callback(pings.stop)
        self._exit.callback(self._sounds.stop)
        self._exit.callback(self._alarm.stop)
        self._do(self.switch.start(self.now()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._well is not None:
            self._well.cancel()
        self._line.faults = Faults()
        try:
            await self._goodbye()
        finally:
            await self._exit.aclose()

    async def _goodbye(self) -> None:
        for call_id in list(self.switch.conversations):
            with contextlib.suppress(CarrierError):  # the end of another one was its end too
                self.end_call(call_id)
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self.until(lambda: self.idle)
        except TimeoutError:
            _log.info("carrier_not_answered")

    def now(self) -> float:
        """The time by the clock of `happenings` and `trace`."""
        return self._clock.now()

    @property
    def address(self) -> Address:
        """Where it listens for SIP, by UDP and TCP."""
        return self._sockets.local["udp"]

    @property
    def tls_address(self) -> Address | None:
        """The same by TLS; None where it does not."""
        return self._sockets.local.get("tls")

    def _own(self, flow: Flow) -> Address:
        """Where it listens for what came by this flow."""
        return self._sockets.local.get(flow.transport, self.address)

    # --- what users ask -------------------------------------------------------------------------

    def telephone(self, number: str) -> PhoneConfig:
        """That with this number, however it is written; raises CarrierError where there is none."""
        phone = self.switch.numbers.phone(number)
        if phone is None:
            raise CarrierError(f"no telephone has the number {number}")
        return phone

    def call(
        self, number: str, dialled: str, speech: Speech | None = None, *, records: bool = False
    ) -> Conversation:
        """The telephone `number` calls; raises CarrierError where there is no such telephone.
        `speech`: what it says instead of its own. `records`: `recordings` has what it hears."""
        phone = self.telephone(number)
        conversation, effects = self.switch.call(self.now(), phone, dialled, speech)
        if records and isinstance(conversation.caller, PhoneEnd):
            self.recordings.want(conversation.caller)
        self._do(effects)
        return conversation

    def say(self, end: PhoneEnd, tone: float, speech: Speech | None = None) -> None:
        """A telephone says another tone (Hz), or a speech, from now on."""
        end.phone.say(tone, speech)
        self._voices.say(end.id, tone, speech)

    def press(self, number: str, keys: str) -> None:
        """The telephone `number` presses keys; raises CarrierError where it talks to nobody."""
        self.sound(number).dial(keys)

    def hold(self, number: str, *, held: bool) -> None:
        """The telephone `number` puts the other side on hold, or takes it back; raises CarrierError
        where it is in no call."""
        now = self.now()
        self.switch.handsets.hold(now, self._end(number), held=held)
        self._do(self.switch.take(now, ()))

    def hang_up(self, number: str) -> None:
        """The telephone `number` hangs up; raises CarrierError where it is in no call."""
        self._do(self.switch.hang_up(self.now(), self._end(number)))

    def let_go(self, end: PhoneEnd) -> None:
        """This telephone hangs up; nothing happens where its call is over."""
        self._do(self.switch.hang_up(self.now(), end))

    def end_call(self, call_id: str) -> None:
        """Everybody in this call is hung up on; raises CarrierError where there is no such call."""
        conversation = self.switch.conversations.get(call_id)
        if conversation is None:
            raise CarrierError(f"there is no call {call_id}")
        for end in list(conversation.ends):
            self._do(self.switch.hang_up(self.now(), end))

    def serve(self, trunks: Sequence[TrunkConfig]) -> None:
        """These are the trunks from now on, for the calls that are up as well."""
        self._do(self.switch.serve(self.now(), trunks))

    def sound(self, number: str) -> Sound:
        """What the telephone `number` hears now, and its keys; raises CarrierError where it talks
        to nobody."""
        sound = self.heard_by(self._end(number))
        if sound is None:
            raise CarrierError(f"{number} talks to nobody")
        return sound

    def heard_by(self, end: PhoneEnd) -> Sound | None:
        """What a telephone hears in this call, and its keys; None while it talks to nobody."""
        return self._voices.heard_by(end.id)

    @property
    def packets(self) -> Packets:
        """RTP to and from exchanges, of calls that are over."""
        return self._voices.packets

    @property
    def ticks(self) -> tuple[int, int]:
        """20 ms ticks of the sound, and those that came later than the next was due."""
        return self._sounds.ticks

    def listing(self) -> list[dict[str, object]]:
        """Every call that lives, as JSON has it, with the tones that its telephones hear now, in
        Hz, and those that hear anything."""
        return listing(self.switch, self._voices)

    async def hears(self, number: str, frequency: float, within: float = 2.0) -> float:
        """Wait until the telephone `number` hears a tone (Hz); seconds that it took."""
        return await self.sound(number).hears(frequency, within)

    @property
    def happenings(self) -> deque[tuple[float, Happened]]:
        """(when, what), oldest first."""
        return self.news.happenings

    @property
    def trace(self) -> deque[Traced]:
        """SIP messages, oldest first."""
        return self.news.trace

    def watch(
        self, happened: Callable[[float, Happened], None], traced: Callable[[Traced], None]
    ) -> None:
        """Call these for everything that happens, and for each SIP message."""
        self.news.watch(happened, traced)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for something that is so after a happening or a message."""
        await self.news.until(ready)

    async def happened(self, name: str, count: int = 1, within: float = 5.0) -> dict[str, object]:
        """Wait until this has happened `count` times; its fields. Raises CarrierError."""
        return await self.news.happened(name, count, within)

    @property
    def idle(self) -> bool:
        """Nobody is in a call, and all that was asked is answered."""
        switch = self.switch
        return not (switch.conversations or switch.board.endpoint.unanswered())

    @property
    def faults(self) -> Faults:
        """What goes wrong now on the way to the exchange."""
        return self._line.faults

    def go_wrong(self, faults: Faults, seconds: float | None = None) -> None:
        """This goes wrong from now on; `seconds`: and nothing after that time."""
        if self._well is not None:
            self._well.cancel()
            self._well = None
        if seconds is not None:
            self._well = self._loop.call_later(seconds, self.go_wrong, Faults())
        self._line.faults = faults
        told = ", ".join(f"{name} {value}" for name, value in shown(faults).items())
        self.tell("faults", faults=told or "none")

    def tell(self, name: str, **fields: object) -> None:
        """Something happened."""
        self.switch.tell(name, **fields)
        self._do(self.switch.take(self.now(), ()))

    def _end(self, number: str) -> PhoneEnd:
        for end in self.switch.ends.values():
            if isinstance(end, PhoneEnd) and end.number == number:
                return end
        raise CarrierError(f"{number} is in no call")

    # --- `conversation.SipPlace` ----------------------------------------------------------------

    def contact(self, flow: Flow) -> Uri:
        """Our Contact for a peer at the end of this flow."""
        return self._stack.contact(flow)

    def hosts(self) -> Sequence[str]:
        """`host:port` by which peers may name us."""
        places = [self.address, self.tls_address or self.address]
        own = self._addresses.advertised("127.0.0.1")
        return [f"{host}:{port}" for ip, port in places for host in (ip, own)]

    # --- from the sockets (`SipReceiver`) -------------------------------------------------------

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """A message came in."""
        self.news.traced(Traced(self.now(), flow.remote, self._own(flow), message, sent=False))
        seen = self._line.incoming(message)
        if not isinstance(seen, Kept):
            self._stack.message_received(seen, flow)
            return
        if seen.route:
            self.tell("off_route", method=message.cseq.method, route=seen.route)
        else:
            self.tell("unavailable", method=message.cseq.method)
        if seen.response is not None:
            self._put(parse(seen.response.encode()), flow)

    def bad_message(self, error: SipError, flow: Flow) -> None:
        """Something unreadable came in."""
        self._stack.bad_message(error, flow)

    def flow_failed(self, flow: Flow) -> None:
        """A connection broke or could not be opened."""
        self._stack.flow_failed(flow)

    # --- the pump -------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """`ports.Due`: of the switch; the stack sees to those below."""
        return self.switch.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """`ports.Due`."""
        self._do(self.switch.handle_deadline(now))

    def _board(self, effects: list[BoardEffect]) -> None:
        self._do(self.switch.take(self.now(), effects))

    def _do(self, effects: Iterable[SwitchEffect]) -> None:
        """Perform these and what comes of them, in order."""
        if self._pump.do(effects):
            self._stack.arm()
            self._alarm.arm()

    def _one(self, effect: SwitchEffect) -> None:
        match effect:
            case SendBytes():
                self._send(effect)
            case Resolve():
                self._stack.resolve(effect)
            case FindPlaces():
                self._find(effect)
            case OpenSound():
                self._open(effect)
            case ApplySound():
                self._voices.apply(effect.call_id, effect.plan)
            case CloseSound():
                self._voices.close(effect.call_id)
            case JoinSound():
                self._voices.join(effect.first, effect.second)
            case PartSound():
                self._voices.part(effect.id)
            case SaySound():
                self._voices.say(effect.id, effect.tone)
            case EndVoice():
                self.recordings.end(effect.end)
                self._voices.forget(effect.end.id)
                self.people.call_over(effect.end.number)
            case PressKeys():
                self._voices.press(effect.id, effect.digits)
            case Happened():
                self.news.tell(self.now(), effect)
            case _:
                _log.error("internal_error", call_id=effect.leg.call_id, exc_info=effect.error)

    def _send(self, effect: SendBytes) -> None:
        """A message of the switch, through what is between it and the exchange."""
        flow = effect.flow
        first = parse(effect.data)
        seen, copies = self._line.outgoing(first, reliable=flow.reliable)
        message = first if seen is first else parse(seen.encode())
        self._departures.send(flow, copies, partial(self._put, message, flow))

    def _put(self, message: Request | Response, flow: Flow) -> None:
        self._stack.send(SendBytes(message.wire, flow))
        self.news.traced(Traced(self.now(), self._own(flow), flow.remote, message, sent=True))

    def _find(self, effect: FindPlaces) -> None:
        def found(targets: list[Target]) -> None:
            places = [Place(target, self._stack.contact_at(target)) for target in targets]
            self._do(self.switch.located(self.now(), effect.call_id, places))

        self._stack.locate(effect.uri, found)

    def _open(self, effect: OpenSound) -> None:
        now = self.now()
        try:
            local = self._voices.open(effect.call_id, self._addresses.advertised(effect.remote_ip))
        except CarrierError:
            self._do(self.switch.sound_refused(now, effect.call_id))
            return
        self._do(self.switch.sound_opened(now, effect.call_id, local, lambda: None))

    def _key(self, end: str, digit: str) -> None:
        self._do(self.switch.key(self.now(), end, digit))
