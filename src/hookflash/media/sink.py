"""A sink: one RTP stream that goes out, and whom it is to hear."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from ..audio.tones import ToneBook
from ..sdp.plan import Codec
from .player import Player
from .sender import Sender
from .source import Source
from .voice import FrameEncoder


class Route(Enum):
    """How a sink comes by what it hears (`routes.py`)."""

    NONE = "none"
    """On hold, or nothing agreed yet: no RTP goes out."""
    FORWARD = "forward"
    """One source's packets, as they come."""
    MIX = "mix"
    """All sources that it hears, every 20 ms; silence where there are none."""
    OWN_SOUND = "own sound"
    """A tone or a recording that it alone hears, every 20 ms."""


class Sink:
    """A phone has one, beside its source."""

    __slots__ = (
        "codec",
        "encoder",
        "forwarded",
        "hears",
        "hears_nobody",
        "measured",
        "own",
        "player",
        "ptime",
        "route",
        "sender",
        "sends",
    )

    def __init__(self, sender: Sender, tones: ToneBook, own: Source | None = None) -> None:
        """`own`: the source that it never hears, for it comes from the same phone."""
        self.sender = sender
        self.own = own
        self.player = Player(tones)
        self.codec: Codec | None = None
        """What it is sent, with the payload type of the peer's SDP; None before an agreement."""
        self.ptime = 20
        """Milliseconds of sound in each packet."""
        self.sends = False
        """False on hold: no RTP goes out."""
        self.hears: frozenset[str] | None = None
        """The SIDs of the tracks that it hears; None: everybody's."""
        self.hears_nobody = False
        """It hears silence instead of the room (tones and recordings excepted)."""
        self.route = Route.NONE
        self.forwarded: Source | None = None
        """Whose packets it is sent as they come."""
        self.encoder: FrameEncoder | None = None
        """Where it is not encoded with all others."""
        self.measured: Callable[[int], None] | None = None
        """Told how loud (-dBov) is what it is sent, every 20 ms, where it chose whom to hear."""

    def configure(self, codec: Codec, ptime: int, *, sends: bool) -> None:
        """Be sent this from now on."""
        self.sends = sends
        if (self.codec, self.ptime) != (codec, ptime):
            self.codec, self.ptime = codec, ptime
            octets = 160 if codec.name != "opus" else 0
            self.sender.configure(codec.payload_type, codec.clock, octets, ptime)

    @property
    def clocked(self) -> bool:
        """True when the clock makes what it hears."""
        return self.route is Route.MIX or self.route is Route.OWN_SOUND

    def encoder_for(self, codec: Codec, rate: int, complexity: int) -> FrameEncoder:
        """The encoder of what it is sent of a room that is mixed at `rate`; one that fits goes on.
        `complexity`: of Opus, 0 to 10."""
        encoder = self.encoder
        if encoder is None or not encoder.fits(codec, self.ptime):
            encoder = self.encoder = FrameEncoder(codec, self.ptime, complexity, rate)
        elif encoder.rate != rate:
            encoder.change_rate(rate)
        return encoder

    def resume(self, now: float) -> None:
        """The clock takes over what goes out; nothing that was gathered before is still said."""
        self.sender.resume(now)
        if self.encoder is not None:
            self.encoder.drop()

    def send_event(self, now: float) -> bool:
        """A digit that waits takes this tick: True when a telephone-event went out in it."""
        if self.sender.event_type is None:
            return False
        step = self.player.event()
        if step is None:
            return False
        if step.first and self.encoder is not None:
            self.sender.pass_time(self.encoder.drop())
        self.sender.send_event(step, now)
        return True
