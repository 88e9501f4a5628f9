"""A source: one RTP stream that comes in, as its room hears it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.resample import Resampler
from ..audio.tones import TonePlayer
from ..sdp.plan import Codec
from .concealer import Concealer
from .receiver import Receiver
from .voice import (
    NARROW_FRAME,
    NARROW_RATE,
    WIDE_FRAME,
    WIDE_RATE,
    LineDecoder,
    at_rate,
    make_concealer,
    make_decoder,
    make_jitter,
    pcm_frame,
)

Pcm = NDArray[np.int16]


class Source:
    """A phone has one; another participant has one for each of its tracks. It lives as long as
    its stream, whatever room it is in: so what it was saying when a packet is lost is known here.
    """

    __slots__ = (
        "_buffered",
        "_concealed",
        "_decoder",
        "_rate",
        "_up",
        "concealer",
        "muted",
        "no_keys",
        "ptime",
        "receiver",
        "receives",
        "spoken",
        "track_sid",
    )

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.track_sid = ""
        """The track as which the room knows it; "" while it has none, as a phone has that is being
        asked for its PIN. Who chooses whom to hear does not hear it then."""
        self.receives = False
        """The peer agreed to send sound; False on hold."""
        self.muted = False
        self.no_keys = False
        """The room may not get its keys: its packets are not relayed, for they carry them."""
        self.ptime = 20
        """Milliseconds of sound in its packets, as agreed."""
        self.spoken: TonePlayer | None = None
        """What the room hears instead."""
        self.concealer: Concealer | None = None
        """What fills its lost frames, while it has a jitter buffer."""
        self._concealed = 0
        """Frames, by jitter buffers that it has no more."""
        self._buffered: Codec | None = None
        """What the jitter buffer was made for."""
        self._decoder: LineDecoder | None = None
        """Of the jitter buffer, where its codec has a memory."""
        self._rate = NARROW_RATE
        """Hz at which the room is mixed."""
        self._up: Resampler | None = None

    @property
    def codec(self) -> Codec | None:
        """What the peer speaks at the moment."""
        return self.receiver.codec

    @property
    def audible(self) -> bool:
        """True when the room may hear it."""
        return self.receives and not self.muted

    @property
    def concealed(self) -> int:
        """Frames so far that its room was mixed and that had not come."""
        jitter = self.receiver.jitter
        return self._concealed + (jitter.concealed if jitter is not None else 0)

    def buffer(self, *, wanted: bool, rate: int = NARROW_RATE) -> None:
        """Have a jitter buffer where somebody is mixed this sound, at `rate` Hz; one that fits the
        codec goes on."""
        receiver, codec = self.receiver, self.codec
        if not wanted or codec is None:
            self._concealed = self.concealed
            receiver.jitter = self.concealer = self._decoder = None
        elif receiver.jitter is None or codec != self._buffered:
            self._concealed = self.concealed
            self._decoder = make_decoder(codec, rate)
            receiver.jitter = make_jitter(codec, self._decoder, rate)
            self.concealer = make_concealer(codec, rate)
            self._buffered, self._rate = codec, rate
            self._up = None
        elif rate != self._rate:
            self._change_rate(rate)

    def _change_rate(self, rate: int) -> None:
        """The room is mixed at another rate from now on; what was being said goes on. Octets of
        G.711 are the same in both."""
        before, self._rate = self._rate, rate
        self._up = None
        jitter, concealer, decoder = self.receiver.jitter, self.concealer, self._decoder
        if jitter is None or concealer is None or decoder is None:
            return
        decoder.change_rate(rate)
        concealer.change_rate(pcm_frame(rate), rate // 50)

        def convert(line: bytes) -> bytes:
            return at_rate(np.frombuffer(line, np.int16), before, rate).tobytes()

        jitter.change_rate(rate // 1000 * 2, convert)

    def wide_frame(self, now: float) -> Pcm:
        """The next 20 ms for a room that is mixed at 16 kHz: 320 samples."""
        if self.spoken is not None:
            return self.spoken.frame(WIDE_RATE)
        jitter, concealer = self.receiver.jitter, self.concealer
        if jitter is None or concealer is None:
            return np.zeros(WIDE_FRAME, np.int16)
        line = jitter.pull(now)
        if line is None:
            frame = concealer.fill()
        else:
            concealer.line = line
            frame = concealer.decode(line)
        if len(frame) != NARROW_FRAME:
            return frame
        if self._up is None:
            self._up = Resampler(8000, WIDE_RATE)
        return self._up.process(frame)
