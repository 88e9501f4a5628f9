"""What a session wants done: frozen data, in the order in which it is to be done."""

from __future__ import annotations

from livekit.protocol.rtc import SignalResponse

from ..base.light import light_dataclass
from ..rooms.room import Participant, Track


@light_dataclass(frozen=True, slots=True)
class SendSignal:
    """A message for the client's WebSocket, one binary frame."""

    message: SignalResponse


@light_dataclass(frozen=True, slots=True)
class CloseSocket:
    """No more messages: close the WebSocket normally (1000) behind what was sent."""


@light_dataclass(frozen=True, slots=True)
class TakeOffer:
    """The client's offer. `SignalSession.answered` or `offer_refused` follows, with this `id`."""

    sdp: str
    id: int


@light_dataclass(frozen=True, slots=True)
class TakeAnswer:
    """Two connections: the client's answer to our offer of that `id` (0: it names none)."""

    sdp: str
    id: int


@light_dataclass(frozen=True, slots=True)
class OfferSubscriber:
    """Two connections: offer on the one for subscriptions. `SignalSession.offered` follows.

    `restart`: with new ICE credentials, after the client came back.
    """

    restart: bool = False


@light_dataclass(frozen=True, slots=True)
class Subscribe:
    """Send that track to the client. Where no section is free, `SignalSession.sections_wanted`."""

    track: Track


@light_dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Send it no longer; its section is free."""

    track: Track


@light_dataclass(frozen=True, slots=True)
class AdjustTrack:
    """UpdateTrackSettings of a subscribed track: width and height in pixels, 0 for unknown."""

    track: Track
    disabled: bool
    quality: int
    """VideoQuality."""
    width: int
    height: int
    fps: int


@light_dataclass(frozen=True, slots=True)
class SendPacket:
    """A DataPacket (serialized) for this client's data channel."""

    packet: bytes
    reliable: bool


@light_dataclass(frozen=True, slots=True)
class FollowMove:
    """The participant is in another room as `newcomer`; its connection goes with it. The tracks
    that it took have been unsubscribed before, its own have new SIDs by the same cids."""

    newcomer: Participant


@light_dataclass(frozen=True, slots=True)
class EndPeer:
    """The session is over: close the peer connections and forget the session."""


SignalEffect = (
    SendSignal
    | CloseSocket
    | TakeOffer
    | TakeAnswer
    | OfferSubscriber
    | Subscribe
    | Unsubscribe
    | AdjustTrack
    | SendPacket
    | FollowMove
    | EndPeer
)
