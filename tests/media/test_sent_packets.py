"""The last packets of a stream."""

from __future__ import annotations

from hookflash.media.sent_packets import KEPT, MAX_OCTETS, MAX_TIMES, SentPackets


def test_half_a_second_is_kept() -> None:
    sent = SentPackets()
    sent.keep(1, b"one", 10.0)
    sent.keep(2, b"two", 10.3)
    assert sent.again(1, 10.0 + KEPT) == b"one"
    assert sent.again(1, 10.6) is None
    assert sent.again(2, 10.6) == b"two"
    sent.keep(3, b"three", 10.7)
    assert len(sent) == 2
    assert sent.octets == 8


def test_a_packet_that_was_not_sent_is_not_sent_again() -> None:
    assert SentPackets().again(1, 0.0) is None


def test_octets_are_bounded() -> None:
    sent = SentPackets()
    size = MAX_OCTETS // 4
    for number in range(10):
        sent.keep(number, bytes(size), 1.0)
    assert len(sent) == 4
    assert sent.octets == MAX_OCTETS
    assert sent.again(5, 1.0) is None
    assert sent.again(6, 1.0) is not None


def test_one_packet_is_sent_again_some_times_only() -> None:
    sent = SentPackets()
    sent.keep(1, b"one", 1.0)
    assert [sent.again(1, 1.0) for _ in range(MAX_TIMES)] == [b"one"] * MAX_TIMES
    assert sent.again(1, 1.0) is None


def test_a_number_that_comes_again_is_the_newer_packet() -> None:
    sent = SentPackets()
    sent.keep(1, b"old", 1.0)
    sent.keep(1, b"new", 1.4)
    sent.keep(2, b"two", 1.6)
    assert sent.again(1, 1.6) == b"new"
