"""calls.md §3: ports, latching, relay and mixing, DTMF, RTCP, SRTP, no media."""

from __future__ import annotations

import base64
import itertools
import socket
import struct
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from pylibsrtp import Policy, Session
from tests.support.ports import PORTS
from tests.wire.kit.call import Call
from tests.wire.kit.message import sdp
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, Line, until
from tests.wire.kit.sound import FRAME, Packet, Sound, level, recent

pytestmark = pytest.mark.interop


def two(exchange: Exchange, phone: Phone, **trunk: Any) -> tuple[Line, Call, Call]:
    """Two phones in a room."""
    line = exchange.line(**trunk)
    return line, exchange.call(line, phone), exchange.call(line, phone)


def test_relay(exchange: Exchange, phone: Phone) -> None:
    """Two phones alone with one codec are relayed without decoding: the same bytes, with our own
    SSRC and sequence."""
    _, one, other = two(exchange, phone)
    one.sound.ssrc = 0x0A0B0C0D
    one.sound.play(440)
    other.sound.play(0)
    other.sound.hears(440)
    other.sound.clear()
    packets = other.sound.heard(lambda seen: len(seen) > 20, "a second of it")
    assert len({packet.ssrc for packet in packets}) == 1
    assert packets[0].ssrc != 0x0A0B0C0D
    numbers = [packet.sequence for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    stamps = [packet.timestamp for packet in packets]
    assert {b - a for a, b in itertools.pairwise(stamps)} == {160}


def test_relay_has_no_buffer(exchange: Exchange, phone: Phone) -> None:
    """A packet goes out when it comes, with the same payload: by the exchange it takes at most
    5 ms longer than from telephone to telephone (the median of 51, one way and the other by
    turns, so that a busy machine slows both)."""
    _, one, other = two(exchange, phone)
    one.sound.play(440)
    other.sound.play(0)
    other.sound.hears(440)
    one.sound.playing = False
    straight = Sound()
    straight.peer = ("127.0.0.1", other.sound.port)
    relayed, direct = [], []
    for number in range(51):
        relayed.append(on_its_way(one.sound, other.sound, bytes([number]) * FRAME))
        direct.append(on_its_way(straight, other.sound, bytes([100 + number]) * FRAME))
    straight.close()
    assert median(relayed) < median(direct) + 0.005


def on_its_way(sender: Sound, receiver: Sound, payload: bytes) -> float:
    """Seconds from sending a packet of this payload, unlike all others, until it came."""
    receiver.clear()
    sent = time.monotonic()
    sender.send(payload)
    sender.timestamp += FRAME
    seen = receiver.heard(lambda packets: any(p.payload == payload for p in packets), "it", 2)
    return next(packet.at for packet in seen if packet.payload == payload) - sent


def test_mixing(exchange: Exchange, phone: Phone) -> None:
    """Everybody hears everybody else, and nobody himself; a third listener switches to the
    clock."""
    line, one, other = two(exchange, phone)
    one.sound.play(440)
    other.sound.play(620)
    other.sound.hears(440)
    third = exchange.call(line, phone)
    third.sound.play(900)
    one.sound.hears(620)
    one.sound.hears(900)
    third.sound.hears(440)
    third.sound.hears(620)
    third.sound.hears_not(900)
    third.hang_up()
    one.sound.hears_not(900)
    one.sound.hears(620)


def test_mixed_codecs(exchange: Exchange, phone: Phone) -> None:
    """Phones of different codecs hear each other."""
    line = exchange.line()
    one = exchange.call(line, phone)
    other = Call(phone, line.number)
    other.connect(body=other.sdp(codecs="8 101"))
    other.sound.playing = True
    other.sound.listen()
    one.sound.play(440)
    packets = other.sound.heard(lambda seen: len(seen) > 20, "PCMA")
    assert {packet.payload_type for packet in packets} == {8}
    loud = packets[-1].payload
    assert len(set(loud)) > 10, "a tone, not silence"


def test_silence_is_sent(exchange: Exchange, phone: Phone) -> None:
    """Silence is sent so that NAT and media timeouts stay open: a caller alone gets packets."""
    call = exchange.call(exchange.line(), phone)
    call.sound.heard(lambda seen: len(seen) > 10, "silence")


def test_port_is_even_and_rested(tmp_path: Path) -> None:
    """Port: even, from the range; where none has rested for long, the one free longest, and not
    before it rested for 2 s. (Nothing is said of the order of ports that have rested for long.)"""
    first = PORTS.take(6)
    exchange = Exchange.configured(tmp_path, rtp_port=f"{first}-{first + 5}").start()
    try:
        line, phone = exchange.line(), exchange.phone()
        calls = [exchange.call(line, phone) for _ in range(3)]
        ports = [port_of(call) for call in calls]
        assert set(ports) == {first, first + 2, first + 4}
        assert Call(phone, line.number).tried() == 503
        freed = {}
        for index in (1, 0, 2):
            freed[ports[index]] = time.monotonic()
            calls[index].hang_up()
        for port, since in freed.items():
            call = until(lambda: call_or_none(phone, line), "a rested port")
            assert call is not None
            assert time.monotonic() - since > 2
            assert port_of(call) == port
    finally:
        exchange.close()
    assert not exchange.logged("Traceback")


def call_or_none(phone: Phone, line: Line) -> Call | None:
    """A call that is up; None if it was refused for want of a port."""
    call = Call(phone, line.number)
    status = call.tried()
    assert status in {200, 503}
    return call if status == 200 else None


def port_of(call: Call) -> int:
    """Where the exchange wants a call's RTP."""
    assert call.sound.peer is not None
    return call.sound.peer[1]


def test_rtcp(exchange: Exchange, phone: Phone) -> None:
    """RTCP (SR/RR with loss and jitter) on the next port; `a=rtcp` honoured."""
    reports = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    reports.bind(("127.0.0.1", 0))
    reports.settimeout(10)
    call = Call(phone, exchange.line().number)
    call.connect(body=call.sdp(extra=[f"a=rtcp:{reports.getsockname()[1]}"]))
    call.sound.play(440)
    seen: set[int] = set()
    with reports:
        while not seen & {200} or 202 not in seen:
            data, source = reports.recvfrom(2048)
            assert call.sound.peer is not None
            assert source[1] == call.sound.peer[1] + 1
            while len(data) >= 4:
                count, kind, length = struct.unpack("!BBH", data[:4])
                assert count >> 6 == 2
                seen.add(kind)
                data = data[4 * (length + 1) :]
    assert {200, 202} <= seen


def test_rtcp_muxed(exchange: Exchange, phone: Phone) -> None:
    """Muxed if offered: reports come to the RTP port."""
    call = Call(phone, exchange.line().number)
    call.connect(body=call.sdp(extra=["a=rtcp-mux"]))
    call.sound.play(440)
    call.sound.heard(
        lambda seen: any(p.payload_type in {72, 73} for p in seen), "a report", within=12
    )


def test_latching(exchange: Exchange, phone: Phone) -> None:
    """Sending: to the latched source if the SDP address differs and sends nothing for 1 s;
    receiving: that source is latched, others are dropped."""
    line = exchange.line()
    call, other = Call(phone, line.number), exchange.call(line, phone)
    call.connect(body=sdp(9))
    call.sound.play(440)
    other.sound.play(620)
    call.sound.hears(620)
    stranger = Sound()
    stranger.peer = call.sound.peer
    stranger.ssrc = 1
    stranger.play(900)
    other.sound.hears(440)
    stranger.heard(lambda _: True, "nothing")
    other.sound.hears_not(900)
    stranger.close()


def test_private_address(exchange: Exchange, phone: Phone) -> None:
    """Sending: to the latched source at once if the SDP address is private."""
    call = Call(phone, exchange.line().number)
    call.connect(body=sdp(40000, ip="10.255.255.1"))
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 3, "RTP to where it comes from", 3)


def test_dtmf_relayed(exchange: Exchange, phone: Phone) -> None:
    """telephone-event is relayed as the same event, once, and its SipDTMF is not sent to that
    phone a second time; `*`, `#`, A–D."""
    _, one, other = two(exchange, phone)
    other.sound.listen()
    one.sound.play(0)
    other.sound.heard(lambda seen: len(seen) > 5, "the relay works")
    one.sound.playing = False
    for event in (10, 11, 12, 15):
        other.sound.clear()
        one.sound.press(event)

        def over(seen: list[Packet], event: int = event) -> bool:
            ends = [p for p in events(seen) if p.payload[0] == event and p.payload[1] & 0x80]
            return len(ends) >= 3

        packets = events(other.sound.heard(over, f"event {event}"))
        assert {p.payload[0] for p in packets} == {event}
        assert len({p.timestamp for p in packets}) == 1


def events(packets: list[Packet]) -> list[Packet]:
    """Those of telephone-event."""
    return [packet for packet in packets if packet.payload_type == 101]


def test_dtmf_when_packets_are_lost(exchange: Exchange, phone: Phone) -> None:
    """RFC 4733 once per event whatever is lost or repeated: only one end packet came."""
    line, one, other = two(exchange, phone)
    third = exchange.call(line, phone)
    for call in (other, third):
        call.sound.listen()
    one.sound.send(struct.pack("!BBH", 7, 0x80 | 10, 800), 101)
    for call in (other, third):
        call.sound.heard(lambda seen: bool(events(seen)), "the digit")
        ended = call.sound.heard(
            lambda seen: sum(1 for p in events(seen) if p.payload[1] & 0x80) >= 3, "its end"
        )
        assert {p.payload[0] for p in events(ended)} == {7}
        assert len({p.timestamp for p in events(ended)}) == 1


def test_dtmf_mixed(exchange: Exchange, phone: Phone) -> None:
    """DTMF out: 4733, three end packets; from another phone its own length, at least 100."""
    line, one, other = two(exchange, phone)
    third = exchange.call(line, phone)
    third.sound.listen()
    one.sound.press(5, frames=3)
    packets = events(
        third.sound.heard(
            lambda seen: sum(1 for p in events(seen) if p.payload[1] & 0x80) >= 3, "5"
        )
    )
    longest = max(struct.unpack("!H", p.payload[2:4])[0] for p in packets)
    assert longest >= 800
    assert packets[0].marker
    assert sum(1 for p in packets if p.payload[1] & 0x80) == 3
    assert other.up


@pytest.mark.parametrize("allowed", ["INVITE, ACK, BYE", "INVITE, ACK, BYE, INFO"])
def test_in_band_dtmf(exchange: Exchange, phone: Phone, allowed: str) -> None:
    """DTMF out: in-band tones where 4733 is missing, whether the phone takes INFO or not, and
    whether the digit came by INFO or by 4733."""
    line = exchange.line()
    plain = Call(phone, line.number)
    plain.connect(body=plain.sdp(codecs="0"), headers=[("Allow", allowed)])
    other = exchange.call(line, phone)
    plain.sound.play(0)
    other.sound.play(0)
    relay = [("Content-Type", "application/dtmf-relay")]
    assert other.ask("INFO", relay, "Signal=9\r\nDuration=400\r\n").status == 200
    plain.sound.hears_digit(852, 1477)
    other.sound.press(5, frames=20)
    plain.sound.hears_digit(770, 1336)
    phone.none(lambda m: m.method == "INFO" and not m.status, 0.1)


SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (30, Policy.SRTP_PROFILE_AES128_CM_SHA1_80),
    "AES_CM_128_HMAC_SHA1_32": (30, Policy.SRTP_PROFILE_AES128_CM_SHA1_32),
    "AEAD_AES_128_GCM": (28, Policy.SRTP_PROFILE_AEAD_AES_128_GCM),
    "AEAD_AES_256_GCM": (44, Policy.SRTP_PROFILE_AEAD_AES_256_GCM),
}


@pytest.mark.parametrize("suite", SUITES)
def test_srtp(exchange: Exchange, phone: Phone, suite: str) -> None:
    """Encryption: SDES both ways, each side with its own key, bridged to a plain phone."""
    line = exchange.line(media={"encryption": "SIP_MEDIA_ENCRYPT_ALLOW"})
    length, profile = SUITES[suite]
    key = bytes(range(length))
    call = Call(phone, line.number)
    crypto = f"a=crypto:1 {suite} inline:{base64.b64encode(key).decode()}"
    answer = call.connect(body=call.sdp(extra=[crypto], profile="RTP/SAVP"))
    theirs = base64.b64decode(answer.sdp("a=crypto:").partition("inline:")[2].partition("|")[0])
    out = Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    into = Session(Policy(theirs, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    call.sound.wrap, call.sound.unwrap = out.protect, into.unprotect
    other = exchange.call(line, phone)
    call.sound.play(440)
    other.sound.play(620)
    other.sound.hears(440)
    call.sound.hears(620)


def test_new_ssrc_and_sequence(exchange: Exchange, phone: Phone) -> None:
    """Survives SSRC change and sequence restart, relayed and mixed."""
    line, one, other = two(exchange, phone)
    one.sound.play(440)
    other.sound.play(620)
    other.sound.hears(440)
    for step in range(2):
        one.sound.ssrc += 1
        one.sound.sequence, one.sound.timestamp = 60000 * step, 99 + step
        other.sound.clear()
        other.sound.hears(440)
        third = exchange.call(line, phone)
        third.sound.hears(440)
        third.hang_up()


def test_duplicates(exchange: Exchange, phone: Phone) -> None:
    """Drops duplicates: of a phone that sends each packet twice the other hears each once, relayed
    and mixed."""
    line, one, other = two(exchange, phone)

    def twice(data: bytes) -> bytes:
        assert one.sound.peer is not None
        one.sound.socket.sendto(data, one.sound.peer)
        return data

    one.sound.play(440)
    other.sound.play(0)
    other.sound.hears(440)
    one.sound.wrap = twice
    other.sound.clear()
    packets = other.sound.heard(lambda seen: len(seen) > 40, "relayed")
    numbers = [packet.sequence for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    third = exchange.call(line, phone)
    third.sound.hears(440)
    third.sound.clear()
    packets = third.sound.heard(lambda seen: len(seen) > 40, "mixed")
    assert packets[-1].at - packets[0].at > 0.6
    assert level(recent(packets), 440) > 5000


def test_no_media(exchange: Exchange, phone: Phone) -> None:
    """No media: then media_timeout: BYE, `Reason` says so."""
    line = exchange.line(media={"media_timeout": "1s"})
    call = exchange.call(line, phone)
    call.sound.play(440)
    until(
        lambda: exchange.attribute(line.room, "sip.callStatus") == "active", "the first packet", 3
    )
    call.sound.playing = False
    bye = call.ended()
    assert "media" in bye.get("Reason").lower() or "rtp" in bye.get("Reason").lower()


def test_no_media_on_hold(exchange: Exchange, phone: Phone) -> None:
    """No media: suspended on hold."""
    line = exchange.line(media={"media_timeout": "1s"})
    call = exchange.call(line, phone)
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 3, "RTP")
    call.reinvite(call.sdp(direction="sendonly", version=2))
    call.sound.playing = False
    phone.none(lambda m: m.method == "BYE", 2)
    call.reinvite(call.sdp(version=3))
    call.ended()


def test_comfort_noise_is_media(exchange: Exchange, phone: Phone) -> None:
    """CN taken as silence that counts as media."""
    line = exchange.line(media={"media_timeout": "1s"})
    call = Call(phone, line.number)
    call.connect(body=call.sdp(codecs="0 13 101"))
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 3, "RTP")
    call.sound.playing = False
    for _ in range(8):
        call.sound.send(b"\x40", 13)
        call.sound.timestamp += 1600
        phone.none(lambda m: m.method == "BYE", 0.25)
    call.ended()


def test_room_track(exchange: Exchange, phone: Phone) -> None:
    """Attribute `hookflash.codec` names the leg's codec; the track says audio/opus as recorded."""
    line = exchange.line()
    exchange.call(line, phone)
    person = exchange.participant(line.room)
    assert person["attributes"]["hookflash.codec"] == "PCMU"
    assert person["tracks"][0]["type"] == "AUDIO"
