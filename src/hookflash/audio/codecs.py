"""One leg's audio codec, for everything that is not batched: PCMU, PCMA, G.722, Opus.

PyAV is imported when the first leg needs G.722. All sound is mono int16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..base.errors import RtpError
from . import g711
from .opus import COMPLEXITY, OpusDecoder, OpusEncoder

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

Pcm = NDArray[np.int16]

_RATE: Final = 16000
_BITRATE: Final = 24000
_BITRATE_FEC: Final = 32000
"""What it takes for 16 kHz sound to be carried twice at each complexity."""
_EXPECTED_LOSS: Final = 25
"""Percent, told to the encoder for a peer that can recover what it misses. It is how libopus weighs
the copy against the sound itself: told 10, that of 1.6 makes the copy too poor, and 25 cost the
sound 0.2 dB."""


class AudioCodec(Protocol):
    """Encoder and decoder of one leg. `rate`: Hz of the samples on our side of it."""

    rate: int

    def decode(self, payload: bytes) -> Pcm:
        """Samples of one RTP payload; an unreadable payload gives none."""
        ...

    def encode(self, samples: Pcm) -> bytes:
        """One payload; Opus takes 10, 20, 40 or 60 ms, for its packets cannot be cut."""
        ...


class G711:
    """PCMU or PCMA: without state."""

    __slots__ = ("law", "rate")

    def __init__(self, law: g711.Law) -> None:
        self.law: g711.Law = law
        self.rate = 8000

    def decode(self, payload: bytes) -> Pcm:
        """One sample for each octet."""
        return g711.decode(self.law, payload)

    def encode(self, samples: Pcm) -> bytes:
        """One octet for each sample."""
        return g711.encode(self.law, samples).tobytes()


class G722:
    """G.722 at 64 kbit/s: 16 kHz sound, though its RTP clock says 8000 (RFC 3551 §4.5.2)."""

    __slots__ = ("_decoder", "_encoder", "_time", "rate")

    def __init__(self) -> None:
        self.rate = 16000
        self._encoder = _context("g722", "w", 16000)
        self._decoder = _context("g722", "r", 16000)
        self._time = 0

    def decode(self, payload: bytes) -> Pcm:
        """Two samples for each octet."""
        return _decode(self._decoder, payload)

    def encode(self, samples: Pcm) -> bytes:
        """One octet for two samples."""
        self._time += len(samples)
        return _encode(self._encoder, samples, 16000, self._time)


class Opus:
    """Opus (RFC 7587) towards phones: mono, at our rate, whatever the peer's."""

    __slots__ = ("_decoder", "_encoder", "rate")

    def __init__(
        self, complexity: int = COMPLEXITY, *, fec: bool = False, rate: int = _RATE
    ) -> None:
        """`complexity`: of the encoder, 0 to 10. `fec`: the peer can recover a lost packet from
        the next (`useinbandfec=1`, RFC 7587 §6.1). `rate`: Hz, on our side. Raises CodecError
        where there is no libopus."""
        self.rate = rate
        self._encoder = OpusEncoder(
            rate,
            bitrate=_BITRATE_FEC if fec else _BITRATE,
            complexity=complexity,
            expected_loss=_EXPECTED_LOSS if fec else 0,
        )
        self._decoder = OpusDecoder(rate)

    def decode(self, payload: bytes) -> Pcm:
        """320 samples for 20 ms at 16 kHz."""
        try:
            return self._decoder.decode(payload)
        except RtpError:
            return np.zeros(0, np.int16)

    def encode(self, samples: Pcm) -> bytes:
        """10, 20, 40 or 60 ms as one packet."""
        return self._encoder.encode(samples)

    def conceal(self, samples: int) -> Pcm:
        """What may have been in the next `samples`, at most 120 ms, which are lost."""
        return self._decoder.conceal(samples)

    def recover(self, payload: bytes, samples: int) -> Pcm:
        """The same for samples that come just before those of `payload`, from what that has."""
        try:
            return self._decoder.recover(payload, samples)
        except RtpError:
            return self._decoder.conceal(samples)


def make_codec(
    name: str, complexity: int = COMPLEXITY, *, fec: bool = False, rate: int = _RATE
) -> AudioCodec:
    """The codec of that SDP name; ValueError for one that we do not have. `complexity`, `fec` and
    `rate` are those of Opus: each of the others has one rate of its own."""
    match name:
        case "PCMU" | "PCMA":
            return G711(name)
        case "G722":
            return G722()
        case "opus":
            return Opus(complexity, fec=fec, rate=rate)
    raise ValueError(f"no such codec: {name}")


def _context(name: str, mode: str, rate: int) -> AudioCodecContext:
    import av

    context = cast(
        "AudioCodecContext",
        av.CodecContext.create(name, mode),  # type: ignore[call-overload]
    )
    context.sample_rate = rate
    context.layout = "mono"
    if mode == "w":
        context.format = av.AudioFormat("s16")
    return context


def _encode(context: AudioCodecContext, samples: Pcm, rate: int, time: int) -> bytes:
    import av

    frame = av.AudioFrame("s16", "mono", len(samples))
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate = rate
    frame.pts = time
    return b"".join(bytes(packet) for packet in context.encode(frame))


def _decode(context: AudioCodecContext, payload: bytes) -> Pcm:
    import av

    try:
        frames = context.decode(av.Packet(payload))
    except av.FFmpegError:
        return np.zeros(0, np.int16)
    parts = [
        np.frombuffer(memoryview(frame.planes[0]), np.int16)[: frame.samples] for frame in frames
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
