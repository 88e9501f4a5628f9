"""Packets that are lost on the way to who takes a stream."""

from __future__ import annotations

from hookflash.media.reception import Reception
from hookflash.rtp.rtcp import ReportBlock


def view(highest: int, lost: int) -> ReportBlock:
    return ReportBlock(7000, 255, lost, highest, 0)  # of its own fraction nothing is read


def test_it_is_what_was_lost_since_the_last_time() -> None:
    reception = Reception()
    assert reception.since(None, 100, 0) == (0, 0)
    assert reception.since(view(100, 3), 100, 90) == (0, 0), "the first says nothing"
    assert reception.since(view(150, 13), 150, 140) == (50, 10)
    assert reception.since(view(150, 13), 160, 150) == (0, 0)
    assert reception.since(view(170, 13), 170, 160) == (20, 0)


def test_what_never_came_from_the_publisher_is_not_lost() -> None:
    reception = Reception()
    reception.since(view(100, 0), 100, 100)
    assert reception.since(view(150, 15), 150, 138) == (50, 3)


def test_packets_that_came_twice_are_no_gain() -> None:
    reception = Reception()
    reception.since(view(100, 5), 100, 100)
    assert reception.since(view(150, 2), 150, 150) == (50, 0)


def test_numbers_go_round() -> None:
    reception = Reception()
    reception.since(view(0xFFFFFFF0, 5), 0xFFF0, 100)
    assert reception.since(view(0x10, 9), 0x10, 132) == (32, 4)


def test_a_report_that_goes_back_says_nothing() -> None:
    reception = Reception()
    reception.since(view(100, 5), 100, 100)
    assert reception.since(view(90, 5), 100, 100) == (0, 0)
    assert reception.since(view(120, 6), 120, 120) == (30, 1)


def test_what_was_sent_before_it_began_anew_does_not_count() -> None:
    reception = Reception()
    reception.since(view(100, 0), 100, 100)
    reception.restart(160)
    assert reception.since(view(110, 9), 160, 160) == (0, 0)
    assert reception.since(view(165, 50), 165, 165) == (0, 0), "the first of the new ones"
    assert reception.since(view(185, 52), 185, 185) == (20, 2)
