"""Digits of one source: forwarded where they can be, told once."""

from __future__ import annotations

import pytest

from hookflash.base.errors import RtpError
from hookflash.media.forward import Forward
from hookflash.media.telephone_events import TelephoneEvents
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.packet import RtpPacket

from .kit import Wire

SSRC = 7


def packet(duration: int, *, begun: int = 1600, end: bool = False, number: int = 5) -> RtpPacket:
    payload = EventPayload(5, end, duration).encode()
    return RtpPacket(101, number, begun, 7, payload)


def make() -> TelephoneEvents:
    events = TelephoneEvents()
    events.configure(frozenset({101}), 8000)
    return events


def test_a_digit_is_told_when_it_is_over() -> None:
    events = make()
    assert events.received(packet(160), (), 5, 8000, 1.0, late=False) == []
    assert events.active
    ended = events.received(packet(800, end=True, number=6), (), 6, 8000, 1.1, late=False)
    assert ended == [("5", 100, False)]
    assert not events.active


def test_one_that_lost_its_end_expires() -> None:
    events = make()
    assert events.expire(1.0) == []
    events.received(packet(160), (), 5, 8000, 1.0, late=False)
    assert events.expire(1.05) == []
    assert events.expire(1.2) == [("5", 20, False)]


def test_each_sink_takes_the_event_or_does_not() -> None:
    """What began before a sink came is not cut into what it hears."""
    events, first, second = make(), Wire(), Wire(2)
    second.sender.event_type = None
    forwards = [Forward(first.sender), Forward(second.sender)]
    events.received(packet(160), forwards, 5, 8000, 1.0, late=False)
    newcomer = Wire(3)
    forwards.append(Forward(newcomer.sender))
    ended = events.received(packet(800, end=True, number=6), forwards, 6, 8000, 1.1, late=False)
    assert ended == [("5", 100, True)]
    assert [len(wire.packets) for wire in (first, second, newcomer)] == [2, 0, 0]


def test_a_new_event_ends_the_one_whose_end_was_lost() -> None:
    events, wire = make(), Wire()
    events.received(packet(160), (), 5, 8000, 1.0, late=False)
    ended = events.received(
        packet(160, begun=9000, end=True, number=9),
        (Forward(wire.sender),),
        9,
        8000,
        2.0,
        late=False,
    )
    assert ended == [("5", 20, False), ("5", 20, True)]


def test_a_restart_forgets_what_went_on() -> None:
    events = make()
    events.restart(SSRC)
    assert not events.received(packet(160), (), 5, 8000, 1.0, late=False)
    assert events.active
    events.restart(SSRC + 1)
    (ended,) = events.received(packet(320, end=True), (), 5, 8000, 1.1, late=False)
    assert ended[:2] == ("5", 40)
    assert not events.received(packet(320, end=True), (), 5, 8000, 1.1, late=False)
    events.restart(SSRC)
    assert events.received(packet(320, end=True), (), 5, 8000, 1.2, late=False)


def test_another_clock() -> None:
    events = make()
    events.configure(frozenset({101}), 48000)
    ended = events.received(packet(4800, end=True), (), 5, 48000, 1.0, late=False)
    assert ended == [("5", 100, False)]


def test_a_cut_payload() -> None:
    with pytest.raises(RtpError):
        make().received(RtpPacket(101, 1, 1, 7, b"\x05"), (), 1, 8000, 1.0, late=False)
