"""Digits as telephone-events (RFC 4733)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import RtpError
from hookflash.rtp.dtmf import (
    DIGITS,
    QUEUE_LENGTH,
    EventPayload,
    EventReceiver,
    EventSender,
    EventStep,
    parse_event,
)

Packet = tuple[int, bytes]
"""(timestamp, payload)."""


def event(code: int, duration: int, *, end: bool = False) -> bytes:
    return EventPayload(code, end, duration).encode()


def press(code: int, start: int, ticks: int, step: int = 160) -> list[Packet]:
    """One key press as a good sender does it: every 20 ms, three end packets."""
    durations = range(step, ticks, step)
    packets = [(start & 0xFFFFFFFF, event(code, duration)) for duration in durations]
    return packets + [(start & 0xFFFFFFFF, event(code, ticks, end=True))] * 3


def receive(packets: list[Packet], receiver: EventReceiver | None = None) -> list[tuple[str, int]]:
    """20 ms from one packet to the next."""
    receiver = receiver or EventReceiver()
    heard = []
    for index, (timestamp, payload) in enumerate(packets):
        heard += receiver.packet_received(index * 0.02, timestamp, payload)
    return heard


# --- payloads -----------------------------------------------------------------------------------


def test_a_payload_on_the_wire() -> None:
    payload = EventPayload(11, True, 2000, 10)
    assert payload.encode() == bytes.fromhex("0b8a07d0")
    assert parse_event(payload.encode()) == payload
    assert parse_event(bytes.fromhex("010a00a0ffff")) == EventPayload(1, False, 160)


@given(st.binary(max_size=12))
def test_random_payloads_raise_only_rtp_error(data: bytes) -> None:
    receiver = EventReceiver()
    if len(data) >= 4:
        parse_event(data)
        receiver.packet_received(0.0, 1, data)
    else:
        with pytest.raises(RtpError):
            receiver.packet_received(0.0, 1, data)


# --- in -----------------------------------------------------------------------------------------


def test_an_event_is_reported_once_at_its_end_with_its_length() -> None:
    receiver = EventReceiver()
    packets = press(5, 1000, 1600)
    assert receive(packets[:-3], receiver) == []
    assert receiver.active
    assert receive(packets[-3:], receiver) == [("5", 200)]
    assert not receiver.active


@pytest.mark.parametrize("code", range(16))
def test_every_digit(code: int) -> None:
    assert receive(press(code, 0, 800)) == [(DIGITS[code], 100)]


def test_events_that_are_no_digits_are_not_reported() -> None:
    assert receive(press(16, 0, 800) + press(255, 1600, 800)) == []


@pytest.mark.parametrize("kept", range(12))
def test_one_packet_is_enough(kept: int) -> None:
    packets = press(1, 5000, 1600)
    assert len(packets) == 12
    receiver = EventReceiver()
    heard = receiver.packet_received(0.0, *packets[kept])
    heard += receiver.expire(0.2)
    assert [digit for digit, _ in heard] == ["1"]
    assert receiver.packet_received(0.3, *packets[-1]) == []


def test_a_lost_end_is_noticed_after_some_silence() -> None:
    receiver = EventReceiver()
    for index, packet in enumerate(press(7, 0, 800)[:4]):
        assert receiver.packet_received(index * 0.02, *packet) == []
        assert receiver.expire(index * 0.02 + 0.019) == []
    assert receiver.expire(0.06 + 0.11) == []
    assert receiver.expire(0.06 + 0.13) == [("7", 80)]
    assert receiver.expire(9.0) == []


def test_a_new_event_ends_one_whose_end_was_lost() -> None:
    first, second = press(1, 0, 800), press(1, 4000, 800)
    assert receive(first[:3] + second) == [("1", 60), ("1", 100)]


def test_the_same_digit_twice_is_two_events() -> None:
    assert receive(press(4, 0, 800) + press(4, 1600, 800)) == [("4", 100), ("4", 100)]


def test_stragglers_of_earlier_events_are_passed_over() -> None:
    first, second, third = press(1, 0, 800), press(2, 1600, 800), press(3, 3200, 800)
    packets = [*first, second[0], first[-1], *second[1:], third[0], first[0], second[-1]]
    assert receive([*packets, *third[1:], second[-1]]) == [("1", 100), ("2", 100), ("3", 100)]


def test_an_old_packet_between_events_starts_nothing() -> None:
    assert receive([*press(2, 1600, 800), press(1, 0, 800)[0], press(1, 0, 800)[-1]]) == [
        ("2", 100)
    ]


def test_packets_out_of_order_within_an_event() -> None:
    packets = press(9, 0, 1600)
    packets[2], packets[5] = packets[5], packets[2]
    assert receive(packets) == [("9", 200)]


def test_timestamps_that_wrap() -> None:
    assert receive(press(1, -800, 800) + press(2, 800, 800)) == [("1", 100), ("2", 100)]


def test_another_digit_with_the_same_timestamp_is_another_event() -> None:
    """Senders whose clock stands still while they send events."""
    first, second, third = press(1, 4000, 800), press(2, 4000, 800), press(3, 4000, 800)
    assert receive(first + second + third) == [("1", 100), ("2", 100), ("3", 100)]
    assert receive([*first[:3], *second]) == [("1", 60), ("2", 100)]
    mixed = [*first, second[0], first[-1], *second[1:], first[-1]]
    assert receive(mixed) == [("1", 100), ("2", 100)]


def test_end_packets_with_timestamps_of_their_own_are_one_digit() -> None:
    """As some gateways restamp them; the digit pressed next counts."""
    packets = press(1, 0, 800)
    ends = [(timestamp + 160 * number, data) for number, (timestamp, data) in enumerate(packets)]
    assert receive(packets[:-2] + ends[-2:] + press(1, 3200, 800)) == [("1", 100), ("1", 100)]


def test_an_event_whose_timestamp_goes_on_is_one_digit() -> None:
    packets = [(160 * number, data) for number, (_, data) in enumerate(press(2, 0, 1600))]
    assert receive(packets + press(2, 4800, 800)) == [("2", 200), ("2", 100)]
    assert [digit for digit, _ in receive(packets[::3] + press(2, 4800, 800))] == ["2", "2"]


def test_presses_that_a_network_held_back_and_gave_at_once_all_count() -> None:
    receiver, heard = EventReceiver(), list[tuple[str, int]]()
    for start in range(8000, 8000 + 4 * 1200, 1200):  # 100 ms pressed, 50 ms not
        for timestamp, payload in press(5, start, 800):
            heard += receiver.packet_received(1.0, timestamp, payload)
    assert heard == [("5", 100)] * 4


def test_presses_that_come_faster_than_they_say_all_count() -> None:
    """From who sends the ends alone."""
    receiver, heard = EventReceiver(), list[tuple[str, int]]()
    for number in range(4):
        for _ in range(3):
            packet = (8000 + number * 2400, event(5, 2000, end=True))
            heard += receiver.packet_received(number * 0.2, *packet)
    assert heard == [("5", 250)] * 4


def test_after_a_new_stream_any_timestamp_is_good() -> None:
    receiver = EventReceiver()
    assert receive(press(1, 80000, 800), receiver) == [("1", 100)]
    receiver.reset()
    assert receive(press(2, 40000, 800), receiver) == [("2", 100)]


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_very_long_event_goes_on_in_segments(cut: int) -> None:
    """RFC 4733 §2.5.1.3; also when the last packets of a segment are lost."""
    first = [(0, event(6, min(d, 0xFFFF))) for d in range(160, 0xFFFF + 160, 160)]
    second = press(6, 0xFFFF, 1600)
    packets = first[: len(first) - cut] + second
    assert receive(packets) == [("6", (0xFFFF + 1600) // 8)]


def test_another_clock() -> None:
    assert receive(press(3, 0, 9600, step=960), EventReceiver(48000)) == [("3", 200)]


@given(st.integers(0, 10**6))
def test_whatever_is_lost_or_repeated_each_event_comes_once(seed: int) -> None:
    rng = random.Random(seed)
    start = rng.getrandbits(32)
    receiver = EventReceiver()
    now = 0.0
    heard: list[tuple[str, int]] = []
    wanted = []
    for _ in range(rng.randint(1, 6)):
        code, ticks = rng.randrange(16), 160 * rng.randint(2, 20)
        came = 0
        for packet in press(code, start, ticks):
            now += 0.02
            for _ in range(rng.choice([0, 1, 1, 2])):
                came += 1
                heard += receiver.packet_received(now, *packet)
            heard += receiver.expire(now)
        start += ticks + 160 * rng.randint(3, 20)
        now += 0.06
        if came:
            wanted.append(DIGITS[code])
    heard += receiver.expire(now + 1)
    assert [digit for digit, _ in heard] == wanted


# --- out ----------------------------------------------------------------------------------------


def ticks(sender: EventSender) -> list[EventStep | None]:
    """All that is due, tick by tick."""
    steps: list[EventStep | None] = []
    while sender.active:
        steps.append(sender.tick())
        assert len(steps) < 10000
    return steps


def starts(steps: list[EventStep | None]) -> list[int]:
    """Milliseconds at which events begin."""
    return [20 * index for index, step in enumerate(steps) if step is not None and step.first]


def test_nothing_to_send() -> None:
    sender = EventSender()
    assert not sender.active
    assert sender.tick() is None


def test_a_digit_is_250_ms_with_three_end_packets() -> None:
    sender = EventSender()
    sender.add("5")
    assert sender.active
    steps = [step for step in ticks(sender) if step is not None]
    events = [parse_event(step.payload) for step in steps]
    assert [entry.event for entry in events] == [5] * 15
    assert [entry.duration for entry in events] == [*range(160, 2000, 160), 2000, 2000, 2000]
    assert [entry.end for entry in events] == [False] * 12 + [True] * 3
    assert [step.first for step in steps] == [True] + [False] * 14
    assert [step.over for step in steps] == [False] * 12 + [True] * 3
    assert {entry.volume for entry in events} == {10}


def test_digits_come_every_500_ms_and_w_waits_500_more() -> None:
    sender = EventSender()
    sender.add("12w#")
    steps = ticks(sender)
    assert starts(steps) == [0, 500, 1500]
    codes = [parse_event(step.payload).event for step in steps if step is not None and step.first]
    assert codes == [1, 2, 11]


def test_what_the_receiver_makes_of_it() -> None:
    sender, receiver = EventSender(), EventReceiver()
    sender.add("19*#abCD x!")
    heard = []
    start = 0
    for index, step in enumerate(ticks(sender)):
        if step is not None:
            start = 160 * index if step.first else start
            heard += receiver.packet_received(index * 0.02, start, step.payload)
    assert heard == [(digit, 250) for digit in "19*#abcd"]


def test_another_phones_length_is_kept_but_for_the_least() -> None:
    sender = EventSender()
    sender.add("1", on_ms=400, off_ms=0)
    sender.add("2", on_ms=40, off_ms=10)
    sender.add("3")
    steps = ticks(sender)
    ends = [parse_event(step.payload).duration for step in steps if step is not None and step.over]
    assert ends[::3] == [3200, 800, 2000]
    assert starts(steps) == [0, 460, 620]


def test_a_length_beyond_the_field_is_cut() -> None:
    sender = EventSender(48000)
    sender.add("1", on_ms=60000)
    steps = [step for step in ticks(sender) if step is not None]
    longest = max(parse_event(step.payload).duration for step in steps)
    assert 0xFFFF - 48 <= longest <= 0xFFFF


def test_at_most_64_wait_then_the_oldest_is_dropped() -> None:
    sender = EventSender()
    sender.add("1" + "2" * (QUEUE_LENGTH - 1))
    assert sender.dropped == 0
    sender.add("34")
    assert sender.dropped == 2
    orders = []
    while (order := sender.next_digit()) is not None:
        orders.append(order[0])
    assert "".join(orders) == "2" * (QUEUE_LENGTH - 2) + "34"


def test_orders_for_a_peer_without_events() -> None:
    sender = EventSender()
    sender.add("1w")
    assert sender.next_digit() == ("1", 250, 250)
    assert sender.next_digit() == ("", 0, 500)
    assert sender.next_digit() is None
