"""The sound of one call in the codec that was agreed on: octets of G.711, packets of Opus. Pure.

What is said is gathered in a `Form`: G.711 as it goes out, for Opus in samples. Encoder and decoder
of Opus are made when the first packet of it goes out or comes in, whichever is first.
"""

from __future__ import annotations

import numpy as np

from ..audio import g711
from ..audio.codecs import Opus
from ..audio.tone_bank import Pcm
from ..sdp.plan import Codec
from .speech import OCTETS, RATE, Form, written


class Coding:
    """Of one call, both ways. All samples are int16, 8 kHz."""

    __slots__ = ("_opus", "_packet", "form")

    def __init__(self) -> None:
        self.form: Form = "PCMU"
        """Of what is said."""
        self._packet = 0
        """Octets of samples in a packet of Opus that goes out; 0: any number will do."""
        self._opus: Opus | None = None

    def use(self, codec: Codec, ptime: int) -> bool:
        """Send this from now on, `ptime` ms in each packet. Whether what is gathered by now has
        another form."""
        before = self.form
        self.form = _form(codec)
        self._packet = RATE * ptime // 1000 * OCTETS["linear"] if self.form == "linear" else 0
        return self.form != before

    def decode(self, codec: Codec, payload: bytes) -> Pcm:
        """What came in; nothing where it cannot be read."""
        form = _form(codec)
        return self._both().decode(payload) if form == "linear" else g711.decode(form, payload)

    def written(self, samples: Pcm) -> bytes:
        """Samples in the form of what is said."""
        return written(self.form, samples)

    def length(self, said: bytes) -> int:
        """How many samples these are."""
        return len(said) // OCTETS[self.form]

    def cut(self, said: bytes) -> tuple[list[bytes], bytes]:
        """All that make whole packets, and the rest: Opus has packets of certain lengths only (RFC
        6716 §2.1.4), G.711 of any."""
        size = self._packet or len(said) or 1
        whole = len(said) // size * size
        return [said[at : at + size] for at in range(0, whole, size)], said[whole:]

    def encode(self, said: bytes) -> bytes:
        """The payload of a packet."""
        if self.form != "linear":
            return said
        return self._both().encode(np.frombuffer(said, np.int16))

    def _both(self) -> Opus:
        if self._opus is None:
            # Each packet has the one before as well, so that lost ones can be recovered.
            self._opus = Opus(fec=True, rate=RATE)
        return self._opus


def _form(codec: Codec) -> Form:
    if codec.name == "opus":
        return "linear"
    return "PCMA" if codec.name == "PCMA" else "PCMU"
