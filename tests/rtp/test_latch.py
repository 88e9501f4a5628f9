"""From whom media is taken and to whom it goes (calls.md §3, *receiving*, *sending*)."""

from __future__ import annotations

import random

import pytest

from hookflash.rtp.latch import MOST_CANDIDATES, Latch, Symmetric

DESCRIBED = ("8.8.8.8", 4000)
SAME_HOST = ("8.8.8.8", 5000)
SIGNALLING = "9.9.9.9"
KNOWN = (SIGNALLING, 5000)
STRANGER = ("1.1.1.1", 6000)
PRIVATE = ("192.168.1.5", 4000)


def feed(
    latch: Latch,
    now: float,
    source: tuple[str, int],
    count: int = 5,
    *,
    ssrc: int = 1,
    last_at: float | None = None,
    proven: bool = False,
) -> int:
    """Bring `count` packets; how many are used. The latched source was heard just now, or then."""
    heard = now if last_at is None else last_at
    return sum(latch.packet_received(now, source, ssrc, heard, proven=proven) for _ in range(count))


def described(symmetric: Symmetric = "auto", address: tuple[str, int] = DESCRIBED) -> Latch:
    latch = Latch(symmetric)
    latch.describe(0.0, address, signalling=SIGNALLING)
    return latch


# --- what the SDP names -----------------------------------------------------------------------


def test_the_address_of_the_sdp_wins_with_its_first_packet() -> None:
    for other in (STRANGER, KNOWN, SAME_HOST):
        latch = described()
        assert feed(latch, 0.1, other) == 5
        assert latch.source == other
        assert feed(latch, 0.2, DESCRIBED, 1, ssrc=2) == 1
        assert latch.source == DESCRIBED
        assert latch.target(0.2) == DESCRIBED
        assert feed(latch, 0.3, other, 50) == 0


@pytest.mark.parametrize("address", [DESCRIBED, PRIVATE])
def test_while_it_sends_nobody_else_is_heard_or_sent_to(address: tuple[str, int]) -> None:
    latch = described(address=address)
    for n in range(1000):
        now = n * 0.02
        assert feed(latch, now, address, 1, last_at=now - 0.02) == 1
        for other in (STRANGER, KNOWN, (address[0], 7)):
            assert feed(latch, now, other, 2, ssrc=9) == 0
        assert latch.target(now) == address


def test_a_stranger_who_came_first_gets_no_sound() -> None:
    """Whatever address the SDP names: its owner has a moment to speak up."""
    for address in (DESCRIBED, PRIVATE):
        latch = described(address=address)
        feed(latch, 0.1, STRANGER)
        assert latch.source == STRANGER
        assert latch.target(0.2) == address
        feed(latch, 0.2, address, 1)
        assert latch.target(20.0) == address


# --- other sources ----------------------------------------------------------------------------


def test_five_packets_of_one_stream_latch() -> None:
    latch = described()
    assert feed(latch, 0.1, STRANGER, 4) == 4
    assert latch.source is None
    assert feed(latch, 0.1, STRANGER, 1) == 1
    assert latch.source == STRANGER


def test_five_packets_of_different_streams_latch_nothing() -> None:
    latch = described()
    for ssrc in range(5):
        assert feed(latch, 0.1, STRANGER, 1, ssrc=ssrc) == 1
    assert latch.source is None


def test_a_spray_of_sources_is_not_remembered_without_end() -> None:
    latch = described()
    for port in range(1000, 1000 + 3 * MOST_CANDIDATES):
        feed(latch, 0.1, (STRANGER[0], port), 1)
    assert feed(latch, 0.1, KNOWN) == 5
    assert latch.source == KNOWN


@pytest.mark.parametrize("known", [KNOWN, SAME_HOST])
def test_a_known_address_comes_before_a_stranger(known: tuple[str, int]) -> None:
    latch = described(address=DESCRIBED)
    feed(latch, 0.1, STRANGER)
    assert feed(latch, 0.2, known, 4) == 0
    assert latch.source == STRANGER
    assert feed(latch, 0.2, known, 1) == 1
    assert latch.source == known
    assert feed(latch, 0.3, STRANGER, 50) == 0


def test_another_port_of_the_address_may_speak_after_two_seconds() -> None:
    latch = described()
    feed(latch, 0.0, KNOWN)
    other = (KNOWN[0], 5002)
    assert feed(latch, 1.9, other, last_at=0.0) == 0
    assert feed(latch, 2.0, other, last_at=0.0) == 5
    assert latch.source == other


def test_another_address_may_speak_after_ten_seconds() -> None:
    latch = described()
    feed(latch, 0.0, DESCRIBED, 1)
    for other in (STRANGER, KNOWN):
        assert feed(latch, 9.9, other, last_at=0.0) == 0
    assert feed(latch, 10.0, KNOWN, last_at=0.0) == 5
    assert latch.source == KNOWN
    assert latch.target(10.0) == KNOWN


def test_what_srtp_proves_speaks_at_once_and_gets_the_sound() -> None:
    latch = described()
    feed(latch, 0.0, DESCRIBED, 1)
    assert feed(latch, 0.5, STRANGER, last_at=0.4, proven=True) == 5
    assert latch.source == STRANGER
    assert latch.target(0.5) == STRANGER
    assert feed(latch, 0.6, DESCRIBED, 1, proven=True) == 1
    assert latch.target(0.6) == DESCRIBED


def test_a_pause_of_the_right_source_gives_its_sound_to_nobody() -> None:
    """2.3 s without a packet, another port of its address sends: it may be heard, no more."""
    latch = described(address=PRIVATE)
    feed(latch, 0.0, PRIVATE, 1)
    feed(latch, 2.1, (PRIVATE[0], 9), 10, last_at=0.0)
    assert latch.target(2.2) == PRIVATE
    feed(latch, 2.3, PRIVATE, 1)
    assert latch.source == PRIVATE


# --- when the session changes -----------------------------------------------------------------


def test_a_new_address_in_the_sdp_forgets_the_latch_the_same_does_not() -> None:
    latch = described()
    feed(latch, 0.1, KNOWN)
    assert not latch.describe(1.0, DESCRIBED, signalling=SIGNALLING)
    assert latch.source == KNOWN
    assert latch.describe(1.0, ("8.8.8.8", 4002), signalling=SIGNALLING)
    assert latch.source is None


@pytest.mark.parametrize("old", [DESCRIBED, KNOWN, STRANGER])
@pytest.mark.parametrize("new", [("8.8.8.8", 4010), ("192.168.7.7", 4010)])
def test_an_old_stream_that_goes_on_is_not_latched_again(
    old: tuple[str, int], new: tuple[str, int]
) -> None:
    latch = described()
    feed(latch, 0.0, old)
    latch.describe(1.0, new, signalling=SIGNALLING)
    assert feed(latch, 1.02, old, 40) == 0
    assert latch.target(1.1) == new
    assert feed(latch, 1.1, new, 1, ssrc=2) == 1
    assert feed(latch, 1.2, old, 40) == 0
    assert latch.target(1.2) == new


def test_an_old_stream_is_heard_where_the_new_one_never_comes() -> None:
    latch = described()
    feed(latch, 0.0, DESCRIBED, 1)
    latch.describe(1.0, ("8.8.8.8", 4010))
    assert feed(latch, 2.9, DESCRIBED) == 0
    assert feed(latch, 3.0, DESCRIBED) == 5
    assert latch.target(3.0) == ("8.8.8.8", 4010)
    assert latch.target(11.0) == DESCRIBED


def test_back_at_a_former_address() -> None:
    latch = described()
    feed(latch, 0.0, DESCRIBED, 1)
    latch.describe(1.0, KNOWN)
    latch.describe(2.0, DESCRIBED)
    assert feed(latch, 2.1, DESCRIBED, 1) == 1
    assert latch.source == DESCRIBED


def test_hold_and_resume_forget_who_came_in_between() -> None:
    for right in (DESCRIBED, KNOWN):
        latch = described()
        feed(latch, 0.0, right)
        assert not latch.describe(1.0, DESCRIBED, signalling=SIGNALLING, held=True)
        feed(latch, 20.0, STRANGER, 10, last_at=1.0)
        assert latch.source == STRANGER
        assert latch.describe(30.0, DESCRIBED, signalling=SIGNALLING)
        assert latch.source == right
        assert feed(latch, 30.1, STRANGER, 50, last_at=1.0) == 0
        assert feed(latch, 30.2, right, 1, last_at=1.0) == 1


# --- where sound goes -------------------------------------------------------------------------


def test_rtp_goes_to_the_sdp_address_until_something_else_is_known() -> None:
    assert Latch().target(0.0) is None
    latch = described()
    assert latch.target(0.0) == DESCRIBED
    feed(latch, 0.1, DESCRIBED, 5)
    assert latch.target(9.0) == DESCRIBED


@pytest.mark.parametrize(
    "address", ["192.168.1.5", "10.0.0.1", "100.64.0.1", "127.0.0.1", "fd00::1"]
)
def test_a_private_sdp_address_yields_to_a_known_source_at_once(address: str) -> None:
    latch = described(address=(address, 4000))
    feed(latch, 0.1, KNOWN)
    assert latch.target(0.1) == KNOWN


def test_a_private_sdp_address_yields_to_another_machine_after_a_moment() -> None:
    """Media that comes past the proxy of the signalling."""
    latch = described(address=PRIVATE)
    feed(latch, 0.1, STRANGER)
    assert latch.target(0.2) == PRIVATE
    assert latch.target(0.25) == STRANGER


def test_a_public_sdp_address_yields_after_a_second_in_which_it_sends_nothing() -> None:
    latch = described()
    feed(latch, 0.1, KNOWN)
    assert latch.target(0.9) == DESCRIBED
    assert latch.target(1.0) == KNOWN


def test_always_and_never() -> None:
    latch = described("always")
    feed(latch, 0.1, STRANGER)
    assert latch.target(0.1) == STRANGER
    latch = described("never", PRIVATE)
    for other in (KNOWN, STRANGER, (PRIVATE[0], 9)):
        assert feed(latch, 60.0, other, 50, last_at=0.0) == 0
    assert feed(latch, 60.0, PRIVATE, 1) == 1
    assert latch.target(60.0) == PRIVATE


def test_a_name_counts_as_public() -> None:
    latch = described(address=("media.example.com", 4000))
    feed(latch, 0.1, KNOWN)
    assert latch.target(0.5) == ("media.example.com", 4000)


def test_whatever_comes_the_named_source_is_served_and_memory_is_bounded() -> None:
    """Random packets of many sources: what the SDP names is used and sent to, always."""
    chance = random.Random(7)
    choices: tuple[Symmetric, ...] = ("auto", "always", "never")
    for symmetric in choices:
        latch = described(symmetric)
        last = 0.0
        assert latch.packet_received(0.0, DESCRIBED, 1, last)
        for n in range(20_000):
            now = n * 0.005
            roll = chance.random()
            if roll < 0.4:
                assert latch.packet_received(now, DESCRIBED, 1, last)
                assert latch.target(now) == DESCRIBED
                last = now
            elif roll < 0.99:
                source = (f"10.0.{chance.randrange(256)}.{chance.randrange(256)}", n)
                assert not latch.packet_received(now, source, n, last) or now - last > 2
            else:
                latch.describe(now, DESCRIBED, held=chance.random() < 0.5)
