"""What goes out."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from hookflash.base.ids import Ids
from hookflash.media.sender import Sender
from hookflash.rtp.dtmf import EventSender
from hookflash.rtp.packet import RtpPacket, parse

REMOTE = ("192.0.2.7", 4000)


class Wire:
    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.broken = False

    def send(self, data: Any, address: Any) -> int:
        if self.broken:
            raise OSError("network unreachable")
        assert address == REMOTE
        self.packets.append(parse(bytes(data)))
        return len(data)


def make(ptime: int = 20) -> tuple[Sender, Wire]:
    wire = Wire()
    sender = Sender(wire.send, bytearray(2048), Ids(random.Random(1)))
    sender.remote = REMOTE
    sender.configure(8, 8000, 160, ptime)
    sender.event_type = 101
    return sender, wire


def test_sequence_and_timestamp_go_on_and_wrap() -> None:
    sender, wire = make()
    sender.sequence, sender.timestamp = 0xFFFE, 0xFFFFFFFF - 160
    for _ in range(3):
        sender.send(bytes(160), 1.0)
    assert [packet.sequence for packet in wire.packets] == [0xFFFF, 0, 1]
    assert [packet.timestamp for packet in wire.packets] == [0xFFFFFFFF, 159, 319]
    assert [packet.marker for packet in wire.packets] == [True, False, False]
    assert {packet.payload_type for packet in wire.packets} == {8}
    assert (sender.packets, sender.octets) == (3, 480)


def test_other_packet_lengths() -> None:
    for ptime, counts in ((10, [80] * 12), (30, [240] * 4), (40, [320] * 3), (60, [480] * 2)):
        sender, wire = make(ptime)
        for _ in range(6):
            sender.send(bytes(range(160)), 1.0)
        assert [len(packet.payload) for packet in wire.packets] == counts
        steps = {
            b.timestamp - a.timestamp for a, b in zip(wire.packets, wire.packets[1:], strict=False)
        }
        assert steps == {ptime * 8}
        assert b"".join(packet.payload for packet in wire.packets) == bytes(range(160)) * 6


def test_the_timestamp_passes_the_time_in_which_nothing_was_sent() -> None:
    sender, wire = make()
    sender.send(bytes(160), 10.0)
    sender.resume(11.0)
    sender.send(bytes(160), 11.0)
    first, second = wire.packets
    assert second.timestamp - first.timestamp == 8000
    assert second.sequence - first.sequence == 1
    assert second.marker


def test_a_row_of_the_mixers_matrix() -> None:
    sender, wire = make()
    matrix = bytearray(3 * 172)
    view = memoryview(matrix)
    matrix[172 + 12 : 344] = b"\x11" * 160
    for _ in range(2):  # the first one bears a marker and takes the long way
        sender.send_row(matrix, view, 172, 344, 5.0)
    assert [packet.payload for packet in wire.packets] == [b"\x11" * 160] * 2
    assert wire.packets[1].sequence == wire.packets[0].sequence + 1
    assert matrix[:172] == bytes(172)
    assert sender.packets == 2


def test_an_event_has_one_timestamp_and_sound_follows_after_it() -> None:
    sender, wire = make()
    sender.send(bytes(160), 1.0)
    events = EventSender()
    events.add("5", 100, 100)
    while events.active:
        step = events.tick()
        if step is None:
            sender.send(bytes(160), 1.0)
        else:
            sender.send_event(step, 1.0)
    sender.send(bytes(160), 1.0)
    digits = [packet for packet in wire.packets if packet.payload_type == 101]
    assert len({packet.timestamp for packet in digits}) == 1
    assert [packet.marker for packet in digits] == [True] + [False] * (len(digits) - 1)
    assert [packet.payload[1] >> 7 for packet in digits].count(1) == 3
    numbers = [packet.sequence for packet in wire.packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    after = wire.packets[wire.packets.index(digits[-1]) + 1]
    assert after.marker
    assert after.timestamp - wire.packets[0].timestamp == 160 * (len(digits) + 1)


def test_nothing_goes_out_without_an_address() -> None:
    sender, wire = make()
    sender.remote = None
    sender.send(bytes(160), 1.0)
    sender.send_row(bytearray(172), memoryview(bytearray(172)), 0, 172, 1.0)
    sender.forward(memoryview(bytearray(172)), 172, 1, 1, 1.0)
    assert wire.packets == []
    assert sender.packets == 0


def test_no_event_without_its_payload_type() -> None:
    sender, wire = make()
    sender.event_type = None
    events = EventSender()
    events.add("5")
    step = events.tick()
    assert step is not None
    sender.send_event(step, 1.0)
    assert wire.packets == []


def test_what_the_network_refuses_is_counted() -> None:
    sender, wire = make()
    wire.broken = True
    matrix = bytearray(172)
    sender.send(bytes(160), 1.0)
    sender.send_row(matrix, memoryview(matrix), 0, 172, 1.0)
    sender.forward(memoryview(matrix), 172, 1, 1, 1.0)
    assert sender.failed == 3


def test_protection_is_applied_on_every_way_out() -> None:
    sender, wire = make()
    sender.protect = lambda packet: bytes(packet[:12]) + b"secret"
    matrix = bytearray(172)
    sender.send(bytes(160), 1.0)
    sender.send_row(matrix, memoryview(matrix), 0, 172, 1.0)
    matrix[0] = 0x80
    sender.forward(memoryview(matrix), 172, 9, 9, 1.0)
    assert [packet.payload for packet in wire.packets] == [b"secret"] * 3


def test_time_passes_without_a_packet() -> None:
    sender, _ = make()
    before = sender.timestamp
    sender.pass_time(2)
    assert sender.timestamp == before + 320


def test_gathered_sound_goes_out_before_an_event() -> None:
    sender, wire = make(ptime=60)
    for tick in range(4):
        sender.send(bytes(160), 1 + tick / 50)
    digits = EventSender()
    digits.add("1")
    for tick in range(4, 6):
        step = digits.tick()
        assert step is not None
        sender.send_event(step, 1 + tick / 50)
    sizes = [(packet.payload_type, len(packet.payload)) for packet in wire.packets]
    assert sizes == [(8, 480), (8, 160), (101, 4), (101, 4)]
    start = wire.packets[0].timestamp
    assert [packet.timestamp - start for packet in wire.packets] == [0, 480, 640, 640]
    for tick in range(6, 9):
        sender.send(bytes(160), 1 + tick / 50)
    assert wire.packets[-1].timestamp - start == 640 + 320


def test_silence_in_packets_that_cannot_be_cut() -> None:
    for ptime, packets in ((10, 12), (20, 6), (60, 2)):
        sender, wire = make()
        sender.configure(96, 48000, 0, ptime)
        for tick in range(6):
            sender.fill(b"quiet", 1 + tick / 50)
        assert len(wire.packets) == packets
        steps = {b.timestamp - a.timestamp for a, b in pairwise(wire.packets)}
        assert steps == {ptime * 48}


def test_what_may_not_be_encrypted_is_not_sent() -> None:
    sender, wire = make()
    sender.protect = lambda _packet: None
    sender.send(bytes(160), 1.0)
    assert not wire.packets
    assert sender.failed == 1
