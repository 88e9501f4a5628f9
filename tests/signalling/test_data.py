"""Data packets: who may send what to whom, and what is written into them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from livekit.protocol.models import (
    ChatMessage,
    DataPacket,
    DataStream,
    RpcRequest,
    SipDTMF,
    Transcription,
    UserPacket,
)
from tests.signalling.kit import Lobby

from hookflash.rooms.orders import ParticipantChange, Permission
from hookflash.rooms.room import Participant
from hookflash.signalling.data import MAX_PACKET, Dtmf, PacketRefused, Relayed, relay


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


@pytest.fixture
def a(lobby: Lobby) -> Participant:
    """The sender, beside `b`, a phone, and one who is not connected yet."""
    sender = lobby.join("a").participant
    lobby.join("b")
    lobby.phone()
    lobby.join("slow", connects=False)
    return sender


def names(relayed: Relayed) -> list[str]:
    return [participant.identity for participant in relayed.recipients]


def sent(sender: Participant, packet: DataPacket, reliable: bool = True) -> Relayed:
    return relay(sender, packet.SerializeToString(), reliable)


def refusal(sender: Participant, data: bytes) -> str:
    with pytest.raises(PacketRefused) as caught:
        relay(sender, data, True)
    return caught.value.reason


def test_the_sender_is_who_sent_it(a: Participant) -> None:
    user = UserPacket(payload=b"p", topic="t", participant_identity="b", participant_sid="PA_b")
    forged = DataPacket(user=user, participant_identity="b", participant_sid="PA_b", sequence=7)
    relayed = sent(a, forged, reliable=False)
    packet = DataPacket.FromString(relayed.packet)
    for named in (packet, packet.user):
        assert (named.participant_identity, named.participant_sid) == ("a", a.sid)
    assert (packet.user.payload, packet.user.topic, packet.sequence) == (b"p", "t", 7)
    assert packet.kind == DataPacket.Kind.LOSSY
    assert not relayed.reliable
    assert names(relayed) == ["b", "sip_1"]


def test_destinations_are_kept_to(a: Participant) -> None:
    chat = DataPacket(chat_message=ChatMessage(message="m"), destination_identities=["b", "slow"])
    assert names(sent(a, chat)) == ["b"]
    b = a.room.participants["b"]
    old = DataPacket(user=UserPacket(destination_sids=[b.sid]))
    assert names(sent(a, old)) == ["b"]
    assert names(sent(a, DataPacket(user=UserPacket(destination_sids=["PA_gone"])))) == []
    older = DataPacket(user=UserPacket(destination_identities=["sip_1"]))
    assert names(sent(a, older)) == ["sip_1"]


def test_a_hidden_sender_is_not_named(lobby: Lobby, a: Participant) -> None:
    ghost = lobby.join("ghost", hidden=True).participant
    packet = DataPacket.FromString(sent(ghost, DataPacket(user=UserPacket())).packet)
    assert (packet.participant_identity, packet.user.participant_sid) == ("", "")


def test_keys_go_through_the_rooms(a: Participant) -> None:
    packet = DataPacket(sip_dtmf=SipDTMF(code=5, digit="5"), destination_identities=["sip_1"])
    assert sent(a, packet) == Relayed(b"", True, ("sip_1",), (), dtmf=Dtmf("5"))


def test_a_call_of_a_procedure_is_named(a: Participant) -> None:
    packet = DataPacket(rpc_request=RpcRequest(id="r1", method="m"))
    assert sent(a, packet).rpc_request == "r1"
    assert sent(a, DataPacket(chat_message=ChatMessage(id="r1"))).rpc_request == ""


def test_transcriptions_come_from_agents(lobby: Lobby, a: Participant) -> None:
    packet = DataPacket(transcription=Transcription(track_id="TR_1"))
    assert refusal(a, packet.SerializeToString()) == "not_allowed"
    agent = lobby.join("agent", kind="agent").participant
    assert "a" in names(sent(agent, packet))


def test_an_agents_text_may_be_somebody_elses(lobby: Lobby, a: Participant) -> None:
    """As livekit-agents sends what a caller said, for the caller."""
    agent = lobby.join("agent", kind="agent").participant
    text = DataStream.Header(stream_id="s", text_header=DataStream.TextHeader())
    octets = DataStream.Header(stream_id="s", byte_header=DataStream.ByteHeader())
    chunk = DataStream.Chunk(stream_id="s", content=b"hello")

    def told(sender: Participant, **value: Any) -> DataPacket:
        packet = DataPacket(participant_identity="sip_1", participant_sid="PA_1", **value)
        return DataPacket.FromString(sent(sender, packet).packet)

    shown = told(agent, stream_header=text)
    assert (shown.participant_identity, shown.participant_sid) == ("sip_1", agent.sid)
    assert shown.stream_header.text_header.generated
    shown = told(agent, chat_message=ChatMessage(message="m"))
    assert (shown.participant_identity, shown.chat_message.generated) == ("sip_1", True)
    for value in ({"stream_header": octets}, {"stream_chunk": chunk}, {"user": UserPacket()}):
        assert told(agent, **value).participant_identity == "agent"
    for mine in ("", "agent"):
        packet = DataPacket(participant_identity=mine, stream_header=text)
        shown = DataPacket.FromString(sent(agent, packet).packet)
        assert shown.participant_identity == "agent"
        assert not shown.stream_header.text_header.generated
    shown = told(a, stream_header=text)
    assert (shown.participant_identity, shown.stream_header.text_header.generated) == ("a", False)


def test_metrics_go_to_those_who_may_have_them(lobby: Lobby, a: Participant) -> None:
    lobby.join("watcher", can_subscribe_metrics=True)
    packet = DataPacket()
    packet.metrics.SetInParent()
    assert names(sent(a, packet)) == ["watcher"]


def test_permission_and_size_are_asked_for(lobby: Lobby, a: Participant) -> None:
    good = DataPacket(user=UserPacket(payload=b"p")).SerializeToString()
    assert refusal(a, b"\xff" * 20) == "unreadable"
    assert refusal(a, b"") == "unknown_kind"
    assert refusal(a, b"\0" * (MAX_PACKET + 1)) == "too_long"
    topic = DataPacket(user=UserPacket(topic="t" * 300)).SerializeToString()
    assert refusal(a, topic) == "too_long"
    assert refusal(a.room.participants["slow"], good) == "not_allowed"
    change = ParticipantChange(permission=Permission(can_publish_data=False))
    lobby.rooms.update_participant(a, change)
    assert refusal(a, good) == "not_allowed"


def test_whatever_a_client_sends_is_relayed_or_refused(a: Participant) -> None:
    rng = random.Random(11)
    good = DataPacket(
        user=UserPacket(payload=b"p" * 30, topic="t"), destination_identities=["b"], sequence=3
    ).SerializeToString()
    for _ in range(2_000):
        data = bytearray(good if rng.random() < 0.7 else rng.randbytes(rng.randrange(60)))
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            relayed = relay(a, bytes(data), rng.random() < 0.5)
        except PacketRefused:
            continue
        if relayed.dtmf is None:
            assert DataPacket.FromString(relayed.packet).participant_sid == a.sid
