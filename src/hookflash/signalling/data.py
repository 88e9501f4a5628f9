"""Data packets: what a client may send, to whom it goes, and what the server itself sends.

The payload is opaque (chat, RPC, text and byte streams); who sent it is written into the packet
here, whatever the client wrote there. Agents alone may name somebody else, for text: what a caller
said is the caller's, though an agent has written it down.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, SipDTMF, UserPacket

from ..base.errors import ProtocolError
from ..base.light import light_dataclass
from ..base.text import clean
from ..rooms.events import DataReceived, DtmfReceived
from ..rooms.orders import Kind as ParticipantKind
from ..rooms.room import Participant

MAX_PACKET = 65_536
"""Bytes of one packet (a=max-message-size)."""
MAX_TOPIC = 256
"""Bytes of a user packet's topic."""

Kind = DataPacket.Kind


class PacketRefused(ProtocolError):  # noqa: N818  # reads as what happened
    """A packet that goes to nobody. `reason` is a word for the counters."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@light_dataclass(frozen=True, slots=True)
class Dtmf:
    """A client's `publish_dtmf`, for `RoomHost.send_dtmf`: phones and clients get it from there."""

    digit: str


@light_dataclass(frozen=True, slots=True)
class Relayed:
    """A packet as it goes on."""

    packet: bytes
    reliable: bool
    destinations: tuple[str, ...]
    """Identities; empty: everybody but the sender."""
    recipients: tuple[Participant, ...]
    """Those of the room who are to get it, telephones too."""
    rpc_request: str = ""
    """The id of an RpcRequest, which a telephone among the recipients has to answer."""
    dtmf: Dtmf | None = None
    """Set: nothing else is to be done with the packet, and `recipients` is empty."""


def relay(sender: Participant, data: bytes, reliable: bool) -> Relayed:
    """A DataPacket of `sender`'s client from the reliable or the lossy channel.

    Raises PacketRefused for what cannot be read, is too long, or that the sender may not send.
    """
    if len(data) > MAX_PACKET:
        raise PacketRefused("too_long", f"a data packet of {len(data)} bytes")
    packet = DataPacket()
    try:
        packet.ParseFromString(data)
    except DecodeError:
        raise PacketRefused("unreadable", "a data packet that cannot be read") from None
    kind = packet.WhichOneof("value") or ""
    _check(sender, packet, kind)
    destinations = _destinations(sender, packet, kind)
    _stamp(sender, packet, kind, reliable)
    if kind == "sip_dtmf":
        digit = Dtmf(packet.sip_dtmf.digit)
        return Relayed(b"", reliable, destinations, (), dtmf=digit)
    named = frozenset(destinations)  # thousands may be named
    recipients = tuple(
        other
        for other in sender.room.others(sender)
        if other.active
        and (not named or other.identity in named)
        and (kind != "metrics" or other.permission.can_subscribe_metrics)
    )
    request = packet.rpc_request.id if kind == "rpc_request" else ""
    return Relayed(packet.SerializeToString(), reliable, destinations, recipients, request)


def user_packet(event: DataReceived) -> bytes:
    """What somebody sent by the API (SendData)."""
    sender = event.participant
    identity, sid = (sender.identity, sender.sid) if sender is not None else ("", "")
    user = UserPacket(
        participant_sid=sid,
        participant_identity=identity,
        payload=event.payload,
        destination_identities=map(clean, event.destinations),
        topic=clean(event.topic),
    )
    return DataPacket(
        kind=Kind.RELIABLE if event.reliable else Kind.LOSSY,
        participant_identity=identity,
        participant_sid=sid,
        destination_identities=map(clean, event.destinations),
        user=user,
    ).SerializeToString()


def dtmf_packet(event: DtmfReceived) -> bytes:
    """A key that a telephone's user pressed, or that a client sent."""
    sender = event.participant
    return DataPacket(
        kind=Kind.RELIABLE,
        participant_identity=sender.identity if sender is not None else "",
        participant_sid=sender.sid if sender is not None else "",
        destination_identities=map(clean, event.destinations),
        sip_dtmf=SipDTMF(code=event.code, digit=event.digit),
    ).SerializeToString()


def _check(sender: Participant, packet: DataPacket, kind: str) -> None:
    permission = sender.permission
    if not sender.active or not permission.can_publish_data:
        raise PacketRefused("not_allowed", "the participant may not publish data")
    if kind == "transcription" and not _is_agent(sender):
        raise PacketRefused("not_allowed", "only agents send transcriptions")
    if kind in ("", "speaker"):
        raise PacketRefused("unknown_kind", f"a data packet of kind {kind or 'unknown'}")
    if kind == "user" and len(packet.user.topic.encode()) > MAX_TOPIC:
        raise PacketRefused("too_long", "a topic that is too long")


def _destinations(sender: Participant, packet: DataPacket, kind: str) -> tuple[str, ...]:
    """Identities; older clients name them in the user packet, also by SID."""
    identities = dict.fromkeys(packet.destination_identities)
    if kind == "user":
        identities.update(dict.fromkeys(packet.user.destination_identities))
        sids = set(packet.user.destination_sids)
        if sids:
            named = [p.identity for p in sender.room.participants.values() if p.sid in sids]
            # A SID of nobody reaches nobody: an empty list would reach all.
            identities.update(dict.fromkeys(named or [""]))
    return tuple(identities)


def _stamp(sender: Participant, packet: DataPacket, kind: str, reliable: bool) -> None:
    """Who sent it. Nobody learns of a hidden one."""
    hidden = sender.permission.hidden
    identity, sid = ("", "") if hidden else (sender.identity, sender.sid)
    packet.kind = Kind.RELIABLE if reliable else Kind.LOSSY
    if not _is_of_another(sender, packet, kind):
        packet.participant_identity = identity
    packet.participant_sid = sid
    if kind == "user":
        packet.user.participant_identity, packet.user.participant_sid = identity, sid


def _is_agent(participant: Participant) -> bool:
    return participant.permission.agent or participant.kind == ParticipantKind.AGENT


def _is_of_another(sender: Participant, packet: DataPacket, kind: str) -> bool:
    """Whether an agent sends this text for the participant that it names; it is marked so."""
    if packet.participant_identity in ("", sender.identity) or not _is_agent(sender):
        return False
    if kind == "chat_message":
        packet.chat_message.generated = True
        return True
    header = packet.stream_header
    if kind == "stream_header" and header.WhichOneof("content_header") == "text_header":
        header.text_header.generated = True
        return True
    return False
