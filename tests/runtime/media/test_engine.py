"""The engine: ports, the tick, reports, and one call on real sockets."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
from collections.abc import Iterator
from typing import cast

import pytest
import uvloop
from tests.media.kit import Owner
from tests.support.stamps import stamping
from tests.support.studio import Studio

from hookflash.adapters.clock import SystemClock
from hookflash.base.ids import Ids
from hookflash.media.events import FirstPacket, MediaEvent
from hookflash.media.phone_port import PhonePort
from hookflash.media.port_pool import NoPorts
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.rtp.rtcp import Report, parse_compound
from hookflash.runtime.media.engine import MediaEngine, MediaEngineSettings
from hookflash.sdp.plan import Codec, CodecName, MediaPlan


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio(MediaEngineSettings(rtp_port=(10000, 10005)))
    yield studio
    studio.close()


def test_all_ports_in_use(studio: Studio) -> None:
    phones = [studio.phone() for _ in range(3)]
    ports = [phone.pair.port for phone in phones]
    assert sorted(ports) == [10000, 10002, 10004]
    with pytest.raises(NoPorts):
        studio.phone()
    phones[1].stream.close()
    with pytest.raises(NoPorts):
        studio.phone()
    studio.clock.advance(2)
    assert studio.engine.free_ports == 1
    assert studio.phone().pair.port == ports[1]


def test_a_port_of_another_process_is_passed_over(studio: Studio) -> None:
    studio.busy_ports = {10000, 10004}
    assert studio.phone().pair.port == 10002
    with pytest.raises(NoPorts):
        studio.phone()
    assert studio.engine.free_ports == 2


def test_frames_that_do_not_come_are_counted_for_good(studio: Studio) -> None:
    """Whatever becomes of who should have sent them: the phone has gone, or hears others alone."""
    engine = studio.engine
    phones = [studio.phone() for _ in range(3)]
    for turn in range(20):
        for phone in phones:
            if (phone, turn) in {(phones[0], 10), (phones[1], 12)}:
                phone.sequence, phone.timestamp = phone.sequence + 1, phone.timestamp + 160
            else:
                phone.say()
        studio.tick()
    assert engine.concealed == 2
    phones[0].stream.close()
    assert engine.concealed == 2
    engine.leave(phones[1].stream)
    studio.tick()
    assert engine.concealed == 2


def test_a_clients_frames_are_counted_once_whatever_room_it_is_in(studio: Studio) -> None:
    engine, source = studio.engine, Source(Receiver(Owner()))
    for name in ("here", "there"):
        engine.add_source(name, source)
        source._concealed += 3
        before = engine.concealed
        engine.remove_source(name, source)
        assert engine.concealed == before == source.concealed
    assert source.concealed == 6


def test_what_clients_sent_is_read_before_a_tick_mixes_it(studio: Studio) -> None:
    ann, bob, cid = (studio.phone() for _ in range(3))
    studio.engine.before_tick = ann.say
    studio.tick(20)
    assert ann.stream.receiver.received == 20
    assert studio.engine.concealed == 0
    for phone in (bob, cid):
        assert phone.pair.sent


def test_reports_go_out_every_five_seconds_on_hold_too(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    ann.stream.apply(studio.plan(ann, send=False, receive_audio=False))
    studio.tick(1000)
    assert len(ann.pair.reports) == 4
    (data, address) = ann.pair.reports[0]
    assert address == (ann.address[0], ann.address[1] + 1)
    (report,) = parse_compound(data)
    assert isinstance(report, Report)
    assert report.sender is None
    assert report.blocks[0].ssrc == ann.ssrc


def test_reports_share_the_port_if_that_was_agreed(studio: Studio) -> None:
    ann = studio.phone(rtcp_mux=True)
    studio.tick(250)
    reports = [data for data, _ in ann.pair.sent if 192 <= data[1] <= 223]
    assert len(reports) == 1
    assert ann.pair.reports == []


def test_reports_follow_the_media_to_a_latched_address(studio: Studio) -> None:
    ann = studio.phone(remote=("192.168.0.9", 4000))
    ann.address = ("9.9.9.9", 5000)
    for _ in range(260):
        ann.say()
        studio.tick()
    assert ann.pair.reports[-1][1] == ("9.9.9.9", 5001)


def test_rtcp_that_comes_is_read(studio: Studio) -> None:
    ann, bob = studio.phone(rtcp_mux=True), studio.phone()
    studio.tick(250)
    report = next(data for data, _ in ann.pair.sent if 192 <= data[1] <= 223)
    ann.pair.deliver(report, ann.address)
    ann.pair.deliver(report, ann.address, rtcp=True)
    bob.stream._read_rtcp()
    assert ann.stream.last_packet_at is None, "RTCP is no media"
    assert ann.events == []


def test_many_rooms_share_one_pass(studio: Studio) -> None:
    studio = Studio()
    rooms = [[studio.phone(room=f"r{n}") for _ in range(3)] for n in range(5)]
    for tick in range(12):
        for number, room in enumerate(rooms):
            for phone in room:
                phone.say(bytes([0xB0 + number + tick % 2]) * 160)
        studio.tick()
    for number, room in enumerate(rooms):
        for phone in room:
            assert len(phone.heard) == 12
            assert phone.heard[-1].payload != rooms[number - 1][0].heard[-1].payload
    studio.close()


class Softphone(asyncio.DatagramProtocol):
    """A real socket that keeps what it gets."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.put_nowait(data)


async def _call(ip: str) -> None:
    loop = asyncio.get_running_loop()
    engine = MediaEngine(
        clock=SystemClock(),
        loop=loop,
        settings=MediaEngineSettings(rtp_port=(31000, 31999)),
        ids=Ids(random.Random(2)),
    )
    await engine.start()
    codec = Codec("PCMU", 0, 8000)
    phones = []
    told: list[MediaEvent] = []
    for number in range(2):
        transport, phone = await loop.create_datagram_endpoint(Softphone, local_addr=(ip, 0))
        own: tuple[str, int] = transport.get_extra_info("sockname")[:2]
        stream = engine.open(f"leg{number}", ip, ip, told.append)
        stream.apply(MediaPlan(own, (own[0], own[1] + 1), codec, {0: codec}))
        engine.join("room", stream)
        phones.append((phone, (ip, stream.local.port)))
    (ann, to_ann), (bob, _) = phones
    ann.transport.sendto(RtpPacket(0, 1, 1, 5, b"\x33" * 160).encode(), to_ann)
    heard = parse(await bob.packets.get())
    while heard.payload != b"\x33" * 160:  # silence until then
        heard = parse(await bob.packets.get())
    assert FirstPacket() in told
    assert parse(await ann.packets.get()).payload == b"\xff" * 160
    await engine.stop()
    assert engine.ports == []
    for phone, _ in phones:
        phone.transport.close()
    for port in (to_ann[1], to_ann[1] + 1):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as again:
            again.bind((ip, port))


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_a_call_on_real_sockets(ip: str) -> None:
    uvloop.run(_call(ip))


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_the_last_legs_are_let_go(studio: Studio, codec: CodecName) -> None:
    """No tick comes after them that would work out anew whom the clock works for."""
    phones = [studio.phone(codec) for _ in range(3)]
    studio.tick()
    for phone in phones:
        phone.stream.close()
    del phone
    phones.clear()
    gc.collect()
    streams = [found for found in gc.get_objects() if isinstance(found, PhonePort)]
    assert [found for found in streams if found._host is studio.engine] == []


def test_what_waits_at_the_ports_is_read_at_once(studio: Studio) -> None:
    """All of it, in order, at each port."""
    ann, bob = studio.phone(), studio.phone()
    packets = [RtpPacket(0, 100 + n, 160 * n, 9, bytes([n]) * 160).encode() for n in range(40)]
    ann.pair.wait([(packet, ann.address) for packet in packets])
    bob.pair.wait([(packet, bob.address) for packet in packets[:3]])
    studio.engine.catch_up()
    assert [packet.payload[0] for packet in bob.heard] == list(range(40))
    assert [packet.payload[0] for packet in ann.heard] == list(range(3))


def test_the_clock_asks_for_what_waits_when_it_is_late(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.pair.wait([(RtpPacket(0, 1, 1, 9, b"x" * 160).encode(), ann.address)])
    studio.clock.advance(0.05)
    studio.engine._clock._run()
    assert len(bob.heard) == 1


def test_a_tick_looks_only_at_rooms_that_the_clock_works_for(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    studio.tick()
    assert not studio.engine._worked_for
    ann.stream.apply(studio.plan(ann, codec=Codec("PCMA", 8, 8000)))
    assert studio.engine._changed, "nothing is forwarded to another codec"
    studio.tick()
    (room,) = studio.engine._worked_for
    for phone in (ann, bob):
        phone.stream.close()
    assert room not in studio.engine._worked_for
    assert not studio.engine._changed


def test_a_port_is_settled_once_however_often_it_was_asked_for(studio: Studio) -> None:
    ann = studio.phone()
    studio.engine.settle_later(ann.stream)
    studio.engine.settle_later(ann.stream)
    assert studio.engine._unsettled == [ann.stream]


async def _mixed() -> None:
    """Three telephones hear each other by the ticks; two, each other's packets as they come."""
    loop, clock = asyncio.get_running_loop(), SystemClock()
    engine = MediaEngine(
        clock=clock,
        loop=loop,
        settings=MediaEngineSettings(rtp_port=(31000, 31999)),
        ids=Ids(random.Random(3)),
    )
    await engine.start()
    codec = Codec("PCMU", 0, 8000)
    phones, streams = [], []
    for number in range(3):
        transport, phone = await loop.create_datagram_endpoint(
            Softphone, local_addr=("127.0.0.1", 0)
        )
        own: tuple[str, int] = transport.get_extra_info("sockname")[:2]
        stream = engine.open(f"leg{number}", "127.0.0.1", "127.0.0.1", lambda _: None)
        stream.apply(MediaPlan(own, (own[0], own[1] + 1), codec, {0: codec}))
        engine.join("room", stream)
        phones.append(phone)
        streams.append(stream)
    (ann, bob, _), (to_ann, _, last) = phones, streams
    address = ("127.0.0.1", to_ann.local.port)
    for number in range(5):
        ann.transport.sendto(RtpPacket(0, number, number * 160, 5, b"\x33" * 160).encode(), address)
    sent = clock.now()
    heard = parse(await bob.packets.get())
    while heard.payload != b"\x33" * 160:
        heard = parse(await bob.packets.get())
    assert to_ann.receiver.received == 5
    assert (
        sent - 0.1 < to_ann.receiver.last_at < sent + 0.001
    )  # as they came, not as they were read
    engine.leave(last)
    ann.transport.sendto(RtpPacket(0, 5, 800, 5, b"\x44" * 160).encode(), address)
    while parse(await bob.packets.get()).payload != b"\x44" * 160:
        pass
    await engine.stop()
    for phone in phones:
        phone.transport.close()


def test_packets_of_who_is_only_mixed_are_read_at_the_ticks_with_their_own_times() -> None:
    with stamping():
        uvloop.run(asyncio.wait_for(_mixed(), 5))
