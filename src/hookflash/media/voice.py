"""The codecs of sources and sinks: from packets to samples, and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..audio import g711
from ..audio.codecs import AudioCodec, Opus, make_codec
from ..audio.opus import COMPLEXITY
from ..audio.resample import Resampler, stretch
from ..rtp.jitter import JitterBuffer
from ..sdp.plan import Codec
from .concealer import Concealer

Pcm = NDArray[np.int16]

NARROW_RATE: Final = 8000
NARROW_FRAME: Final = 160
WIDE_RATE: Final = 16000
WIDE_FRAME: Final = 320

_PRIMING: Final = 8
"""Packets of Opus after which a decoder has the memory of one that heard them all; that takes it
0.1 ms."""


class G722Line:
    """Decodes what one source says in G.722, in the order of play, to the rate of its room."""

    __slots__ = ("_codec", "_down")

    def __init__(self, rate: int) -> None:
        """`rate`: Hz at which the room is mixed."""
        self._codec = make_codec("G722")
        self.change_rate(rate)

    def change_rate(self, rate: int) -> None:
        """The room is mixed at `rate` from now on."""
        self._down = Resampler(self._codec.rate, rate)

    def decode(self, payload: bytes) -> bytes:
        """The samples (int16) of one payload; none where it cannot be read."""
        samples = self._codec.decode(payload)
        return self._down.process(samples).tobytes() if samples.size else b""


class OpusLine:
    """The same in Opus, whose decoder makes any rate by itself, from any bandwidth, and conceals
    what is lost."""

    __slots__ = ("_codec", "_last")

    def __init__(self, rate: int) -> None:
        """`rate`: Hz at which the room is mixed."""
        self._codec = Opus(rate=rate)
        self._last: deque[bytes] = deque(maxlen=_PRIMING)
        """The last payloads that could be read."""

    def change_rate(self, rate: int) -> None:
        """The room is mixed at `rate` from now on: by another decoder, which first hears the last
        packets once more, so that it goes on from there and conceals what may be lost next."""
        self._codec = Opus(rate=rate)
        for payload in self._last:
            self._codec.decode(payload)

    def decode(self, payload: bytes) -> bytes:
        """As `G722Line.decode`."""
        samples = self._codec.decode(payload)
        if samples.size:
            self._last.append(payload)
        return samples.tobytes()

    def conceal(self, samples: int) -> Pcm:
        """As `Opus.conceal`."""
        return self._codec.conceal(samples)

    def recover(self, payload: bytes, samples: int) -> Pcm:
        """As `Opus.recover`."""
        return self._codec.recover(payload, samples)


LineDecoder = G722Line | OpusLine


def make_decoder(codec: Codec, rate: int) -> LineDecoder | None:
    """For what the peer speaks, in a room that is mixed at `rate`; None for G.711, whose octets are
    decoded with those of all others."""
    if codec.name in g711.SILENCE:
        return None
    return OpusLine(rate) if codec.name == "opus" else G722Line(rate)


def make_jitter(codec: Codec, decoder: LineDecoder | None, rate: int) -> JitterBuffer:
    """The jitter buffer for what the peer speaks: octets of G.711, else samples at `rate`."""
    if decoder is None:
        law: g711.Law = "PCMA" if codec.name == "PCMA" else "PCMU"
        return JitterBuffer(codec.clock, silence=bytes([g711.SILENCE[law]]))
    return JitterBuffer(
        codec.clock,
        octets_per_ms=rate // 1000 * 2,
        unit=2,
        silence=bytes(2),
        decode=decoder.decode,
        repair=decoder if isinstance(decoder, OpusLine) else None,
    )


def make_concealer(codec: Codec, rate: int) -> Concealer:
    """For the frames of `make_jitter`: 160 samples at 8 kHz of G.711, else 20 ms at `rate`."""
    if codec.name in g711.SILENCE:
        return Concealer(_g711_frame(codec.name), NARROW_FRAME)
    return Concealer(pcm_frame(rate), rate // 50)


def _g711_frame(law: g711.Law) -> Callable[[bytes], Pcm]:
    return lambda line: stretch(g711.decode(law, line), NARROW_FRAME)


def pcm_frame(rate: int) -> Callable[[bytes], Pcm]:
    """Makes 20 ms at `rate` of so many int16 samples, or some more or fewer."""
    samples = rate // 50
    return lambda line: stretch(np.frombuffer(line, np.int16), samples)


def at_rate(line: Pcm, source: int, target: int) -> Pcm:
    """The little that waits to be played or sent when a room changes its rate: at the other, by
    straight lines."""
    length = len(line) * target // source
    return stretch(line, length) if length > 1 else line[:length]


def silence_payload(name: str, ptime: int = 20) -> bytes:
    """20 ms of silence in that codec; `ptime` ms in Opus, whose packets cannot be cut."""
    if name in g711.SILENCE:
        return bytes([g711.SILENCE[name]]) * 160
    if name == "G722":
        return b"\xfc" * 160  # the octet of which a decoder makes zeros, whatever its state
    codec = make_codec(name)
    payload = b""
    for _ in range(3):  # the encoders need a moment to come to rest
        payload = codec.encode(np.zeros(codec.rate * ptime // 1000, np.int16)) or payload
    return payload


def _can_recover(codec: Codec) -> bool:
    """The peer's decoder makes use of in-band FEC (RFC 7587 §6.1)."""
    return "useinbandfec=1" in codec.fmtp.replace(" ", "").split(";")


class FrameEncoder:
    """What one sink is sent of a room, encoded by itself: G.722 and Opus, and G.711 of a room that
    is mixed at 16 kHz."""

    __slots__ = (
        "_complexity",
        "_encoder",
        "_line",
        "_made_for",
        "_packet",
        "_resampler",
        "rate",
    )

    def __init__(
        self, codec: Codec, ptime: int = 20, complexity: int = COMPLEXITY, rate: int = WIDE_RATE
    ) -> None:
        """`ptime`: ms of sound in each packet that goes out; `complexity`: of Opus, 0 to 10;
        `rate`: Hz at which the room is mixed."""
        self._made_for = (codec.name, _can_recover(codec), ptime)
        self._complexity = complexity
        self._line: Pcm = np.zeros(0, np.int16)
        """Samples that wait for the rest of their packet, at the encoder's rate."""
        self._encoder = self._make(rate)
        self._begin(rate)

    def _make(self, rate: int) -> AudioCodec:
        name, fec, _ = self._made_for
        return make_codec(name, self._complexity, fec=fec, rate=rate)

    def _begin(self, rate: int) -> None:
        name, _, ptime = self._made_for
        self.rate = rate
        self._packet = self._encoder.rate * (ptime if name == "opus" else 20) // 1000
        """Samples that the encoder takes at a time; those of G.711 and G.722 can be cut later."""
        self._resampler = Resampler(rate, self._encoder.rate)

    def fits(self, codec: Codec, ptime: int) -> bool:
        """True while the sink is sent what this was made for."""
        return self._made_for == (codec.name, _can_recover(codec), ptime)

    def change_rate(self, rate: int) -> None:
        """The room is mixed at `rate` from now on. What is gathered is sent with what comes. The
        other encoder of Opus begins with a packet that needs nothing of those before it, as it
        would not if it were shown what was said."""
        if self._made_for[0] == "opus":
            self._line = at_rate(self._line, self.rate, rate)
            self._encoder = self._make(rate)
        self._begin(rate)

    def encode(self, frame: Pcm) -> list[bytes]:
        """The payloads that are whole with these 20 ms; none while one is gathered."""
        samples, size = self._resampler.process(frame), self._packet
        if len(samples) == size:
            return [self._encoder.encode(samples)]
        line = np.concatenate([self._line, samples])
        whole = len(line) // size * size
        self._line = line[whole:]
        return [self._encoder.encode(line[at : at + size]) for at in range(0, whole, size)]

    def drop(self) -> int:
        """Forget what is gathered; how many frames of 20 ms that was."""
        frames = len(self._line) * 50 // self._encoder.rate
        self._line = self._line[:0]
        return frames
