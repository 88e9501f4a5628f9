"""The sound of one leg: own sounds (tones, prompts), concealment, and its codec for rooms in
which not everybody speaks G.711."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...audio import g711
from ...audio.codecs import AudioCodec, Opus, make_codec
from ...audio.opus import COMPLEXITY
from ...audio.resample import Resampler, resample_whole, stretch
from ...rtp.jitter import JitterBuffer
from ...sdp.plan import Codec

Pcm = NDArray[np.int16]

WIDE_RATE: Final = 16000
WIDE_FRAME: Final = 320
_FADE: Final = 3
"""Frames in which a lost sound fades to silence."""


class Concealer:
    """Fills lost frames: the last good one again, fading out over 60 ms."""

    __slots__ = ("_good", "count")

    def __init__(self) -> None:
        self.count = 0
        """Frames lost in a row; the owner sets 0 when a good one comes."""
        self._good: Pcm | None = None

    @property
    def silent(self) -> bool:
        """The sound has faded away."""
        return self.count >= _FADE

    def fill(self, previous: Pcm) -> Pcm:
        """A frame for one that is missing; `previous`: what was played before it."""
        if self.count >= _FADE:
            return np.zeros_like(previous)
        if self.count == 0 or self._good is None:
            self._good = previous.copy()
        start = 1 - self.count / _FADE
        self.count += 1
        gain = np.linspace(start, start - 1 / _FADE, len(previous), dtype=np.float32)
        return (self._good * gain).astype(np.int16)


class Prompt:
    """A recording on its way to one leg."""

    __slots__ = ("_at", "_lines", "_rate", "_samples", "on_done")

    def __init__(self, samples: Pcm, rate: int, on_done: Callable[[], None] | None) -> None:
        self._samples = samples
        self._rate = rate
        self._at = 0.0
        self._lines: dict[int, Pcm] = {rate: samples}
        self.on_done = on_done

    @property
    def over(self) -> bool:
        """True when all has been played."""
        return self._at * self._rate >= len(self._samples)

    def frame(self, rate: int) -> Pcm:
        """The next 20 ms at `rate` Hz, silence after the end."""
        line = self._lines.get(rate)
        if line is None:
            line = self._lines[rate] = resample_whole(self._samples, self._rate, rate)
        start = round(self._at * rate)
        size = rate // 50
        self._at += 0.02
        part = line[start : start + size]
        return part if len(part) == size else np.pad(part, (0, size - len(part)))


def make_jitter(codec: Codec) -> JitterBuffer:
    """The jitter buffer for what the peer speaks. G.711 stays octets until it is decoded with all
    others; a codec with memory is decoded in the order of play, to 16 kHz."""
    if codec.name in {"PCMU", "PCMA"}:
        return JitterBuffer(codec.clock, silence=bytes([g711.SILENCE[codec.name]]))
    decoder = make_codec(codec.name)
    return JitterBuffer(
        codec.clock,
        octets_per_ms=WIDE_RATE // 1000 * 2,
        unit=2,
        silence=bytes(2),
        decode=lambda payload: decoder.decode(payload).tobytes(),
        repair=decoder if isinstance(decoder, Opus) else None,
    )


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


class WideVoice:
    """One leg in a room that is mixed at 16 kHz."""

    __slots__ = (
        "_conceal",
        "_down",
        "_encoder",
        "_fec",
        "_incoming",
        "_last",
        "_line",
        "_outgoing",
        "_packet",
        "_ptime",
        "_up",
    )

    def __init__(
        self,
        incoming: Codec,
        outgoing: Codec,
        ptime: int = 20,
        complexity: int = COMPLEXITY,
    ) -> None:
        """`ptime`: ms of sound in each packet that goes out; `complexity`: of Opus, 0 to 10."""
        self._incoming = incoming.name
        self._outgoing = outgoing.name
        self._ptime = ptime
        self._fec = _can_recover(outgoing)
        self._encoder: AudioCodec = make_codec(outgoing.name, complexity, fec=self._fec)
        self._packet = self._encoder.rate * (ptime if outgoing.name == "opus" else 20) // 1000
        """Samples that the encoder takes at a time; those of G.711 and G.722 can be cut later."""
        self._line: Pcm = np.zeros(0, np.int16)
        self._up = Resampler(8000, WIDE_RATE)
        self._down = Resampler(WIDE_RATE, self._encoder.rate)
        self._conceal = Concealer()
        self._last: Pcm = np.zeros(WIDE_FRAME, np.int16)

    def fits(self, incoming: Codec, outgoing: Codec, ptime: int) -> bool:
        """True while the leg speaks the codecs that this was made for."""
        made_for = (self._incoming, self._outgoing, self._fec, self._ptime)
        return made_for == (incoming.name, outgoing.name, _can_recover(outgoing), ptime)

    def decode(self, line: bytes | None) -> Pcm:
        """320 samples of what `JitterBuffer.pull` gave."""
        if line is None:
            frame = self._conceal.fill(self._last)
        else:
            self._conceal.count = 0
            if self._incoming in g711.SILENCE:
                samples = g711.decode(self._incoming, line)
                frame = self._up.process(stretch(samples, 160))
            else:
                frame = stretch(np.frombuffer(line, np.int16), WIDE_FRAME)
        self._last = frame
        return frame

    def encode(self, frame: Pcm) -> list[bytes]:
        """The payloads that are whole with these 320 samples; none while one is gathered."""
        samples, size = self._down.process(frame), self._packet
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
