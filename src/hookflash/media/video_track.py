"""A video track that a WebRTC client publishes: its layers in, its packets to who takes it.

Nothing is decoded. Who takes it gets one layer at a time (`video_subscription.py`); for that the
publisher is asked for keyframes, and for packets that did not come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from ..rtp.feedback import encode_fir, encode_nack, encode_pli
from ..rtp.packet import HEADER, HEADER_SIZE, MARKER
from ..webrtc.formats import RtpCodec
from ..webrtc.sections import IncomingSection
from .downlink import LayerChoice
from .keyframes import begins_keyframe, picture_numbers
from .video_layer import VideoLayer
from .video_subscription import HIGH, VideoPacket, VideoSubscription

KEYFRAME_INTERVAL: Final = 0.5
"""Seconds between two requests for a keyframe of one track (webrtc.md §4)."""
LOWER_AFTER: Final = 5.0
"""Seconds after which a publisher is told that less of it is wanted; that more is wanted, at
once."""
_RANKS: Final[Mapping[str, int]] = {"q": 0, "h": 1, "f": 2}
"""Of LiveKit's names of encodings."""
_OSN: Final = 2
"""Octets before the payload of a retransmission: the original sequence number (RFC 4588 §4)."""


class VideoTrackOwner(Protocol):
    """Who takes packets off the wire for it (`VideoStreams`)."""

    def began(self, track: VideoTrack, mime_type: str) -> None:
        """Its first packet came."""
        ...

    def wanted(self, track: VideoTrack, enabled: Mapping[int, bool]) -> None:
        """Which of its layers are of use, by VideoQuality."""
        ...

    def ask(self, feedback: bytes) -> None:
        """RTCP for the publisher."""
        ...


class VideoTrack:
    """`describe` first, and again with each description of the publisher."""

    def __init__(self, cid: str, owner: VideoTrackOwner, sender_ssrc: int) -> None:
        """`sender_ssrc`: ours, in what we ask."""
        self.cid = cid
        self.sid = ""
        """Of the room; "" before it is published."""
        self._owner = owner
        self._sender = sender_ssrc
        self.layers: list[VideoLayer] = []
        """The smallest pictures first."""
        self.codecs: tuple[RtpCodec, ...] = ()
        self._names: dict[int, str] = {}
        self.rtx_types: dict[int, int] = {}
        """Payload types of retransmissions to those of what they repeat."""
        self._nack = self._pli = self._fir = False
        self.sizes: Mapping[int, tuple[int, int]] = {}
        """Width and height of the layers, by rank, as the publisher said them."""
        self.muted = False
        self.subscriptions: list[VideoSubscription] = []
        self._begun = False
        self._needed: set[VideoLayer] = set()
        """Of which a keyframe is wanted."""
        self._asked_at = float("-inf")
        self._requests = 0
        self._told: int | None = None
        """The highest rank that the publisher knows to be wanted, -1 for none."""
        self._less_since: float | None = None

    # --- descriptions ---------------------------------------------------------------------------

    def describe(self, section: IncomingSection) -> None:
        """What the publisher says of it."""
        self.codecs = section.codecs
        self._names = {codec.payload_type: codec.name for codec in section.codecs}
        self.rtx_types = {c.rtx: c.payload_type for c in section.codecs if c.rtx is not None}
        feedback = {kind for codec in section.codecs for kind in codec.feedback}
        self._nack, self._pli = "nack" in feedback, "nack pli" in feedback
        self._fir = "ccm fir" in feedback
        if section.rids:
            if [layer.rid for layer in self.layers] != _in_order(section.rids):
                self.layers = [
                    VideoLayer(rid, _rank(rid, section.rids)) for rid in _in_order(section.rids)
                ]
            return
        repairs = set(section.rtx_ssrcs.values())
        ssrcs = [ssrc for ssrc in section.ssrcs if ssrc not in repairs][: HIGH + 1]
        for rank, ssrc in enumerate(ssrcs or [0]):
            if rank == len(self.layers):
                self.layers.append(VideoLayer("", rank, ssrc))
            elif ssrc and ssrc != self.layers[rank].ssrc:
                self.layers[rank].restart(ssrc)
        del self.layers[max(1, len(ssrcs)) :]

    def layer(self, rid: str) -> VideoLayer | None:
        """Of that name; without one, the only one."""
        if not rid:
            return self.layers[0] if len(self.layers) == 1 else None
        return next((layer for layer in self.layers if layer.rid == rid), None)

    # --- packets --------------------------------------------------------------------------------

    def packet(self, layer: VideoLayer, plain: bytearray, now: float) -> None:
        """One packet of that layer, without header extensions, perhaps a retransmission."""
        head, sequence, timestamp, _ = HEADER.unpack_from(plain)
        kind = head & 0x7F
        start = HEADER_SIZE
        if kind in self.rtx_types:
            if len(plain) < HEADER_SIZE + _OSN:
                return  # padding by which the publisher measures the way
            kind = self.rtx_types[kind]
            sequence = int.from_bytes(plain[HEADER_SIZE : HEADER_SIZE + _OSN], "big")
            start += _OSN
        name = self._names.get(kind)
        if name is None:
            return
        came = layer.is_alive(now)
        extended = layer.arrived(sequence, timestamp, now)
        if extended is None:
            return
        layer.rate.add(len(plain), now)
        if not came:
            self.look(now)  # so that its first keyframe is of use
        if layer.opened:
            self._ask_again(layer, layer.opened)
        payload = bytes(plain[start:])
        key = begins_keyframe(name, payload)
        if key:
            layer.gaps.clear()
            self._needed.discard(layer)
        if not self._begun and payload:
            self._begun = True
            self._owner.began(self, f"video/{name}")
        if self.muted or not self.subscriptions:
            return
        packet = VideoPacket(
            layer,
            extended,
            timestamp,
            kind,
            bool(head & MARKER),
            payload,
            key,
            extended != layer.highest,
            picture_numbers(name, payload),
        )
        for subscription in self.subscriptions:
            subscription.forward(packet, now)

    def _ask_again(self, layer: VideoLayer, missing: Sequence[int]) -> None:
        if self._nack:
            numbers = (number & 0xFFFF for number in missing)
            self._owner.ask(encode_nack(self._sender, layer.ssrc, numbers))

    # --- who takes it ---------------------------------------------------------------------------

    def subscribe(self, subscription: VideoSubscription, now: float) -> None:
        """It gets the track from its next keyframe on."""
        if subscription not in self.subscriptions:
            self.subscriptions.append(subscription)
            self.look(now)

    def unsubscribe(self, subscription: VideoSubscription) -> None:
        """It gets nothing more."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            subscription.layer = subscription.target = None

    def mute(self, *, muted: bool, now: float) -> None:
        """By whomever. What comes while it is muted goes to nobody."""
        if self.muted != muted:
            self.muted = muted
            for subscription in self.subscriptions:
                subscription.stop()
            self.look(now)

    def want_keyframe(self, layer: VideoLayer, now: float) -> None:
        """Somebody cannot go on without."""
        self._needed.add(layer)
        self._request(now)

    # --- time -----------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Every 50 ms, and when something has changed: who gets which layer, and what is to be
        asked for."""
        alive = [layer for layer in self.layers if layer.is_alive(now)]
        coming = self._coming(alive)
        most = -1
        for subscription in self.subscriptions:
            wanted = subscription.wanted(self.sizes)
            most = max(most, wanted)
            subscription.aim(coming, min(wanted, subscription.cap))
            needed = subscription.needs_keyframe
            if needed is not None and not self.muted:
                self._needed.add(needed)
        self._request(now)
        for layer in alive:
            missing = layer.gaps.due(now)
            if missing:
                self._ask_again(layer, missing)
        if self._begun:
            self._tell(most, now)

    def _coming(self, alive: list[VideoLayer]) -> list[VideoLayer]:
        """Among which can be chosen. A screen at rest sends nothing, and shows itself to a newcomer
        only when it is asked."""
        return alive or [layer for layer in self.layers if layer.received]

    def choice(self, subscription: VideoSubscription, now: float) -> LayerChoice | None:
        """The layers that could go out to it, up to what it wants, and what they take; None where
        nothing of the track goes out."""
        wanted = subscription.wanted(self.sizes)
        coming = self._coming([layer for layer in self.layers if layer.is_alive(now)])
        if self.muted or wanted < 0 or not coming:
            return None
        fitting = [layer for layer in coming if layer.rank <= wanted] or coming[:1]
        ranks = tuple(layer.rank for layer in fitting)
        rates = tuple(float(layer.rate.bits(now)) for layer in fitting)
        sent = subscription.layer.rate.bits(now) if subscription.layer is not None else 0
        return LayerChoice(subscription, ranks, rates, sent)

    def _request(self, now: float) -> None:
        """Ask for the keyframes that are needed, unless that was just done."""
        if not self._needed or now - self._asked_at < KEYFRAME_INTERVAL:
            return
        needed, self._needed = self._needed, set()
        asked = [layer.ssrc for layer in needed if layer.ssrc and layer in self.layers]
        if not asked or not (self._pli or self._fir):
            return
        self._asked_at = now
        self._requests += 1
        for ssrc in asked:
            if self._pli:
                self._owner.ask(encode_pli(self._sender, ssrc))
            else:
                self._owner.ask(encode_fir(self._sender, ssrc, self._requests))

    def _tell(self, most: int, now: float) -> None:
        """Let the publisher know which layers are of use."""
        if len(self.layers) == 1:
            most = HIGH if most >= 0 else -1  # SDKs differ in what they call the only one
        else:
            most = min(most, max(layer.rank for layer in self.layers))
        told = self._told
        if most == told:
            self._less_since = None
            return
        if told is not None and most < told:
            if self._less_since is None:
                self._less_since = now
            if now - self._less_since < LOWER_AFTER:
                return
        elif told is None and most < 0:
            return  # nobody takes it yet
        self._less_since = None
        self._told = most
        self._owner.wanted(self, {quality: quality <= most for quality in range(HIGH + 1)})


def _rank(rid: str, rids: Sequence[str]) -> int:
    if all(name in _RANKS for name in rids):
        return _RANKS[rid]
    return rids.index(rid)


def _in_order(rids: Iterable[str]) -> list[str]:
    listed = list(dict.fromkeys(rids))
    return sorted(listed, key=lambda rid: _rank(rid, listed))
