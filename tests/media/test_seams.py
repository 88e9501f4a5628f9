"""calls.md §3, row *mixing*: whatever takes over from whatever, one stream goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.support.studio import EVENT_TYPE, Studio, TablePhone

from hookflash.media.events import Digit
from hookflash.media.sink import Route
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.packet import RtpPacket, parse


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def event(phone: TablePhone, duration: int, *, begun: int, end: bool = False) -> None:
    """One packet of digit 5, which began at the timestamp `begun`."""
    payload = EventPayload(5, end, duration).encode()
    phone.speak(RtpPacket(EVENT_TYPE, phone.sequence, begun, phone.ssrc, payload))
    phone.sequence = (phone.sequence + 1) & 0xFFFF


def test_the_clock_goes_on_after_a_relayed_event_not_within_it(studio: Studio) -> None:
    """All packets of an event bear the timestamp of its beginning (RFC 4733 §2.2)."""
    ann, bob = studio.phone(), studio.phone()
    ann.say()
    begun = ann.timestamp
    for step in range(1, 11):
        studio.tick()
        event(ann, step * 160, begun=begun)
    for _ in range(3):
        event(ann, 1600, begun=begun, end=True)
    start = bob.heard[-1].timestamp
    studio.phone()
    studio.tick(2)
    assert [packet.timestamp - start for packet in bob.heard[-2:]] == [1600, 1760]


def test_an_end_said_again_does_not_prolong_the_event(studio: Studio) -> None:
    """The repeats of the end take time, too: 20 ms each, as most phones do it."""
    ann, bob = studio.phone(), studio.phone()
    ann.say()
    begun = ann.timestamp
    studio.tick()
    event(ann, 160, begun=begun)
    for _ in range(3):
        studio.tick()
        event(ann, 320, begun=begun, end=True)
    start = bob.heard[-1].timestamp
    studio.phone()
    studio.tick()
    assert bob.heard[-1].timestamp - start == 3 * 160


def test_an_event_in_whose_middle_the_relay_begins_is_told_instead(studio: Studio) -> None:
    """Its time has been filled with sound already; the room sends it on when it is over."""
    ann, bob, eve = studio.phone(), studio.phone(), studio.phone()
    for _ in range(5):
        ann.say()
        studio.tick()
    begun = ann.timestamp
    for step in range(1, 6):
        event(ann, step * 160, begun=begun)
        studio.tick()
    eve.stream.close()
    assert bob.route() is Route.FORWARD
    bob.clear()
    for step in range(6, 11):
        event(ann, step * 160, begun=begun)
    for _ in range(3):
        event(ann, 1600, begun=begun, end=True)
    assert not bob.heard
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("5", 200)]


def test_an_event_of_another_clock_is_told_instead(studio: Studio) -> None:
    """Opus with telephone-event/8000 on one side and /48000 on the other: the lengths differ."""
    ann, bob = studio.phone("opus", dtmf_clock=48000), studio.phone("opus", dtmf_clock=8000)
    assert bob.route() is Route.FORWARD
    ann.say(b"\x78" * 9)
    event(ann, 9600, begun=ann.timestamp, end=True)
    assert {packet.payload_type for packet in bob.heard} == {bob.codec.payload_type}
    assert [e for e in ann.events if isinstance(e, Digit)] == [Digit("5", 200)]


def test_a_new_event_does_not_take_the_old_ones_way(studio: Studio) -> None:
    """The end of the first, which was mixed, was lost; the second is relayed."""
    ann, bob, eve = studio.phone(), studio.phone(), studio.phone()
    ann.say()
    event(ann, 800, begun=5000)
    eve.stream.close()
    bob.clear()
    event(ann, 160, begun=9000)
    event(ann, 320, begun=9000, end=True)
    assert [(d.duration_ms, d.relayed) for d in ann.events if isinstance(d, Digit)] == [
        (100, False),
        (40, True),
    ]
    assert len(bob.heard) == 2


def test_a_resumed_stream_passes_a_pause_once(studio: Studio) -> None:
    """The clock takes over twice before a packet of 60 ms is full."""
    ann = studio.phone(ptime=60)
    studio.tick(3)
    before = ann.heard[-1].timestamp
    held = studio.plan(ann, ptime=60, send=False)
    ann.stream.apply(held)
    studio.tick(100)
    for plan in (studio.plan(ann, ptime=60), held, studio.plan(ann, ptime=60)):
        ann.stream.apply(plan)
        studio.tick()
    studio.tick(2)
    assert ann.heard[-1].timestamp - before == pytest.approx(8000 * 2.06, abs=8000 * 0.06)


class Table:
    """Two phones that talk, and a third that comes and goes; at random moments something is
    switched. What each of the two hears is kept with its time."""

    def __init__(self, seed: int, ptime: int) -> None:
        self.chance = random.Random(seed)
        self.studio = Studio()
        self.ptime = ptime
        self.two = [self.studio.phone(ptime=ptime) for _ in range(2)]
        self.third: TablePhone | None = None
        self.heard: list[list[tuple[float, RtpPacket]]] = [[], []]
        self.due = [self.chance.random() * 0.02 for _ in range(2)]
        self.quiet = [False, False]
        self.digit = [0, 0]
        self.began = [0, 0]
        self.held = [False, False]
        self.time = 0.0

    def run(self, seconds: float) -> None:
        """Packets at their times, ticks every 20 ms, and now and then a switch."""
        switches: list[Callable[[int], None]] = [
            self.mute, self.tone, self.join, self.hush, self.press, self.send, self.hold, self.play,
        ]  # fmt: skip
        tick = 0.02
        while self.time < seconds:
            who = min(range(2), key=self.due.__getitem__)
            at = min(tick, self.due[who])
            self.studio.clock.advance(max(0.0, at - self.time))
            self.time = at
            if at < tick:
                self.speak(who)
            else:
                tick += 0.02
                self.studio.engine.tick()
                if self.chance.random() < 0.04:
                    self.chance.choice(switches)(self.chance.randrange(2))
            for phone, heard in zip(self.two, self.heard, strict=True):
                heard += [(self.time, parse(data)) for data, _ in phone.pair.sent]
                phone.clear()
        self.studio.close()

    def speak(self, who: int) -> None:
        phone = self.two[who]
        if self.digit[who]:
            self.digit[who] -= 1
            left = self.digit[who]
            lasted = max(320, (phone.timestamp - self.began[who]) + 160 - 160 * max(0, 2 - left))
            event(phone, lasted, begun=self.began[who], end=left < 3)
            phone.timestamp += 160
            self.due[who] += 0.02
            return
        if not self.quiet[who]:
            phone.say(b"\x55" * 8 * self.ptime)
            phone.timestamp -= 160
        phone.timestamp += 8 * self.ptime
        self.due[who] += self.ptime / 1000

    def mute(self, who: int) -> None:
        self.two[who].stream.muted = not self.two[who].stream.muted

    def tone(self, who: int) -> None:
        stream = self.two[who].stream
        if stream.sink.player.sound is None:
            stream.play("busy")
        else:
            stream.stop_tone()

    def join(self, _who: int) -> None:
        if self.third is None:
            self.third = self.studio.phone(ptime=self.ptime)
        else:
            self.third.stream.close()
            self.third = None

    def hush(self, who: int) -> None:
        self.quiet[who] = not self.quiet[who]

    def press(self, who: int) -> None:
        if not self.digit[who]:
            self.digit[who] = self.chance.randint(6, 20)
            self.began[who] = self.two[who].timestamp

    def send(self, who: int) -> None:
        self.two[who].stream.send_dtmf("1")

    def hold(self, who: int) -> None:
        held = self.held[who] = not self.held[who]
        plan = {"ptime": self.ptime, "send": not held, "receive_audio": not held}
        self.two[who].stream.apply(self.studio.plan(self.two[who], **plan))

    def play(self, who: int) -> None:
        samples = np.zeros(self.chance.randint(100, 4000), np.int16)
        self.two[who].stream.play_pcm(samples)


@pytest.mark.parametrize("ptime", [20, 10, 60])
@pytest.mark.parametrize("seed", range(4))
def test_one_stream_whatever_is_switched(seed: int, ptime: int) -> None:
    """One SSRC, every sequence number once, sound that never overlaps what was said before,
    timestamps that keep to the time."""
    table = Table(seed, ptime)
    table.run(12)
    for heard in table.heard:
        assert len({packet.ssrc for _, packet in heard}) == 1
        first, base = heard[0][1], heard[0][0]
        end, digit, behind = 0, -1, 0.0
        for number, (at, packet) in enumerate(heard):
            assert packet.sequence == (first.sequence + number) & 0xFFFF
            start = (packet.timestamp - first.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            if packet.payload_type == EVENT_TYPE:
                assert start >= end or packet.timestamp == digit
                digit = packet.timestamp
                end = max(end, start + int.from_bytes(packet.payload[2:], "big"))
                continue
            assert start >= end, f"{at:.3f} s: {(end - start) / 8} ms said twice"
            end = start + len(packet.payload)
            lag = (at - base) * 1000 - start / 8
            assert abs(lag - behind) < 85 + ptime, f"{at:.3f} s: a jump of {lag - behind:.0f} ms"
            behind = lag
