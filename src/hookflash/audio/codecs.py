"""One leg's audio codec, for everything that is not batched: PCMU, PCMA, G.722, Opus.

PyAV is imported when the first leg needs G.722 or Opus. All sound is mono int16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from . import g711
from .resample import Resampler

if TYPE_CHECKING:
    import av
    from av.audio.codeccontext import AudioCodecContext

Pcm = NDArray[np.int16]


class AudioCodec(Protocol):
    """Encoder and decoder of one leg. `rate`: Hz of the samples on our side of it."""

    rate: int

    def decode(self, payload: bytes) -> Pcm:
        """Samples of one RTP payload; an unreadable payload gives none."""
        ...

    def encode(self, samples: Pcm) -> bytes:
        """One payload of 20 ms, or of what the codec was made for."""
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
    """Opus (RFC 7587) towards phones: mono, 16 kHz on our side, 48 kHz on the wire."""

    __slots__ = ("_decoder", "_down", "_encoder", "_time", "rate")

    def __init__(self, ptime: int = 20) -> None:
        """`ptime`: ms of sound in a packet of ours; 10, 20, 40 or 60 (RFC 6716 §2.1.4)."""
        self.rate = 16000
        self._encoder = _context("libopus", "w", 16000, ptime)
        self._decoder = _context("libopus", "r", 48000)
        self._down = Resampler(48000, 16000)
        self._time = 0

    def decode(self, payload: bytes) -> Pcm:
        """320 samples for 20 ms."""
        return self._down.process(_decode(self._decoder, payload))

    def encode(self, samples: Pcm) -> bytes:
        """`ptime` ms as one Opus packet."""
        self._time += len(samples)
        return _encode(self._encoder, samples, 16000, self._time)


def make_codec(name: str, ptime: int = 20) -> AudioCodec:
    """The codec of that SDP name; ValueError for one that we do not have.

    `ptime`: ms that `encode` takes at a time, of a codec whose packets cannot be cut (Opus).
    """
    match name:
        case "PCMU" | "PCMA":
            return G711(name)
        case "G722":
            return G722()
        case "opus":
            return Opus(ptime)
    raise ValueError(f"no such codec: {name}")


def _context(name: str, mode: str, rate: int, ptime: int = 20) -> AudioCodecContext:
    import av

    context = cast(
        "AudioCodecContext",
        av.CodecContext.create(name, mode),  # type: ignore[call-overload]
    )
    context.sample_rate = rate
    context.layout = "mono"
    if mode == "w":
        context.format = av.AudioFormat("s16")
        if name == "libopus":
            context.bit_rate = 24000
            context.options = {
                "application": "voip",
                "frame_duration": str(ptime),
                "compression_level": "5",
                "packet_loss": "5",
            }
    return context


def _encode(context: AudioCodecContext, samples: Pcm, rate: int, time: int) -> bytes:
    import av

    frame: av.AudioFrame = av.AudioFrame.from_ndarray(
        samples.reshape(1, -1), format="s16", layout="mono"
    )
    frame.sample_rate = rate
    frame.pts = time
    return b"".join(bytes(packet) for packet in context.encode(frame))


def _decode(context: AudioCodecContext, payload: bytes) -> Pcm:
    import av

    try:
        frames = context.decode(av.Packet(payload))
    except av.FFmpegError:
        return np.zeros(0, np.int16)
    parts = [np.asarray(frame.to_ndarray(), np.int16).reshape(-1) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
