"""One stream that goes out: what it is sent, and by whom."""

from __future__ import annotations

import numpy as np
from tests.support.studio import CODECS

from hookflash.audio.tones import ToneBook
from hookflash.media.sink import Route, Sink
from hookflash.media.voice import FrameEncoder

from .kit import Wire


def make() -> tuple[Sink, Wire]:
    wire = Wire()
    return Sink(wire.sender, ToneBook()), wire


def test_the_same_agreement_again_begins_nothing_anew() -> None:
    sink, wire = make()
    sink.configure(CODECS["PCMA"], 20, sends=True)
    wire.sender.send(bytes(160), 1.0)
    sink.configure(CODECS["PCMA"], 20, sends=False)
    assert not sink.sends
    assert not wire.sender.mark
    sink.configure(CODECS["PCMA"], 40, sends=True)
    assert wire.sender.mark
    assert wire.sender.span == 320


def test_which_routes_are_the_clocks() -> None:
    sink, _ = make()
    clocked = {}
    for route in Route:
        sink.route = route
        clocked[route.name] = sink.clocked
    assert clocked == {"NONE": False, "FORWARD": False, "MIX": True, "OWN_SOUND": True}


def test_an_event_takes_the_place_of_sound() -> None:
    sink, wire = make()
    assert not sink.send_event(1.0)
    sink.player.press("1", 100, 50, 8000, as_sound=False)
    assert sink.send_event(1.0)
    assert [packet.payload_type for packet in wire.packets] == [101]
    wire.sender.event_type = None
    assert not sink.send_event(1.02)
    assert len(wire.packets) == 1


def test_sound_that_is_gathered_is_dropped_for_an_event_and_its_time_passes() -> None:
    sink, wire = make()
    sink.configure(CODECS["opus"], 60, sends=True)
    sink.encoder = FrameEncoder(CODECS["opus"], 60)
    assert sink.encoder.encode(np.zeros(320, np.int16)) == []
    sink.player.press("1", 100, 50, 8000, as_sound=False)
    before = wire.sender.timestamp
    sink.send_event(1.0)
    assert wire.packets[0].timestamp - before == 960 + 2880
    assert sink.encoder.drop() == 0


def test_what_is_gathered_is_not_said_when_the_clock_takes_over_again() -> None:
    sink, _ = make()
    sink.configure(CODECS["opus"], 60, sends=True)
    sink.resume(1.0)
    sink.encoder = FrameEncoder(CODECS["opus"], 60)
    sink.encoder.encode(np.zeros(320, np.int16))
    sink.resume(2.0)
    assert sink.encoder.drop() == 0


def test_an_encoder_goes_on_while_it_fits() -> None:
    sink, _ = make()
    sink.configure(CODECS["opus"], 60, sends=True)
    encoder = sink.encoder_for(CODECS["opus"], 8000, 1)
    assert (encoder.rate, sink.encoder) == (8000, encoder)
    encoder.encode(np.zeros(160, np.int16))
    assert sink.encoder_for(CODECS["opus"], 16000, 1) is encoder
    assert encoder.rate == 16000
    assert encoder.drop() == 1
    sink.configure(CODECS["G722"], 20, sends=True)
    assert sink.encoder_for(CODECS["G722"], 16000, 1) is not encoder
