"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

from __future__ import annotations

from struct import unpack_from

from hypothesis import given
from hypothesis import strategies as st

from hookflash.rtp.arrivals import Arrivals


def read(packet: bytes) -> dict[int, float | None]:
    """Number to seconds, None for what did not come, as a sender reads it."""
    size = 4 + 4 * unpack_from("!H", packet, 2)[0]
    assert size == len(packet)
    if packet[0] & 0x20:
        packet = packet[: -packet[-1]]
    first, count, reference = unpack_from("!HHI", packet, 12)
    symbols: list[int] = []
    at = 20
    while len(symbols) < count:
        (chunk,) = unpack_from("!H", packet, at)
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -2, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    time = (reference >> 8) * 0.064
    found: dict[int, float | None] = {}
    for index, symbol in enumerate(symbols[:count]):
        number = (first + index) & 0xFFFF
        found[number] = None
        if symbol:
            form, step = ("!B", 1) if symbol == 1 else ("!h", 2)
            time += unpack_from(form, packet, at)[0] * 0.00025
            at += step
            found[number] = time
    assert at == len(packet)
    return found


def test_the_draft_on_the_wire() -> None:
    arrivals = Arrivals()
    for number, at in ((5, 6.4), (6, 6.401), (8, 6.5)):
        arrivals.arrived(number, 0xABCD, at)
    (packet,) = arrivals.feedback(1)
    assert packet[:20] == bytes.fromhex("afcd0006 00000001 0000abcd 00050004 00006400")
    assert packet[20:] == bytes.fromhex("d480 00 04 018c 0002")


def test_nothing_is_said_where_nothing_came() -> None:
    arrivals = Arrivals()
    assert arrivals.feedback(1) == []
    arrivals.arrived(1, 2, 0.0)
    assert len(arrivals.feedback(1)) == 1
    assert arrivals.feedback(1) == []


def test_what_was_lost_between_two_is_told() -> None:
    arrivals = Arrivals()
    arrivals.arrived(65534, 1, 1.0)
    arrivals.feedback(1)
    arrivals.arrived(1, 1, 1.05)
    (packet,) = arrivals.feedback(1)
    told = read(packet)
    assert [number for number, at in told.items() if at is None] == [65535, 0]
    assert packet[19] == 1, "the second feedback"


def test_one_that_is_late_is_told_by_itself() -> None:
    arrivals = Arrivals()
    for number in (1, 2, 4):
        arrivals.arrived(number, 1, 1.0)
    arrivals.feedback(1)
    arrivals.arrived(3, 1, 1.1)
    (packet,) = arrivals.feedback(1)
    assert list(read(packet)) == [3]
    arrivals.arrived(5, 1, 1.2)
    (packet,) = arrivals.feedback(1)
    assert list(read(packet)) == [5]


def test_a_pause_that_no_delta_can_say_begins_another_packet() -> None:
    arrivals = Arrivals()
    arrivals.arrived(1, 1, 1.0)
    arrivals.arrived(2, 1, 11.0)
    assert [list(read(packet)) for packet in arrivals.feedback(1)] == [[1], [2]]


def test_a_leap_is_no_loss() -> None:
    arrivals = Arrivals()
    arrivals.arrived(1, 1, 1.0)
    arrivals.feedback(1)
    arrivals.arrived(9000, 1, 1.1)
    assert [list(read(packet)) for packet in arrivals.feedback(1)] == [[9000]]


@given(
    st.integers(0, 65535),
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 0.2)), min_size=1, max_size=60),
    st.sets(st.integers(0, 59)),
)
def test_the_sender_reads_when_each_came(
    start: int, steps: list[tuple[int, float]], ends: set[int]
) -> None:
    arrivals = Arrivals()
    number, now = start, 1_700_000_000.0
    came: dict[int, float] = {}
    told: dict[int, float | None] = {}
    for index, (step, pause) in enumerate(steps):
        number += step
        now += pause
        came[number & 0xFFFF] = now
        arrivals.arrived(number & 0xFFFF, 1, now)
        if index in ends:
            for packet in arrivals.feedback(1):
                told |= read(packet)
    for packet in arrivals.feedback(1):
        told |= read(packet)
    received = {number: at for number, at in told.items() if at is not None}
    assert received.keys() == came.keys()
    span = 0x1000000 * 0.064
    for number, at in received.items():
        assert abs(at - came[number] % span) < 0.001
