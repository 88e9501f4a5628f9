"""calls.md §3, row *jitter*, in virtual time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hookflash.audio.codecs import Opus
from hookflash.rtp.jitter import JitterBuffer, Repair

FRAME = 160
LOUD = 97
"""The codes of µ-law below it are loud."""


def payload(number: int) -> bytes:
    """A recognisable frame: its number in every octet."""
    return bytes([number % LOUD]) * FRAME


class Line:
    """A sender and a puller on one time axis. Events are (time, timestamp, payload)."""

    def __init__(self, arrivals: list[tuple[float, int, bytes]], buffer: JitterBuffer) -> None:
        self.arrivals = sorted(arrivals, key=lambda item: item[0])
        self.buffer = buffer

    def play(self, frames: int, *, start: float = 0.0) -> Iterator[tuple[float, bytes | None]]:
        position = 0
        for tick in range(frames):
            now = start + tick * 0.02
            while position < len(self.arrivals) and self.arrivals[position][0] <= now:
                at, timestamp, data = self.arrivals[position]
                self.buffer.put(timestamp & 0xFFFFFFFF, data, at)
                position += 1
            yield now, self.buffer.pull(now)


def steady(
    count: int, *, base: int = 0, start: float = 0.001, ppm: float = 0.0
) -> list[tuple[float, int, bytes]]:
    period = 0.02 * (1 - ppm / 1e6)
    return [(start + n * period, base + n * FRAME, payload(n)) for n in range(count)]


def heard(frames: list[bytes | None]) -> list[int | None]:
    """Frame numbers in the order played."""
    return [None if frame is None else frame[len(frame) // 2] for frame in frames]


def collapse(numbers: list[int | None]) -> list[int]:
    """Without gaps and without repeats of neighbours (a stretched line crosses packets)."""
    found: list[int] = []
    for number in numbers:
        if number is not None and (not found or found[-1] != number):
            found.append(number)
    return found


def test_plays_everything_in_order_after_a_short_wait() -> None:
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(steady(50), buffer).play(54)]
    played = collapse(heard(frames))
    assert played[:50] == list(range(50))
    assert heard(frames)[:2] == [None, None]
    assert buffer.late == buffer.duplicates == 0


def test_puts_packets_back_in_order() -> None:
    arrivals = steady(40)
    (t10, ts10, p10), (t11, ts11, p11) = arrivals[10], arrivals[11]
    arrivals[10], arrivals[11] = (t11, ts10, p10), (t10, ts11, p11)
    frames = [frame for _, frame in Line(arrivals, JitterBuffer()).play(40)]
    played = collapse(heard(frames))
    assert played == list(range(len(played)))
    assert len(played) >= 37


def test_what_was_overtaken_before_the_start_is_played_first() -> None:
    (_, ts0, p0), (_, ts1, p1) = steady(2)
    arrivals = [(0.001, ts1, p1), (0.002, ts0, p0), *steady(40)[2:]]
    frames = [frame for _, frame in Line(arrivals, JitterBuffer()).play(40)]
    assert collapse(heard(frames))[:3] == [0, 1, 2]


def test_drops_duplicates() -> None:
    buffer = JitterBuffer()
    arrivals = steady(40)
    frames = [frame for _, frame in Line(arrivals + arrivals[:38], buffer).play(40)]
    played = collapse(heard(frames))
    assert played == list(range(len(played)))
    assert buffer.duplicates == 38


def test_a_lost_packet_is_concealed_once_and_costs_no_delay() -> None:
    arrivals = steady(60)
    del arrivals[20]
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(arrivals, buffer).play(60)]
    numbers = heard(frames)
    place = numbers.index(19)
    assert numbers[place : place + 3] == [19, None, 21]
    assert buffer.concealed == 1


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
@pytest.mark.parametrize("wide", [False, True])
def test_loss_costs_no_delay_at_any_packet_length(ptime: int, wide: bool) -> None:
    """What is lost is concealed by its own length, be it a part of a frame or more than one."""
    octets, noise = ptime * 8, random.Random(6)
    arrivals = [
        (0.001 + n * ptime / 1000, n * octets, bytes(octets))
        for n in range(60_000 // ptime)
        if n < 9 or noise.random() > 0.08
    ]
    buffer = JitterBuffer(8000, 32, 2, lambda data: data * 4) if wide else JitterBuffer()
    depths = [buffer.depth_ms for _ in Line(arrivals, buffer).play(2990)]
    assert max(depths) <= ptime + 40
    assert sum(depths[-500:]) / 500 <= ptime / 2 + 20
    assert buffer.skipped == buffer.late == 0


def test_a_hole_after_a_faded_sound_is_silent() -> None:
    """Packets of 50 ms, two lost: what began in a frame goes on to its end, whole frames are the
    consumer's to fade, and the rest before the next packet is no old sound."""
    arrivals = [(0.001 + n * 0.05, n * 400, bytes([n + 1]) * 400) for n in range(12)]
    del arrivals[5:7]
    buffer = JitterBuffer(silence=b"\xd5")
    frames = [frame for _, frame in Line(arrivals, buffer).play(28)]
    first = next(index for index, frame in enumerate(frames) if frame and 8 in frame)
    hole = frames[first - 5 : first]
    assert hole[0] == bytes([5]) * 160
    assert hole[1:] == [None] * 4
    assert (frames[first] or b"").lstrip(b"\xd5") == bytes([8]) * 80


def test_a_late_packet_is_dropped_when_a_later_one_has_been_played() -> None:
    arrivals = steady(60)
    arrivals[20] = (arrivals[20][0] + 0.09, *arrivals[20][1:])
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(arrivals, buffer).play(60)]
    assert 20 not in heard(frames)
    assert buffer.late == 1


def test_a_network_that_has_become_slower_is_followed() -> None:
    """The network takes 50 ms longer from the 100th packet on: a pause, then everything."""
    arrivals = steady(100) + [(at + 0.05, ts, data) for at, ts, data in steady(300)[100:]]
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(arrivals, buffer).play(298)]
    numbers = heard(frames)
    after = collapse(numbers[110:])
    assert after == [n % LOUD for n in range(after[0], after[0] + len(after))]
    assert numbers[110:].count(None) == 0


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_an_hour_of_drift_causes_no_gap_and_no_growing_delay(ppm: float) -> None:
    buffer = JitterBuffer()
    count = 3600 * 50
    arrivals = steady(round(count * (1 + ppm / 1e6)) + 10, ppm=ppm)
    gaps, deepest, lengths = 0, 0.0, set()
    for tick, (_, frame) in enumerate(Line(arrivals, buffer).play(count)):
        if tick > 10:
            gaps += frame is None
            deepest = max(deepest, buffer.depth_ms)
            lengths.add(len(frame or b""))
    assert gaps == 0
    assert buffer.concealed == buffer.late == buffer.skipped == 0
    assert deepest < 60
    assert max(lengths) - min(lengths) <= 8
    assert lengths != {FRAME}


@pytest.mark.parametrize("swing", [0.01, 0.03, 0.06])
def test_the_delay_adapts_to_jitter_within_its_bounds(swing: float) -> None:
    noise = random.Random(3)
    arrivals = [(at + noise.random() * swing, ts, data) for at, ts, data in steady(5000)]
    buffer = JitterBuffer()
    depths = []
    missing = 0
    for tick, (_, frame) in enumerate(Line(arrivals, buffer).play(5000)):
        if tick > 1500:
            missing += frame is None
            depths.append(buffer.depth_ms)
    assert missing <= 10
    assert sum(depths) / len(depths) < swing * 1000 + 50
    assert max(depths) < 160


def test_the_delay_shrinks_again_when_jitter_is_over() -> None:
    noise = random.Random(4)
    rough = [(at + noise.random() * 0.08, ts, data) for at, ts, data in steady(1500)]
    calm = [(at + 0.04, ts, data) for at, ts, data in steady(6000)[1500:]]
    buffer = JitterBuffer()
    depths = [buffer.depth_ms for _ in Line(rough + calm, buffer).play(5990)]
    assert sum(depths[1000:1500]) / 500 > 45
    assert sum(depths[-500:]) / 500 < 30


@pytest.mark.parametrize(
    ("codec", "octets", "sound", "quiet"),
    [
        ({}, FRAME, b"\x20", False),
        ({}, FRAME, b"\xf0", True),
        ({"silence": b"\xd5"}, FRAME, b"\x20", False),
        ({"silence": b"\xd5"}, FRAME, b"\x5a", True),
        ({"octets_per_ms": 16, "unit": 2, "silence": bytes(2)}, 2 * FRAME, b"\x00\x20", False),
        ({"octets_per_ms": 16, "unit": 2, "silence": bytes(2)}, 2 * FRAME, b"\x00\xc0", False),
        ({"octets_per_ms": 16, "unit": 2, "silence": bytes(2)}, 2 * FRAME, b"\x80\xff", True),
    ],
)
def test_silence_is_stretched_more_than_sound(
    codec: dict[str, Any], octets: int, sound: bytes, quiet: bool
) -> None:
    """The network takes 25 ms longer all at once, and nothing comes too late to be played."""
    data = sound * (octets // len(sound))
    arrivals = [(at + 0.025 * (n >= 150), ts, data) for n, (at, ts, _) in enumerate(steady(700))]
    buffer = JitterBuffer(decode=bytes if octets > FRAME else None, **codec)
    frames = [frame or b"" for _, frame in Line(arrivals, buffer).play(650)]
    changed = [n for n, frame in enumerate(frames) if n > 10 and len(frame) != octets]
    most = max(abs(len(frames[n]) / octets - 1) for n in changed)
    assert len(changed) == (3 if quiet else 28)
    assert most == pytest.approx(0.25 if quiet else 0.025)


def test_the_delay_grows_within_a_second_where_nobody_speaks() -> None:
    quiet, loud = b"\xff" * FRAME, b"\x20" * FRAME
    found = []
    for data in (quiet, loud):
        arrivals = [(at + 0.025 * (n >= 60), ts, data) for n, (at, ts, _) in enumerate(steady(299))]
        frames = [frame or b"" for _, frame in Line(arrivals, JitterBuffer()).play(290)]
        found.append(next(n for n, frame in enumerate(frames) if n > 10 and len(frame) != FRAME))
    assert found == [101, 201]


def test_a_burst_after_a_pause_does_not_leave_a_long_delay() -> None:
    arrivals = steady(50) + [(max(at, 1.5), ts, data) for at, ts, data in steady(300)[50:]]
    buffer = JitterBuffer()
    depths = [buffer.depth_ms for _ in Line(arrivals, buffer).play(290)]
    assert buffer.skipped >= 1
    assert depths[-1] <= 125


def test_survives_a_restart_of_sequence_and_timestamp() -> None:
    first = steady(50)
    second = [(at + 1.0, ts, data) for at, ts, data in steady(50, base=0x90000000)]
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(first + second, buffer).play(104)]
    played = collapse(heard(frames))
    assert played[:50] == list(range(50))
    assert played[50:] == list(range(played[50], 50))
    assert played[50] <= 3


def test_one_stray_timestamp_changes_nothing() -> None:
    buffer = JitterBuffer()
    arrivals = [*steady(50), (0.5, 0x70000000, payload(200))]
    frames = [frame for _, frame in Line(arrivals, buffer).play(52)]
    played = collapse(heard(frames))
    assert played == list(range(50))


def test_restart_forgets_the_stream() -> None:
    buffer = JitterBuffer()
    list(Line(steady(20), buffer).play(20))
    buffer.restart()
    assert buffer.idle
    assert buffer.pull(0.4) is None
    frames = [frame for _, frame in Line(steady(20, start=0.401), buffer).play(20, start=0.42)]
    assert collapse(heard(frames))[:3] == [0, 1, 2]


def test_the_timestamp_may_wrap() -> None:
    buffer = JitterBuffer()
    arrivals = steady(100, base=0xFFFFFFFF - 40 * FRAME)
    frames = [frame for _, frame in Line(arrivals, buffer).play(100)]
    assert None not in frames[3:]


def test_a_pause_of_the_sender_starts_afresh_without_growth() -> None:
    talk = steady(50)
    more = [(at + 10, ts + 80000, data) for at, ts, data in steady(50)]
    buffer = JitterBuffer()
    frames = list(Line(talk + more, buffer).play(560))
    numbers = heard([frame for _, frame in frames])
    assert numbers[:60].count(None) <= 12
    assert collapse(numbers[490:]) == list(range(50))
    assert buffer.concealed <= 20


@pytest.mark.parametrize("ptime", [10, 30, 40, 60])
def test_packets_of_other_lengths(ptime: int) -> None:
    octets = ptime * 8
    arrivals = [
        (0.001 + n * ptime / 1000, n * octets, bytes([n % LOUD]) * octets) for n in range(100)
    ]
    buffer = JitterBuffer()
    frames = [frame for _, frame in Line(arrivals, buffer).play(100 * ptime // 20 - 10)]
    settled = frames[8:]
    assert None not in settled
    line = b"".join(frame for frame in settled if frame)
    numbers = [line[0]] + [b for a, b in itertools.pairwise(line) if a != b]
    assert numbers == [n % LOUD for n in range(numbers[0], numbers[0] + len(numbers))]


def test_a_hole_inside_a_frame_repeats_what_was_before() -> None:
    octets = 80
    arrivals = [(0.001 + n * 0.01, n * octets, bytes([n]) * octets) for n in range(40)]
    del arrivals[21]
    frames = [frame for _, frame in Line(arrivals, JitterBuffer()).play(20)]
    line = b"".join(frame for frame in frames if frame)
    assert bytes([20]) * 160 in line
    assert bytes([21]) not in line


def test_a_codec_with_memory_is_decoded_in_the_order_of_play() -> None:
    order: list[int] = []

    def decode(data: bytes) -> bytes:
        order.append(data[0])
        return bytes([data[0]]) * 640

    buffer = JitterBuffer(8000, 32, 2, decode)
    arrivals = steady(30)
    (t5, ts5, p5), (t6, ts6, p6) = arrivals[5], arrivals[6]
    arrivals[5], arrivals[6] = (t6, ts5, p5), (t5, ts6, p6)
    frames = [frame for _, frame in Line(arrivals, buffer).play(30)]
    assert order == sorted(order)
    assert {len(frame) for frame in frames[6:] if frame} <= {640, 640 - 16, 640 + 16}


def test_an_unreadable_payload_counts_as_lost() -> None:
    buffer = JitterBuffer(8000, 32, 2, lambda data: b"" if data[0] == 7 else data[:1] * 640)
    frames = [frame for _, frame in Line(steady(30), buffer).play(30)]
    numbers = heard(frames)
    assert 7 not in numbers
    assert numbers[numbers.index(6) + 1 : numbers.index(8)].count(None) <= 1


class Noted:
    """A decoder that repairs: each sample of a packet is its number, 1000 more of what is recovered
    from it, and -1 of what is concealed."""

    def __init__(self) -> None:
        self.concealed: list[int] = []
        self.recovered: list[tuple[int, int]] = []

    @staticmethod
    def decode(data: bytes) -> bytes:
        return np.full(len(data) * 2, data[0], np.int16).tobytes()

    def conceal(self, samples: int) -> NDArray[np.int16]:
        self.concealed.append(samples)
        return np.full(samples, -1, np.int16)

    def recover(self, payload: bytes, samples: int) -> NDArray[np.int16]:
        self.recovered.append((payload[0], samples))
        return np.full(samples, 1000 + payload[0], np.int16)

    def buffer(self) -> JitterBuffer:
        return JitterBuffer(8000, 32, 2, self.decode, bytes(2), self)


def sounds(frames: list[bytes | None]) -> list[int | None]:
    """The middle sample of each frame."""
    return [None if frame is None else int(np.frombuffer(frame, np.int16)[160]) for frame in frames]


def test_a_lost_packet_is_recovered_from_the_one_behind_it() -> None:
    decoder = Noted()
    buffer = decoder.buffer()
    arrivals = steady(60)
    del arrivals[20]
    numbers = sounds([frame for _, frame in Line(arrivals, buffer).play(60)])
    place = numbers.index(19)
    assert numbers[place : place + 3] == [19, 1021, 21]
    assert (decoder.recovered, decoder.concealed) == ([(21, 320)], [])
    assert buffer.concealed == 1


def test_of_several_lost_packets_the_last_is_recovered() -> None:
    decoder = Noted()
    arrivals = steady(60)
    arrivals[23] = (arrivals[20][0], *arrivals[23][1:])  # there in time to know of the loss
    del arrivals[20:23]
    numbers = sounds([frame for _, frame in Line(arrivals, decoder.buffer()).play(60)])
    place = numbers.index(19)
    assert numbers[place : place + 5] == [19, -1, -1, 1023, 23]
    assert decoder.concealed == [320, 320]


def test_a_packet_that_is_only_late_is_waited_for_with_concealed_sound() -> None:
    decoder = Noted()
    arrivals = [
        (at + 0.06 * (at > 0.4), ts, bytes([130 + n]) * FRAME)
        for n, (at, ts, _) in enumerate(steady(60))
    ]
    frames = [frame for _, frame in Line(arrivals, decoder.buffer()).play(60)]
    numbers = sounds(frames)
    heard_ones = [number for number in numbers[3:] if number is not None and number >= 0]
    assert heard_ones == list(range(heard_ones[0], heard_ones[0] + len(heard_ones)))
    assert -1 in numbers
    assert None not in numbers[3:]
    assert decoder.recovered == []


def test_an_unreadable_packet_is_recovered_as_a_lost_one() -> None:
    decoder = Noted()
    buffer = JitterBuffer(
        8000,
        32,
        2,
        lambda data: b"" if data[0] == 7 else decoder.decode(data),
        bytes(2),
        decoder,
    )
    numbers = sounds([frame for _, frame in Line(steady(30), buffer).play(30)])
    assert numbers[numbers.index(6) : numbers.index(8) + 1] == [6, 1008, 8]
    assert decoder.recovered == [(8, 320)]


def test_concealing_ends_with_the_stream_and_leaves_nothing_behind() -> None:
    """Also where it ends while the line is played faster, in frames of a little over 20 ms."""
    decoder = Noted()
    buffer = decoder.buffer()
    talk = [(at, ts, bytes([200]) * FRAME) for at, ts, _ in steady(208)]
    more = [(at + 10, ts + 80000, data) for at, ts, data in steady(20)]
    frames, left = [], set()
    for _, frame in Line(talk + more, buffer).play(515):
        frames.append(frame)
        if 220 < len(frames) < 500:
            left.add(buffer.depth_ms)
    assert len(frames[207] or b"") > 640
    assert 3 <= sounds(frames).count(-1) <= 8
    assert left == {0.0}
    assert sounds(frames)[220:] == [None] * 282 + list(range(13))


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_repairing_costs_no_delay_at_any_packet_length(ptime: int) -> None:
    octets, noise = ptime * 8, random.Random(6)
    arrivals = [
        (0.001 + n * ptime / 1000, n * octets, bytes(octets))
        for n in range(60_000 // ptime)
        if n < 9 or noise.random() > 0.08
    ]
    decoder = Noted()
    buffer = decoder.buffer()
    played = [(frame, buffer.depth_ms) for frame in Line(arrivals, buffer).play(2990)]
    assert max(depth for _, depth in played) <= ptime + 40
    assert sum(depth for _, depth in played[-500:]) / 500 <= ptime / 2 + 20
    assert buffer.skipped == buffer.late == 0
    assert max(samples for _, samples in decoder.recovered) <= ptime * 16
    assert [frame for (_, frame), _ in played[4:]].count(None) < 30  # only after 100 ms of nothing


def speech(seconds: float) -> NDArray[np.int16]:
    """Like a vowel, 16 kHz: harmonics of a pitch that moves, with two formants, in syllables."""
    time = np.arange(round(16000 * seconds)) / 16000
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time)) / 16000
    sound = np.zeros(len(time))
    for number in range(1, 26):
        at = 120 * number
        level = np.exp(-(((at - 500) / 300) ** 2)) + 0.6 * np.exp(-(((at - 1500) / 400) ** 2))
        sound += (level + 0.02) * np.sin(number * pitch)
    sound *= np.clip(np.sin(2 * np.pi * 2.3 * time) + 1.2, 0, 2)
    result: NDArray[np.int16] = (sound / np.abs(sound).max() * 12000).astype(np.int16)
    return result


class ConcealingOnly:
    """Opus without what the next packet knows."""

    def __init__(self, codec: Opus) -> None:
        self._codec = codec

    def conceal(self, samples: int) -> NDArray[np.int16]:
        return self._codec.conceal(samples)

    def recover(self, payload: bytes, samples: int) -> NDArray[np.int16]:
        return self._codec.conceal(samples)


Frames = NDArray[np.float64]


def listen(
    packets: list[bytes], lost: set[int], repair: Callable[[Opus], Repair | None]
) -> tuple[Frames, JitterBuffer]:
    """What is heard of them at the ticks, before the delay is judged and changed."""
    codec = Opus()
    buffer = JitterBuffer(
        48000, 32, 2, lambda data: codec.decode(data).tobytes(), bytes(2), repair(codec)
    )
    arrivals = [
        (0.001 + n * 0.02, n * 960, packet) for n, packet in enumerate(packets) if n not in lost
    ]
    frames = [frame or bytes(640) for _, frame in Line(arrivals, buffer).play(200)]
    return np.stack([np.frombuffer(frame, np.int16) for frame in frames]).astype(float), buffer


def test_ten_percent_of_opus_are_lost() -> None:
    """What is concealed is as loud as its neighbours; what is recovered is the sound itself."""
    encoder, noise = Opus(fec=True), random.Random(9)
    sound = speech(24)
    packets = [encoder.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    whole, fec, plc = [], [], []
    for start in range(0, 1200, 200):
        part = packets[start : start + 200]
        lost = {n for n in range(10, 195) if noise.random() < 0.1}
        original, _ = listen(part, set(), lambda codec: codec)
        recovered, buffer = listen(part, lost, lambda codec: codec)
        concealed, _ = listen(part, lost, ConcealingOnly)
        faded, _ = listen(part, lost, lambda _: None)
        assert buffer.concealed == len(lost)
        at = [n for n in range(10, 200) if not faded[n].any()]
        assert len(at) == len(lost)
        at = [n for place, n in enumerate(at) if sorted(lost)[place] + 1 not in lost]
        whole.append(original[at])
        fec.append(recovered[at])
        plc.append(concealed[at])
    wanted = np.concatenate(whole)

    def level(frames: Frames) -> Frames:
        levels: Frames = np.sqrt((frames**2).mean(axis=1))
        return levels

    def likeness(frames: Frames) -> float:
        return float(np.corrcoef(frames.ravel(), wanted.ravel())[0, 1])

    for frames in (np.concatenate(fec), np.concatenate(plc)):
        ratio = level(frames) / level(wanted)
        assert 0.7 < np.median(ratio) < 1.3
        assert (ratio < 0.2).mean() < 0.1
    assert likeness(np.concatenate(fec)) > 0.9
    assert likeness(np.concatenate(fec)) > likeness(np.concatenate(plc)) + 0.1


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 2),
            st.integers(0, 0xFFFFFFFF) | st.integers(0, 40000),
            st.binary(max_size=400),
        ),
        max_size=60,
    )
)
def test_anything_may_come(arrivals: list[tuple[float, int, bytes]]) -> None:
    buffer = JitterBuffer()
    for _, frame in Line(arrivals, buffer).play(150):
        assert frame is None or 140 <= len(frame) <= 180
        assert buffer.idle or buffer.depth_ms <= 340
    codec = Opus()
    decode = lambda data: codec.decode(data).tobytes()  # noqa: E731
    buffer = JitterBuffer(48000, 32, 2, decode, bytes(2), codec)
    for _, frame in Line(arrivals, buffer).play(150):
        assert frame is None or 560 <= len(frame) <= 720
        assert buffer.idle or buffer.depth_ms <= 460


def test_the_mean_delay_stops_at_120_ms_whatever_the_network_does() -> None:
    """Packets up to 240 ms late: half of that is waited for on the average, and no more, so
    that the buffer neither runs over nor has to begin anew."""
    noise = random.Random(5)
    arrivals = [(at + noise.random() * 0.24, ts, data) for at, ts, data in steady(6000)]
    buffer = JitterBuffer()
    played = [(frame, buffer.depth_ms) for _, frame in Line(arrivals, buffer).play(6000)][2000:]
    assert [frame for frame, _ in played].count(None) < 40
    assert buffer.skipped == 0
    # What waits is 120 ms and the packets of the next moment; without the bound it is 185 ms.
    assert sum(depth for _, depth in played) / len(played) < 160
