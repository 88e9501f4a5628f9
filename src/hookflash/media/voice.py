"""The codecs of sources and sinks: from packets to samples, and back."""

from __future__ import annotations

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

NARROW_FRAME: Final = 160
WIDE_RATE: Final = 16000
WIDE_FRAME: Final = 320


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


def make_concealer(codec: Codec) -> Concealer:
    """For the frames of `make_jitter`: 160 samples at 8 kHz of G.711, else 320 at 16 kHz."""
    if codec.name in g711.SILENCE:
        return Concealer(_g711_frame(codec.name), NARROW_FRAME)
    return Concealer(lambda line: stretch(np.frombuffer(line, np.int16), WIDE_FRAME), WIDE_FRAME)


def _g711_frame(law: g711.Law) -> Callable[[bytes], Pcm]:
    return lambda line: stretch(g711.decode(law, line), NARROW_FRAME)


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


class WideEncoder:
    """What one sink is sent of a room that is mixed at 16 kHz."""

    __slots__ = ("_codec", "_down", "_encoder", "_fec", "_line", "_packet", "_ptime")

    def __init__(self, codec: Codec, ptime: int = 20, complexity: int = COMPLEXITY) -> None:
        """`ptime`: ms of sound in each packet that goes out; `complexity`: of Opus, 0 to 10."""
        self._codec = codec.name
        self._ptime = ptime
        self._fec = _can_recover(codec)
        self._encoder: AudioCodec = make_codec(codec.name, complexity, fec=self._fec)
        self._packet = self._encoder.rate * (ptime if codec.name == "opus" else 20) // 1000
        """Samples that the encoder takes at a time; those of G.711 and G.722 can be cut later."""
        self._line: Pcm = np.zeros(0, np.int16)
        self._down = Resampler(WIDE_RATE, self._encoder.rate)

    def fits(self, codec: Codec, ptime: int) -> bool:
        """True while the sink is sent what this was made for."""
        made_for = (self._codec, self._fec, self._ptime)
        return made_for == (codec.name, _can_recover(codec), ptime)

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
