"""calls.md §3, row *mixing*: relay as it comes, and when the clock takes over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from tests.support.studio import EVENT_TYPE, Studio, TablePhone

from hookflash.audio.tone_bank import amplitude
from hookflash.audio.tones import LONE
from hookflash.media.events import Digit
from hookflash.media.sink import Route
from hookflash.rtp.packet import RtpPacket
from hookflash.runtime.media.engine import MediaEngineSettings


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def seamless(phone: TablePhone) -> None:
    """One SSRC, sequence without holes, timestamps that never go back."""
    heard = phone.heard
    assert len({packet.ssrc for packet in heard}) == 1
    for before, after in pairwise(heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF < 8000


def hears(phone: TablePhone, frequency: float) -> bool:
    """The last 300 ms were that tone, among others."""
    return (
        amplitude(phone.sound(15), frequency, 8000 if phone.codec.name != "G722" else 16000) > 3000
    )


def test_two_phones_are_relayed_as_packets_come(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    assert (ann.route(), bob.route()) == (Route.FORWARD, Route.FORWARD)
    assert bob.stream.receiver.jitter is None
    for number in range(20):
        ann.say(bytes([number]) * 160)
        assert bob.heard[-1].payload == bytes([number]) * 160, "no buffer, no clock"
    assert not ann.heard
    assert bob.heard[0].marker
    assert not bob.heard[1].marker
    assert bob.heard[0].ssrc != ann.ssrc
    assert bob.heard[0].sequence != 100
    assert {b.timestamp - a.timestamp for a, b in pairwise(bob.heard)} == {160}
    seamless(bob)


def test_relay_keeps_gaps_and_order_visible(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for _ in range(10):
        ann.say()
    start = ann.sequence
    for step in (2, 0, 1, 4, 4):  # one late pair, one lost, one twice
        ann.speak(RtpPacket(0, start + step, ann.timestamp + 160 * step, ann.ssrc, bytes(160)))
    sequences = [packet.sequence - bob.heard[9].sequence - 1 for packet in bob.heard[10:]]
    assert sequences == [2, 0, 1, 4]
    assert [p.timestamp - bob.heard[9].timestamp for p in bob.heard[10:]] == [480, 160, 320, 800]


def test_relay_survives_another_ssrc_and_a_sequence_restart(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for _ in range(10):
        ann.say()
        studio.tick()
    ann.ssrc, ann.sequence, ann.timestamp = 99, 60000, 5
    for _ in range(10):
        ann.say()
        studio.tick()
    ann.sequence = 20000
    for _ in range(10):
        ann.say()
        studio.tick()
    assert len(bob.heard) == 29, "the first of a restarted sequence is a stray until confirmed"
    seamless(bob)


def test_the_clock_goes_on_after_the_newest_packet_not_the_last(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for _ in range(5):
        ann.say()
    for step in (3, 1):
        ann.speak(
            RtpPacket(0, ann.sequence + step, ann.timestamp + 160 * step, ann.ssrc, bytes(160))
        )
    newest = bob.heard[-2]
    studio.phone()
    studio.tick()
    assert bob.heard[-1].sequence - newest.sequence == 1
    assert bob.heard[-1].timestamp - newest.timestamp == 160


def test_a_straggler_does_not_begin_a_relay(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for _ in range(5):
        ann.say()
    studio.phone().stream.close()
    ann.speak(RtpPacket(0, ann.sequence - 2, ann.timestamp - 320, ann.ssrc, b"\x77" * 160))
    ann.say(b"\x66" * 160)
    assert [packet.payload[0] for packet in bob.heard[5:]] == [0x66]
    seamless(bob)


def test_another_ssrc_in_a_mixed_room_is_heard_at_once(studio: Studio) -> None:
    """Its timestamps happen to lie a little before the old ones."""
    ann, bob, _eve = studio.phone(), studio.phone(), studio.phone()
    for _ in range(30):
        ann.hum(400)
        studio.tick()
    ann.ssrc += 1
    ann.timestamp -= 160 * 25
    for _ in range(20):
        ann.hum(400)
        studio.tick()
    assert hears(bob, 400)
    assert amplitude(bob.sound(15), 400, 8000) > 7000


def test_other_packet_lengths_are_not_relayed(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone(ptime=40)
    assert ann.route() is Route.MIX
    assert bob.route() is Route.MIX


def test_payload_type_numbers_are_each_sides_own(studio: Studio) -> None:
    from dataclasses import replace

    ann, bob = studio.phone(), studio.phone()
    codec = replace(ann.codec, payload_type=77)
    ann.stream.apply(studio.plan(ann, receive={77: codec}))
    ann.codec = codec
    ann.say()
    bob.say()
    assert bob.heard[-1].payload_type == 0
    assert ann.heard[-1].payload_type == 0


def test_a_third_listener_switches_to_the_clock_and_back(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for _ in range(10):
        ann.hum(400)
        bob.hum(1000)
        studio.tick()
    eve = studio.phone()
    assert {p.route() for p in (ann, bob, eve)} == {Route.MIX}
    for _ in range(40):
        ann.hum(400)
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert (hears(ann, 400), hears(ann, 1000), hears(ann, 1900)) == (False, True, True)
    assert (hears(bob, 400), hears(bob, 1000), hears(bob, 1900)) == (True, False, True)
    assert (hears(eve, 400), hears(eve, 1000), hears(eve, 1900)) == (True, True, False)
    eve.stream.close()
    assert {p.route() for p in (ann, bob)} == {Route.FORWARD}
    for _ in range(40):
        ann.hum(400)
        bob.hum(1000)
        studio.tick()
    assert hears(ann, 1000)
    seamless(ann)
    seamless(bob)


def test_two_laws_are_mixed(studio: Studio) -> None:
    ann, bob = studio.phone("PCMU"), studio.phone("PCMA")
    assert ann.route() is Route.MIX
    for _ in range(40):
        ann.hum(400)
        bob.hum(1000)
        studio.tick()
    assert hears(ann, 1000)
    assert hears(bob, 400)
    assert not hears(bob, 1000)


def test_narrow_and_wide_codecs_in_one_room(studio: Studio) -> None:
    ann, bob, eve = studio.phone("PCMU"), studio.phone("G722"), studio.phone("opus")
    for _ in range(60):
        ann.hum(400)
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    for phone, own in ((ann, 400), (bob, 1000), (eve, 1900)):
        rate = 8000 if phone is ann else 16000
        for frequency in (400, 1000, 1900):
            loud = amplitude(phone.sound(20), frequency, rate)
            assert (loud > 3000) == (frequency != own), (phone.codec.name, frequency)


def test_a_tone_replaces_the_room_but_the_room_goes_on_hearing(studio: Studio) -> None:
    """transfer.md §6."""
    ann, bob = studio.phone(), studio.phone()
    ann.stream.play("ringing")
    assert ann.route() is Route.OWN_SOUND
    assert bob.route() is Route.FORWARD
    for _ in range(40):
        ann.hum(700)
        bob.hum(1000)
        studio.tick()
    assert hears(ann, 425)
    assert not hears(ann, 1000)
    assert hears(bob, 700)
    ann.stream.stop_tone()
    assert ann.route() is Route.FORWARD
    for _ in range(20):
        bob.hum(1000)
        studio.tick()
    assert hears(ann, 1000)
    assert not hears(ann, 425)
    seamless(ann)


def test_mute_takes_a_phone_out_of_the_room_only(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.stream.muted = True
    assert bob.route() is Route.MIX
    for _ in range(20):
        ann.hum(700)
        bob.hum(1000)
        studio.tick()
    assert np.abs(bob.sound(15)).max() < 20
    assert hears(ann, 1000)
    assert len(bob.heard) == 20, "silence is sent"
    ann.stream.muted = False
    ann.stream.muted = False
    assert bob.route() is Route.FORWARD


def test_on_hold_nothing_is_sent_and_the_room_does_not_hear(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.say()
    bob.say()
    ann.stream.apply(studio.plan(ann, send=False, receive_audio=False))
    assert ann.route() is Route.NONE
    ann.clear()
    bob.clear()
    for _ in range(30):
        ann.hum(700)
        bob.hum(1000)
        studio.tick()
    assert ann.heard == []
    assert len(bob.heard) == 30
    assert np.abs(bob.sound()).max() < 20
    ann.stream.apply(studio.plan(ann))
    for _ in range(20):
        ann.hum(700)
        bob.hum(1000)
        studio.tick()
    assert hears(ann, 1000)
    assert hears(bob, 700)
    seamless(bob)


def test_after_hold_the_timestamps_have_passed_the_time(studio: Studio) -> None:
    ann, _bob, _eve = studio.phone(), studio.phone(), studio.phone()
    studio.tick(10)
    before = ann.heard[-1]
    ann.stream.apply(studio.plan(ann, send=False))
    studio.tick(50)
    ann.stream.apply(studio.plan(ann))
    studio.tick()
    after = ann.heard[-1]
    assert after.sequence - before.sequence == 1
    assert after.timestamp - before.timestamp == pytest.approx(51 * 160, abs=160)
    assert after.marker


def test_sendonly_music_of_the_peer_is_not_mixed(studio: Studio) -> None:
    phones = [studio.phone() for _ in range(3)]
    phones[0].stream.apply(studio.plan(phones[0], send=False, receive_audio=False))
    for _ in range(30):
        for phone, frequency in zip(phones, (400, 1000, 1900), strict=True):
            phone.hum(frequency)
        studio.tick()
    assert phones[0].heard == []
    assert not hears(phones[1], 400)
    assert hears(phones[1], 1900)


def test_whom_a_leg_hears_can_be_chosen(studio: Studio) -> None:
    ann, bob, eve = studio.phone(), studio.phone(), studio.phone()
    ann.stream.hears = frozenset({eve.stream.track_sid})
    bob.stream.silence_to_peer = True
    for _ in range(30):
        ann.hum(400)
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert hears(ann, 1900)
    assert not hears(ann, 1000)
    assert np.abs(bob.sound(15)).max() < 20
    assert hears(eve, 400)
    assert hears(eve, 1000)
    ann.stream.hears = None
    bob.stream.silence_to_peer = False
    for _ in range(30):
        ann.hum(400)
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert hears(ann, 1000)
    assert hears(bob, 400)


def test_who_chose_whom_to_hear_does_not_hear_a_phone_without_a_track(studio: Studio) -> None:
    """As one is that is being asked for its PIN; everybody else does."""
    ann, bob, eve = studio.phone(), studio.phone(), studio.phone()
    ann.stream.hears = frozenset({bob.stream.track_sid, eve.stream.track_sid})
    eve.stream.track_sid = ""
    for _ in range(30):
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert (hears(ann, 1000), hears(ann, 1900)) == (True, False)
    assert hears(bob, 1900)
    eve.stream.track_sid = "TR_eve"
    ann.stream.hears = frozenset({"TR_eve"})
    for _ in range(30):
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert (hears(ann, 1000), hears(ann, 1900)) == (False, True)


def test_two_phones_of_which_one_may_not_hear(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.stream.hears = frozenset()
    assert ann.route() is Route.MIX
    assert bob.stream.receiver.jitter is None
    for _ in range(20):
        bob.hum(1000)
        studio.tick()
    assert np.abs(ann.sound()).max() < 20


def test_in_the_wide_room_as_in_the_narrow(studio: Studio) -> None:
    ann, bob, eve = studio.phone("G722"), studio.phone("PCMU"), studio.phone("PCMA")
    ann.stream.hears = frozenset({eve.stream.track_sid})
    bob.stream.silence_to_peer = True
    eve.stream.play("ringing")
    for _ in range(40):
        ann.hum(400)
        bob.hum(1000)
        eve.hum(1900)
        studio.tick()
    assert hears(ann, 1900)
    assert not hears(ann, 1000)
    assert np.abs(bob.sound(15)).max() < 20
    assert hears(eve, 425)


def test_a_phone_alone_hears_silence(studio: Studio) -> None:
    ann = studio.phone()
    studio.tick(30)
    assert len(ann.heard) == 30
    assert np.abs(ann.sound()).max() < 20
    seamless(ann)


def test_in_dev_a_phone_alone_hears_a_soft_beep() -> None:
    studio = Studio(MediaEngineSettings(lone_tone=True))
    ann = studio.phone()
    studio.tick(10)
    assert amplitude(ann.sound(8), LONE.frequencies[0], 8000) > 800
    bob = studio.phone()
    assert ann.route() is Route.FORWARD
    bob.stream.close()
    ann.clear()
    studio.tick(10)
    assert amplitude(ann.sound(8), LONE.frequencies[0], 8000) > 800
    studio.close()


def test_a_silent_phone_leaves_its_listener_silence(studio: Studio) -> None:
    """So that NAT and the peer's media timeout stay open."""
    ann, bob = studio.phone(), studio.phone()
    for _ in range(20):
        ann.say()
        studio.tick()
    before = len(bob.heard)
    studio.tick(100)
    assert len(bob.heard) - before > 85
    assert np.abs(bob.sound(50)).max() < 20
    for number in range(5):
        ann.timestamp += 8000 if number == 0 else 0
        ann.say(bytes([number]) * 160)
        studio.tick()
    assert [packet.payload[0] for packet in bob.heard[-5:]] == [0, 1, 2, 3, 4]
    assert bob.heard[-5].marker
    seamless(bob)


def test_a_relayed_pair_that_never_speaks_gets_silence(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    studio.tick(50)
    assert len(ann.heard) > 35
    assert len(bob.heard) > 35


def event(phone: TablePhone, digit: int, duration: int, *, end: bool = False) -> None:
    payload = bytes([digit, 0x8A if end else 0x0A]) + duration.to_bytes(2, "big")
    phone.speak(
        RtpPacket(EVENT_TYPE, phone.sequence, phone.timestamp, phone.ssrc, payload, duration == 160)
    )
    phone.sequence += 1


def press(phone: TablePhone, digit: int) -> None:
    for step in range(1, 6):
        event(phone, digit, step * 160)
    for _ in range(3):
        event(phone, digit, 960, end=True)
    phone.timestamp += 960


def test_a_telephone_event_is_relayed_as_the_same_event(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    bob.stream.apply(studio.plan(bob, dtmf_send=98))
    ann.say()
    press(ann, 5)
    ann.say()
    events = [packet for packet in bob.heard if packet.payload_type == 98]
    assert [packet.payload[0] for packet in events] == [5] * 8
    assert len({packet.timestamp for packet in events}) == 1
    assert events[0].marker
    assert not events[1].marker
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("5", 120, relayed=True)]
    seamless(bob)


def test_in_a_mixed_room_the_event_is_only_told(studio: Studio) -> None:
    ann, bob, _eve = studio.phone(), studio.phone(), studio.phone()
    ann.say()
    press(ann, 11)
    studio.tick(5)
    assert {packet.payload_type for packet in bob.heard} == {0}
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("#", 120)]


def test_whose_keys_stay_with_him_is_not_relayed(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.stream.no_keys = True
    assert (ann.route(), bob.route()) == (Route.FORWARD, Route.MIX)
    ann.say()
    press(ann, 5)
    studio.tick(5)
    assert {packet.payload_type for packet in bob.heard} == {0}
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("5", 120)]
    ann.stream.no_keys = False
    assert bob.route() is Route.FORWARD


def test_a_peer_without_events_gets_none_relayed(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    bob.stream.apply(studio.plan(bob, dtmf_send=None))
    ann.say()
    press(ann, 1)
    assert {packet.payload_type for packet in bob.heard} == {0}
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("1", 120)]


def test_moving_between_rooms(studio: Studio) -> None:
    ann, bob, eve = studio.phone(), studio.phone(), studio.phone(room="other")
    studio.engine.join("other", ann.stream)
    assert bob.route() is Route.MIX
    assert eve.route() is Route.FORWARD
    studio.engine.join("other", ann.stream)
    studio.engine.leave(eve.stream)
    assert studio.engine.room_of(eve.stream) is None
    studio.engine.leave(eve.stream)
    studio.engine.join("other", eve.stream)
    assert studio.engine.room_of(ann.stream) == "other"
    ann.say()
    assert len(eve.heard) == 1
    studio.engine.drop_room("other")
    studio.engine.drop_room("other")
    assert ann.route() is Route.MIX
    ann.stream.close()
    studio.engine.join("room", ann.stream)
    assert studio.engine.room_of(ann.stream) is None


def test_a_peer_that_changes_its_codec_in_the_middle(studio: Studio) -> None:
    ann, bob = studio.phone("PCMU"), studio.phone("PCMU")
    both = {0: ann.codec, 8: studio.phone("PCMA", room=None).codec}
    ann.stream.apply(studio.plan(ann, receive=both))
    ann.say()
    assert bob.route() is Route.FORWARD
    ann.codec = both[8]
    ann.say(b"\xd5" * 160)
    assert bob.route() is Route.MIX
    for _ in range(20):
        ann.say(b"\x2a" * 160)  # the loudest of A-law
        studio.tick()
    assert np.abs(bob.sound(5)).max() > 30000
    assert {packet.payload_type for packet in bob.heard} == {0}
