"""The media of one leg: its port, its two RTP streams, and what it plays and hears."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...audio.codecs import make_codec
from ...audio.dtmf_tones import DigitDetector, digit_tone
from ...audio.tones import LONE, ToneBook, ToneName, TonePlayer, cadence
from ...base.hosts import ip_literal
from ...base.ids import Ids
from ...calls.records import MediaStats
from ...rtp.dtmf import EventSender
from ...rtp.latch import Latch, Symmetric
from ...sdp.plan import Codec, LocalMedia, MediaPlan
from .events import Digit, FirstPacket, LatchedAddress, MediaEvent
from .receiver import Receiver
from .reports import Reporter
from .sender import Sender
from .voice import Prompt, WideVoice

if TYPE_CHECKING:
    from ...adapters.srtp import SrtpSession
    from .bridge import Bridge

Pcm = NDArray[np.int16]


class Output(Enum):
    """Where the sound that a leg hears comes from."""

    NONE = "none"
    """On hold, or nothing agreed yet: no RTP goes out."""
    RELAY = "relay"
    """The other phone's packets, as they come."""
    CLOCK = "clock"
    """The mixer, a tone, a prompt or silence, every 20 ms."""


class SocketPair(Protocol):
    """`adapters.udp.UdpPair`, or a test's stand-in."""

    @property
    def port(self) -> int: ...
    @property
    def receive(self) -> Callable[[bytearray], tuple[int, Any]]: ...
    @property
    def send(self) -> Callable[..., int]: ...

    def watch(self, on_rtp: Callable[[], None], on_rtcp: Callable[[], None]) -> None: ...
    def receive_rtcp(self) -> tuple[bytes, Any]: ...
    def send_rtcp(self, data: bytes, address: Any) -> None: ...
    def close(self) -> None: ...


class MediaHost(Protocol):
    """The engine, as a stream sees it."""

    tones: ToneBook

    def now(self) -> float: ...
    def reroute(self, stream: MediaStream) -> None: ...
    def settle_later(self, stream: MediaStream) -> None: ...
    def event_started(self, stream: MediaStream) -> None: ...
    def stream_closed(self, stream: MediaStream) -> None: ...


class MediaStream:
    """One leg's media. Made by `MediaEngine.open`; `apply` a plan, then it speaks."""

    __slots__ = (
        "_hears",
        "_hub",
        "_muted",
        "_on_event",
        "_pair",
        "_prompts",
        "_silence_to_peer",
        "_srtp",
        "_tone",
        "bridge",
        "closed",
        "events",
        "jitter_codec",
        "leg_id",
        "local",
        "lone",
        "output",
        "plan",
        "receiver",
        "reporter",
        "sender",
        "spoken",
        "voice",
    )

    def __init__(
        self,
        hub: MediaHost,
        leg_id: str,
        pair: SocketPair,
        address: str,
        on_event: Callable[[MediaEvent], None],
        *,
        ids: Ids,
        buffers: tuple[bytearray, bytearray],
        symmetric: Symmetric,
    ) -> None:
        self._hub = hub
        self._pair = pair
        self._on_event = on_event
        self.leg_id = leg_id
        self.local = LocalMedia(address, pair.port, pair.port + 1)
        self.plan: MediaPlan | None = None
        self.bridge: Bridge | None = None
        self.closed = False
        self.output = Output.NONE
        self.sender = Sender(pair.send, buffers[1], ids)
        self.receiver = Receiver(self, pair.receive, buffers[0], hub.now, Latch(symmetric))
        self.reporter = Reporter(self.sender, self.receiver, leg_id)
        self.events: EventSender | None = None
        self.lone: TonePlayer | None = None
        """The soft beep of a phone alone; the bridge sets it."""
        self.voice: WideVoice | None = None
        self.jitter_codec: Codec | None = None
        """What the receiver's jitter buffer was made for."""
        self.spoken: TonePlayer | None = None
        """What the room hears of this leg instead of the leg itself."""
        self._tone: TonePlayer | None = None
        self._prompts: list[Prompt] = []
        self._muted = False
        self._hears: frozenset[str] | None = None
        self._silence_to_peer = False
        self._srtp: SrtpSession | None = None
        pair.watch(self.receiver.readable, self._rtcp_readable)

    # --- the agreement ----------------------------------------------------------------------------

    def apply(self, plan: MediaPlan) -> None:
        """Send and receive by `plan` from now on."""
        if self.closed:
            return
        now = self._hub.now()
        before, self.plan = self.plan, plan
        if self.receiver.latch.describe(now, plan.remote):
            self.receiver.unlatch()
        self.receiver.configure(plan)
        self.receiver.listen = None if plan.dtmf_receive else self._detector()
        if before is None or (before.codec, before.ptime) != (plan.codec, plan.ptime):
            octets = 160 if plan.codec.name != "opus" else 0
            self.sender.configure(plan.codec.payload_type, plan.codec.clock, octets, plan.ptime)
        self.sender.event_type, self.sender.event_clock = plan.dtmf_send, plan.dtmf_clock
        self._secure(plan)
        self.settle(now)
        self._hub.reroute(self)

    def _secure(self, plan: MediaPlan) -> None:
        if plan.crypto_send is None or plan.crypto_receive is None:
            self._srtp = self.sender.protect = self.receiver.unprotect = None
            return
        if self._srtp is not None:
            self._srtp.rekey(plan.crypto_send, plan.crypto_receive)
            return
        from ...adapters.srtp import SrtpSession

        self._srtp = SrtpSession(plan.crypto_send, plan.crypto_receive)
        self.sender.protect = self._srtp.protect
        self.receiver.unprotect = self._srtp.unprotect

    def resume(self, now: float) -> None:
        """The clock takes over what goes out; nothing that was gathered before is still said."""
        self.sender.resume(now)
        if self.voice is not None:
            self.voice.drop()

    def settle(self, now: float) -> bool:
        """Decide where RTP goes (calls.md §3, *sending*); False: ask again later."""
        latch = self.receiver.latch
        address = latch.target(now)
        if address is not None and not _is_address(address[0]):
            address = None  # never let the socket resolve a name
        self.sender.remote = address
        return latch.source is None or address == latch.source

    def _detector(self) -> Callable[[bytes], list[tuple[str, int]]]:
        codec = make_codec(self.receiver.codec.name if self.receiver.codec else "PCMU")
        detector = DigitDetector(codec.rate)
        return lambda payload: detector.feed(codec.decode(payload))

    # --- what the leg plays and hears -----------------------------------------------------------

    @property
    def codec(self) -> Codec | None:
        """What the peer speaks at the moment."""
        return self.receiver.codec

    @property
    def last_packet_at(self) -> float | None:
        """When usable RTP last came, None before the first."""
        return self.receiver.last_at or None

    @property
    def audible(self) -> bool:
        """True when the room may hear this leg."""
        return self.plan is not None and self.plan.receive_audio and not self._muted

    @property
    def own_sound(self) -> Prompt | TonePlayer | None:
        """What the leg hears instead of the room, if anything."""
        return self._prompts[0] if self._prompts else self._tone or self.lone

    @property
    def muted(self) -> bool:
        """The room does not hear this leg."""
        return self._muted

    @muted.setter
    def muted(self, value: bool) -> None:
        if value != self._muted:
            self._muted = value
            self._hub.reroute(self)

    @property
    def hears(self) -> frozenset[str] | None:
        """The leg ids that this leg hears; None: everybody."""
        return self._hears

    @hears.setter
    def hears(self, value: frozenset[str] | None) -> None:
        if value != self._hears:
            self._hears = value
            self._hub.reroute(self)

    @property
    def silence_to_peer(self) -> bool:
        """The peer hears silence instead of the room (tones and prompts excepted)."""
        return self._silence_to_peer

    @silence_to_peer.setter
    def silence_to_peer(self, value: bool) -> None:
        if value != self._silence_to_peer:
            self._silence_to_peer = value
            self._hub.reroute(self)

    def play(self, tone: ToneName, country: str = "ETSI") -> None:
        """The peer hears this tone instead of the room, from its beginning."""
        self._tone = TonePlayer(self._hub.tones, cadence(tone, country))
        self._hub.reroute(self)

    def stop_tone(self) -> None:
        """The peer hears the room again."""
        if self._tone is not None:
            self._tone = None
            self._hub.reroute(self)

    def say(self, tone: ToneName, country: str = "ETSI") -> None:
        """The room hears this tone from here, also while nothing is agreed with the peer yet."""
        self.spoken = TonePlayer(self._hub.tones, cadence(tone, country))
        self._hub.reroute(self)

    def hush(self) -> None:
        """The room hears the leg itself again."""
        if self.spoken is not None:
            self.spoken = None
            self._hub.reroute(self)

    def set_lone(self, alone: bool) -> None:
        """Start or end the soft beep of a phone alone; for the bridge."""
        if not alone:
            self.lone = None
        elif self.lone is None:
            self.lone = TonePlayer(self._hub.tones, LONE)

    def play_pcm(
        self, samples: Pcm, on_done: Callable[[], None] | None = None, *, rate: int = 8000
    ) -> None:
        """Play a recording (mono int16) instead of the room, after those that already wait."""
        self._prompts.append(Prompt(samples, rate, on_done))
        self._hub.reroute(self)

    def stop_pcm(self) -> None:
        """Drop all recordings; their `on_done` is not called."""
        if self._prompts:
            self._prompts.clear()
            self._hub.reroute(self)

    def finish_prompt(self) -> None:
        """For the mixer, after a frame: the recording may be over."""
        if self._prompts and self._prompts[0].over:
            prompt = self._prompts.pop(0)
            self._hub.reroute(self)
            if prompt.on_done is not None:
                prompt.on_done()

    def send_dtmf(self, digits: str, on_ms: int = 250, off_ms: int = 250) -> None:
        """Send digits (`w`: 500 ms pause) as telephone-events, or as sound to a peer without."""
        if self.closed:
            return
        events = self.events
        if events is None:
            clock = self.plan.dtmf_clock if self.plan is not None else 8000
            events = self.events = EventSender(clock)
        events.add(digits, on_ms, off_ms)
        if self.plan is not None and self.plan.dtmf_send is None:
            self._sound_digits(events)
        self._hub.reroute(self)

    def _sound_digits(self, events: EventSender) -> None:
        while (order := events.next_digit()) is not None:
            digit, on_ms, off_ms = order
            parts = [digit_tone(digit, on_ms, 8000)] if digit else []
            parts.append(np.zeros(off_ms * 8, np.int16))
            self._prompts.append(Prompt(np.concatenate(parts), 8000, None))

    def now(self) -> float:
        """The engine's time."""
        return self._hub.now()

    # --- from the receiver ----------------------------------------------------------------------

    def packet_first(self) -> None:
        """The first packet of all."""
        self._on_event(FirstPacket())

    def source_latched(self, now: float) -> None:
        """Media comes from one source now."""
        source = self.receiver.latch.source
        if not self.settle(now):
            self._hub.settle_later(self)
        if source is not None and self.plan is not None and source != self.plan.remote:
            self._on_event(LatchedAddress(source))

    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None:
        """A digit is over."""
        self._on_event(Digit(digit, duration_ms, relayed, inband))

    def event_started(self) -> None:
        """A telephone-event goes on: its end may get lost."""
        self._hub.event_started(self)

    def codec_changed(self) -> None:
        """The peer speaks another of the agreed codecs."""
        if self.receiver.listen is not None:
            self.receiver.listen = self._detector()
        self._hub.reroute(self)

    # --- RTCP -----------------------------------------------------------------------------------

    def rtcp_received(self, data: bytes, now: float) -> None:
        """A compound packet, muxed with RTP or from its own port."""
        if self._srtp is not None:
            plain = self._srtp.unprotect_rtcp(data)
            if plain is None:
                return
            data = plain
        self.reporter.received(data, now)

    def _rtcp_readable(self) -> None:
        try:
            data, _source = self._pair.receive_rtcp()
        except OSError:
            return
        self.rtcp_received(data, self._hub.now())

    def send_report(self, now: float) -> None:
        """SR or RR, every 5 s, on hold too (RFC 3550 §6.4)."""
        plan, remote = self.plan, self.sender.remote
        if plan is None or remote is None:
            return
        data = self.reporter.report(now)
        if self._srtp is not None:
            data = self._srtp.protect_rtcp(data)
        if plan.rtcp_mux:
            self.reporter.send(self._pair.send, data, remote)
        elif remote == plan.remote:
            if _is_address(plan.remote_rtcp[0]):
                self._pair.send_rtcp(data, plan.remote_rtcp)
        else:
            self._pair.send_rtcp(data, (remote[0], remote[1] + 1))

    # --- the end ----------------------------------------------------------------------------------

    def stats(self) -> MediaStats:
        """Counters as of now."""
        codec = self.plan.codec.name if self.plan is not None else ""
        return MediaStats(
            packets_sent=self.sender.packets,
            packets_received=self.receiver.received,
            packets_lost=self.receiver.lost,
            jitter_ms=round(self.receiver.jitter_ms, 3),
            codec=codec,
        )

    def close(self) -> MediaStats:
        """Free the ports; safe to call twice."""
        if not self.closed:
            self.closed = True
            if self.bridge is not None:
                self.bridge.remove(self)
            self.output = Output.NONE
            self.receiver.route(None, None)
            self._prompts.clear()
            self._hub.stream_closed(self)
            self._pair.close()
            # Neither shall refer to us any more, nor we to the call: so all of it goes at once,
            # and not when the garbage collector comes by.
            self.receiver.release()
            self._on_event = _unheard
        return self.stats()


def _unheard(event: MediaEvent) -> None:
    """What a closed stream still says."""


def _is_address(ip: str) -> bool:
    return ip_literal(ip) is not None
