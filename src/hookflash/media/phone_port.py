"""The media of one phone: its pair of UDP ports, from whom it takes packets and to whom it sends,
encryption, RTCP; and its source and its sink, which do the rest (`media/`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..audio.codecs import make_codec
from ..audio.dtmf_tones import DigitDetector
from ..audio.tones import ToneBook, ToneName, TonePlayer, cadence
from ..base.hosts import ip_literal
from ..base.ids import Ids
from ..rtp.latch import Latch, Symmetric
from ..rtp.packet import Buffer, is_rtcp
from ..rtp.stats import MediaStats
from ..sdp.plan import CryptoKey, LocalMedia, MediaPlan
from .events import Digit, FirstPacket, LatchedAddress, MediaEvent
from .receiver import Receiver
from .reports import Reporter
from .sender import Sender
from .sink import Route, Sink
from .source import Source

Pcm = NDArray[np.int16]

BUFFER_SIZE = 2048
_WAITING = 50


class SocketPair(Protocol):
    """`adapters.udp.UdpPair`, or a test's stand-in."""

    @property
    def port(self) -> int: ...
    @property
    def receive(self) -> Callable[[bytearray], tuple[int, Any]]: ...
    @property
    def send(self) -> Callable[..., int]: ...

    def watch(self, on_rtp: Callable[[], object], on_rtcp: Callable[[], object]) -> None: ...
    def poll(
        self,
        polled: Any,
        reader: Callable[[float, float], object],
        flooded: Callable[[], object],
    ) -> bool: ...
    def unpoll(self) -> None: ...
    def receive_stamped(
        self, buffer: bytearray, now: float, shift: float
    ) -> tuple[int, Any, float]: ...
    def receive_rtcp(self) -> tuple[bytes, Any]: ...
    def send_rtcp(self, data: bytes, address: Any) -> None: ...
    def close(self) -> None: ...


class Srtp(Protocol):
    """`adapters.srtp.SrtpSession`, whose library is only imported for a phone that encrypts."""

    def rekey(self, send: CryptoKey, receive: CryptoKey) -> None: ...
    def protect(self, packet: Buffer) -> bytes | None: ...
    def unprotect(self, packet: bytes) -> bytes | None: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes | None: ...


class MediaHost(Protocol):
    """The engine, as a port sees it."""

    tones: ToneBook

    def now(self) -> float: ...
    def reroute(self, port: PhonePort) -> None: ...
    def track_named(self, port: PhonePort) -> None: ...
    def settle_later(self, port: PhonePort) -> None: ...
    def event_started(self, port: PhonePort) -> None: ...
    def port_closed(self, port: PhonePort) -> None: ...
    def secure(self, send: CryptoKey, receive: CryptoKey) -> Srtp: ...


class PhonePort:
    """One phone's media. Made by `MediaEngine.open`; `apply` a plan, then it speaks."""

    __slots__ = (
        "_buffer",
        "_host",
        "_latch",
        "_mux",
        "_now",
        "_on_event",
        "_only_rtp",
        "_pair",
        "_polled",
        "_receive",
        "_srtp",
        "_view",
        "closed",
        "leg_id",
        "local",
        "plan",
        "receiver",
        "reporter",
        "sender",
        "sink",
        "source",
    )

    def __init__(
        self,
        host: MediaHost,
        leg_id: str,
        pair: SocketPair,
        address: str,
        on_event: Callable[[MediaEvent], None],
        *,
        ids: Ids,
        buffers: tuple[bytearray, bytearray],
        symmetric: Symmetric,
    ) -> None:
        """`buffers`: scratch space for what comes in and what goes out, shared by all ports."""
        self._host = host
        self._pair = pair
        self._on_event = on_event
        self._now = host.now
        self._receive = pair.receive
        self._buffer = buffers[0]
        self._view = memoryview(buffers[0])
        self._latch = Latch(symmetric)
        self._polled = False
        """What comes is read at the ticks."""
        self._mux = False
        self._only_rtp = True
        """What comes to the RTP port is neither encrypted nor RTCP."""
        self._srtp: Srtp | None = None
        self.leg_id = leg_id
        self.local = LocalMedia(address, pair.port, pair.port + 1)
        self.plan: MediaPlan | None = None
        self.closed = False
        self.sender = Sender(pair.send, buffers[1], ids)
        self.receiver = Receiver(self)
        self.reporter = Reporter(self.sender, self.receiver, leg_id)
        self.source = Source(self.receiver)
        self.sink = Sink(self.sender, host.tones, own=self.source)
        pair.watch(self.read, self._read_rtcp)

    # --- the agreement ----------------------------------------------------------------------------

    def apply(self, plan: MediaPlan) -> None:
        """Send and receive by `plan` from now on."""
        if self.closed:
            return
        now = self._now()
        self.plan = plan
        held = not (plan.send and plan.receive_audio)
        if self._latch.describe(now, plan.remote, signalling=plan.signalling, held=held):
            self.receiver.known_source = None
        self._mux = plan.rtcp_mux
        self.receiver.configure(
            plan.receive or {plan.codec.payload_type: plan.codec},
            plan.codec.name,
            events=plan.dtmf_receive,
            event_clock=plan.dtmf_clock,
            noise=plan.comfort_noise,
        )
        self.receiver.listen = None if plan.dtmf_receive else self._detector()
        self.source.receives, self.source.ptime = plan.receive_audio, plan.ptime
        self.sink.configure(plan.codec, plan.ptime, sends=plan.send)
        self.sender.event_type, self.sender.event_clock = plan.dtmf_send, plan.dtmf_clock
        self._secure(plan)
        self._only_rtp = self._srtp is None and not self._mux
        self.settle(now)
        self._host.reroute(self)

    def _secure(self, plan: MediaPlan) -> None:
        if plan.crypto_send is None or plan.crypto_receive is None:
            self._srtp = self.sender.protect = None
        elif self._srtp is not None:
            self._srtp.rekey(plan.crypto_send, plan.crypto_receive)
        else:
            self._srtp = self._host.secure(plan.crypto_send, plan.crypto_receive)
            self.sender.protect = self._srtp.protect

    def settle(self, now: float) -> bool:
        """Decide where RTP goes (calls.md §3, *sending*); False: ask again later."""
        latch = self._latch
        address = latch.target(now)
        if address is not None and not _is_address(address[0]):
            address = None  # never let the socket resolve a name
        self.sender.remote = address
        return latch.source is None or address == latch.source

    def _detector(self) -> Callable[[bytes], list[tuple[str, int]]]:
        codec = make_codec(self.receiver.codec.name if self.receiver.codec else "PCMU")
        detector = DigitDetector(codec.rate)
        return lambda payload: detector.feed(codec.decode(payload))

    # --- packets --------------------------------------------------------------------------------

    def read(self) -> bool:
        """Take one datagram of the RTP port; False where there is none."""
        try:
            size, source = self._receive(self._buffer)
        except OSError:
            return False
        if not self._only_rtp:
            size = self._opened(size)
        if size >= 0:
            self.receiver.packet(self._view, size, source, self._now())
        return True

    def poll(self, polled: object) -> None:
        """Let what comes wait for the ticks where it is only mixed, so that nobody needs it before.
        `polled`: an `adapters.udp.PolledSockets`."""
        wanted = self.receiver.only_buffers and not self.closed
        if wanted and not self._polled:
            self._polled = self._pair.poll(polled, self.read_waiting, self._unpoll)
        elif self._polled and not wanted:
            self._unpoll()

    def _unpoll(self) -> None:
        """Everything is read when it comes; where somebody floods the port, until the room
        changes."""
        self._polled = False
        self._pair.unpoll()

    def read_waiting(self, now: float, shift: float) -> None:
        """As `read`, at the tick of `now`, with the time at which the packet came. `shift`: seconds
        from the machine's clock to that of `now`."""
        try:
            size, source, at = self._pair.receive_stamped(self._buffer, now, shift)
        except OSError:
            return
        if not self._only_rtp:
            size = self._opened(size)
        if size >= 0:
            self.receiver.packet(self._view, size, source, at)

    def _opened(self, size: int) -> int:
        """How long the RTP packet in the buffer is once decrypted; -1 where it is none."""
        data = self._view[:size]
        if self._mux and self._buffer[1] >= 192 and is_rtcp(data):  # most packets are not asked
            self._rtcp_received(bytes(data))
            return -1
        if self._srtp is None:
            return size
        plain = self._srtp.unprotect(bytes(data))
        if plain is None:
            self.receiver.unreadable += 1
            return -1
        self._buffer[: len(plain)] = plain
        return len(plain)

    def drain(self) -> None:
        """Take what waits, at most a second of it; at a tick that is done anyway."""
        if self._polled:
            return
        for _ in range(_WAITING):
            if not self.read():
                return

    # --- what the receiver asks and tells -------------------------------------------------------

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        """calls.md §3, *receiving*."""
        latch, receiver = self._latch, self.receiver
        proven, before = self._srtp is not None, receiver.known_source
        if not latch.packet_received(now, source[:2], ssrc, receiver.last_at, proven=proven):
            return False
        if latch.source is None:
            receiver.known_source = None
        elif before is None or before[:2] != latch.source:
            receiver.known_source = source
            self._latched(latch.source, now)
        return True

    def _latched(self, source: tuple[str, int], now: float) -> None:
        if not self.settle(now):
            self._host.settle_later(self)
        if self.plan is not None and source != self.plan.remote:
            self._on_event(LatchedAddress(source))

    def packet_refused(self) -> None:
        """The receiver counts them."""

    def packet_first(self) -> None:
        """The first packet of all."""
        self._on_event(FirstPacket())

    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None:
        """A digit is over."""
        self._on_event(Digit(digit, duration_ms, relayed, inband))

    def event_started(self) -> None:
        """A telephone-event goes on: its end may get lost."""
        self._host.event_started(self)

    def codec_changed(self) -> None:
        """The peer speaks another of the agreed codecs."""
        if self.receiver.listen is not None:
            self.receiver.listen = self._detector()
        self._host.reroute(self)

    # --- what the room hears --------------------------------------------------------------------

    @property
    def last_packet_at(self) -> float | None:
        """When usable RTP last came, None before the first."""
        return self.receiver.last_at or None

    @property
    def track_sid(self) -> str:
        """The track as which the room knows what the phone says; "" while it has none."""
        return self.source.track_sid

    @track_sid.setter
    def track_sid(self, value: str) -> None:
        if value != self.source.track_sid:
            self.source.track_sid = value
            self._host.track_named(self)

    @property
    def muted(self) -> bool:
        """The room does not hear this phone."""
        return self.source.muted

    @muted.setter
    def muted(self, value: bool) -> None:
        if value != self.source.muted:
            self.source.muted = value
            self._host.reroute(self)

    @property
    def no_keys(self) -> bool:
        """The room does not get the keys that are pressed on this phone."""
        return self.source.no_keys

    @no_keys.setter
    def no_keys(self, value: bool) -> None:
        if value != self.source.no_keys:
            self.source.no_keys = value
            self._host.reroute(self)

    def say(self, tone: ToneName, country: str = "ETSI") -> None:
        """The room hears this tone from here, also while nothing is agreed with the peer yet."""
        self.source.spoken = TonePlayer(self._host.tones, cadence(tone, country))
        self._host.reroute(self)

    def hush(self) -> None:
        """The room hears the phone itself again."""
        if self.source.spoken is not None:
            self.source.spoken = None
            self._host.reroute(self)

    # --- what the phone hears -------------------------------------------------------------------

    @property
    def hears(self) -> frozenset[str] | None:
        """The SIDs of the tracks that this phone hears; None: everybody's."""
        return self.sink.hears

    @hears.setter
    def hears(self, value: frozenset[str] | None) -> None:
        if value != self.sink.hears:
            self.sink.hears = value
            self._host.reroute(self)

    @property
    def silence_to_peer(self) -> bool:
        """The peer hears silence instead of the room (tones and prompts excepted)."""
        return self.sink.hears_nobody

    @silence_to_peer.setter
    def silence_to_peer(self, value: bool) -> None:
        if value != self.sink.hears_nobody:
            self.sink.hears_nobody = value
            self._host.reroute(self)

    def play(self, tone: ToneName, country: str = "ETSI") -> None:
        """The peer hears this tone instead of the room, from its beginning."""
        self.sink.player.play(tone, country)
        self._host.reroute(self)

    def stop_tone(self) -> None:
        """The peer hears the room again."""
        if self.sink.player.stop_tone():
            self._host.reroute(self)

    def play_pcm(
        self, samples: Pcm, on_done: Callable[[], None] | None = None, *, rate: int = 8000
    ) -> None:
        """Play a recording (mono int16) instead of the room, after those that already wait."""
        self.sink.player.play_pcm(samples, rate, on_done)
        self._host.reroute(self)

    def stop_pcm(self) -> None:
        """Drop all recordings; their `on_done` is not called."""
        if self.sink.player.stop_pcm():
            self._host.reroute(self)

    def send_dtmf(self, digits: str, on_ms: int = 250, off_ms: int = 250) -> None:
        """Send digits (`w`: 500 ms pause) as telephone-events, or as sound to a peer without."""
        if self.closed:
            return
        plan = self.plan
        clock = plan.dtmf_clock if plan is not None else 8000
        as_sound = plan is not None and plan.dtmf_send is None
        self.sink.player.press(digits, on_ms, off_ms, clock, as_sound=as_sound)
        self._host.reroute(self)

    # --- RTCP -----------------------------------------------------------------------------------

    def _read_rtcp(self) -> None:
        with contextlib.suppress(OSError):
            self._rtcp_received(self._pair.receive_rtcp()[0])

    def _rtcp_received(self, data: bytes) -> None:
        """A compound packet, muxed with RTP or from its own port."""
        plain = data if self._srtp is None else self._srtp.unprotect_rtcp(data)
        if plain is not None:
            self.reporter.received(plain, self._now())

    def send_report(self, now: float) -> None:
        """SR or RR, every 5 s, on hold too (RFC 3550 §6.4)."""
        plan, remote = self.plan, self.sender.remote
        if plan is None or remote is None:
            return
        data = self.reporter.report(now)
        if self._srtp is not None:
            data = self._srtp.protect_rtcp(data)
        if plan.rtcp_mux:
            with contextlib.suppress(OSError):
                self._pair.send(data, remote)
        elif remote != plan.remote:
            self._pair.send_rtcp(data, (remote[0], remote[1] + 1))
        elif _is_address(plan.remote_rtcp[0]):
            self._pair.send_rtcp(data, plan.remote_rtcp)

    # --- the end ----------------------------------------------------------------------------------

    def stats(self) -> MediaStats:
        """Counters as of now."""
        return MediaStats(
            packets_sent=self.sender.packets,
            packets_received=self.receiver.received,
            packets_lost=self.receiver.lost,
            jitter_ms=round(self.receiver.jitter_ms, 3),
            codec=self.plan.codec.name if self.plan is not None else "",
        )

    def close(self) -> MediaStats:
        """Free the ports; safe to call twice."""
        if not self.closed:
            self.closed = True
            self._host.port_closed(self)
            self.sink.route, self.sink.forwarded = Route.NONE, None
            self.sink.player.stop_pcm()
            self.receiver.forward_to([])
            self.source.buffer(wanted=False)
            self._pair.close()
            # Neither shall refer to us any more, nor we to the call: so all of it goes at once,
            # and not when the garbage collector comes by.
            self.receiver.release()
            self._on_event = _unheard
        return self.stats()


def _unheard(event: MediaEvent) -> None:
    """What a closed port still says."""


def _is_address(ip: str) -> bool:
    return ip_literal(ip) is not None
