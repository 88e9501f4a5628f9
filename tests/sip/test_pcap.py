"""Capture files: the frames that are made up, taken apart again. tshark reads them in
tests/interop/test_pcap.py."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from struct import unpack_from

import pytest

from hookflash.sip.pcap import HEAD, CapturedMessage, Frames, _checksum, pcap

HERE, THERE = ("192.0.2.10", 5060), ("198.51.100.7", 40000)
HERE6, THERE6 = ("2001:db8::10", 5060), ("2001:db8::7", 5060)
DATA = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n!"


def frames(file: bytes) -> Iterator[tuple[float, bytes]]:
    magic, _, _, _, _, _, link = unpack_from("<IHHiIII", file)
    assert (magic, link) == (0xA1B2C3D4, 101)
    place = 24
    while place < len(file):
        seconds, microseconds, size, whole = unpack_from("<IIII", file, place)
        assert size == whole
        place += 16
        yield seconds + microseconds / 1e6, file[place : place + size]
        place += size


def ip_of(frame: bytes) -> tuple[str, str, int, bytes, bytes]:
    """Sender, receiver, protocol, pseudo header, payload; checksum and length hold."""
    if frame[0] >> 4 == 6:
        size, protocol = unpack_from("!HB", frame, 4)
        ends, payload = frame[8:40], frame[40:]
        pseudo = ends + len(payload).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
        assert size == len(payload)
        half = 16
    else:
        assert frame[0] == 0x45
        assert _checksum(frame[:20]) == 0
        assert unpack_from("!H", frame, 2)[0] == len(frame)
        protocol, ends, payload = frame[9], frame[12:20], frame[20:]
        pseudo = ends + bytes([0, protocol]) + len(payload).to_bytes(2, "big")
        half = 4
    assert _checksum(pseudo + payload) == 0
    sender, receiver = ip_address(ends[:half]), ip_address(ends[half:])
    return str(sender), str(receiver), protocol, pseudo, payload


@pytest.mark.parametrize(("here", "there"), [(HERE, THERE), (HERE6, THERE6)])
def test_a_datagram(here: tuple[str, int], there: tuple[str, int]) -> None:
    ((at, frame),) = frames(pcap([CapturedMessage(1700000000.25, "udp", there, here, DATA)]))
    assert at == 1700000000.25
    sender, receiver, protocol, _, payload = ip_of(frame)
    assert (sender, receiver, protocol) == (there[0], here[0], 17)
    assert unpack_from("!HHH", payload) == (there[1], here[1], 8 + len(DATA))
    assert payload[8:] == DATA


def test_a_stream_begins_with_its_handshake_and_counts_both_ways() -> None:
    long = DATA * 100
    messages = [
        CapturedMessage(1.0, "tcp", THERE, HERE, long),
        CapturedMessage(2.0, "tcp", HERE, THERE, DATA),
        CapturedMessage(3.0, "tcp", THERE, HERE, DATA),
    ]
    read: dict[str, bytes] = {"198.51.100.7": b"", "192.0.2.10": b""}
    flags = []
    for _, frame in frames(pcap(messages)):
        sender, receiver, protocol, _, payload = ip_of(frame)
        sequence, answered = unpack_from("!II", payload, 4)
        assert protocol == 6
        flags.append(payload[13])
        if payload[20:]:
            assert sequence == 1 + len(read[sender])
            assert answered == 1 + len(read[receiver])
        read[sender] += payload[20:]
    assert flags[:3] == [0x02, 0x12, 0x10]
    assert read == {"198.51.100.7": long + DATA, "192.0.2.10": DATA}
    assert flags[3:] == [0x18] * 4


def test_what_went_by_tls_is_readable() -> None:
    message = CapturedMessage(1.0, "tls", THERE, ("192.0.2.10", 5061), DATA)
    (*_, (_, frame)) = frames(pcap([message]))
    payload = ip_of(frame)[4]
    assert unpack_from("!HH", payload) == (40000, 5060)
    assert payload.endswith(DATA)


def test_addresses_of_two_families_and_odd_ones() -> None:
    message = CapturedMessage(1.0, "udp", ("fe80::1%eth0", 1), ("192.0.2.10", 2), DATA)
    ((_, frame),) = frames(pcap([message]))
    assert ip_of(frame)[:2] == ("fe80::1", "::ffff:c000:20a")
    message = CapturedMessage(1.0, "udp", ("", 1), ("192.0.2.10", 2), DATA)
    ((_, frame),) = frames(pcap([message]))
    assert ip_of(frame)[0] == "0.0.0.0"


def test_the_largest_message_fits_a_datagram() -> None:
    ((_, frame),) = frames(pcap([CapturedMessage(1.0, "udp", HERE, THERE, bytes(65_536))]))
    assert len(ip_of(frame)[4]) == 65_008


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_file_that_is_written_message_by_message_is_the_same(transport: str) -> None:
    messages = [
        CapturedMessage(1.0, transport, THERE, HERE, DATA),
        CapturedMessage(2.0, transport, HERE, THERE, DATA * 100),
    ]
    one_by_one = Frames()
    parts = [HEAD]
    parts += [one_by_one.of(message) for message in messages]
    assert b"".join(parts) == pcap(messages)
