"""Packets that came, and those that did not."""

from __future__ import annotations

from hookflash.carrier.packets import Packets


def came(*numbers: int, ssrc: int = 7) -> Packets:
    packets = Packets()
    for number in numbers:
        packets.came(ssrc, number)
    return packets


def test_what_is_missing_is_lost() -> None:
    assert (came(5, 6, 9).received, came(5, 6, 9).lost) == (3, 2)
    assert came(65534, 65535, 0, 1).lost == 0
    assert came(65534, 1).lost == 2


def test_what_comes_late_is_not_lost() -> None:
    assert came(5, 7, 6, 8).lost == 0
    assert came(5, 5, 6).lost == 0


def test_another_sender_begins_anew() -> None:
    packets = came(5, 7)
    packets.came(8, 1000)
    packets.came(8, 1001)
    assert (packets.received, packets.lost) == (4, 1)


def test_a_sum() -> None:
    whole, one = came(1, 3), came(1, 4)
    one.sent = 5
    whole.add(one)
    assert (whole.sent, whole.received, whole.lost) == (5, 4, 3)
