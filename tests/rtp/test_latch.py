"""From whom media is taken and to whom it goes (calls.md §3, *receiving*, *sending*)."""

from __future__ import annotations

import pytest

from hookflash.rtp.latch import MOST_CANDIDATES, Latch, Symmetric

DESCRIBED = ("8.8.8.8", 4000)
OTHER = ("9.9.9.9", 5000)
PRIVATE = ("192.168.1.5", 4000)


def feed(latch: Latch, now: float, source: tuple[str, int], count: int, ssrc: int = 1) -> bool:
    """Bring `count` packets; the last source heard was heard just now."""
    taken = True
    for _ in range(count):
        taken = latch.packet_received(now, source, ssrc, now)
    return taken


def described(symmetric: Symmetric = "auto", address: tuple[str, int] = DESCRIBED) -> Latch:
    latch = Latch(symmetric)
    assert latch.describe(0.0, address)
    return latch


def test_any_source_is_heard_until_five_packets_of_one_came() -> None:
    latch = described()
    assert feed(latch, 0.1, OTHER, 4)
    assert latch.source is None
    assert feed(latch, 0.1, DESCRIBED, 1, ssrc=2)
    assert feed(latch, 0.1, OTHER, 1)
    assert latch.source == OTHER
    assert not feed(latch, 0.2, DESCRIBED, 1, ssrc=2)
    assert feed(latch, 0.2, OTHER, 1)


def test_five_packets_of_different_streams_latch_nothing() -> None:
    latch = described()
    for ssrc in range(5):
        assert feed(latch, 0.1, OTHER, 1, ssrc=ssrc)
    assert latch.source is None


def test_a_spray_of_sources_is_not_remembered_without_end() -> None:
    latch = described()
    for port in range(1000, 1000 + 3 * MOST_CANDIDATES):
        assert feed(latch, 0.1, ("9.9.9.9", port), 1)
    assert feed(latch, 0.1, DESCRIBED, 5)
    assert latch.source == DESCRIBED


def test_another_source_may_latch_after_two_seconds_of_silence() -> None:
    latch = described()
    feed(latch, 0.1, DESCRIBED, 5)
    assert not latch.packet_received(2.0, OTHER, 7, 0.1)
    assert latch.packet_received(2.1, OTHER, 7, 0.1)
    assert latch.source is None
    feed(latch, 2.2, OTHER, 4, ssrc=7)
    assert latch.source == OTHER


def test_a_latched_source_that_was_silent_is_heard_again() -> None:
    latch = described()
    feed(latch, 0.1, DESCRIBED, 5)
    assert latch.packet_received(60.0, DESCRIBED, 1, 0.1)
    assert latch.source == DESCRIBED


def test_a_new_address_in_the_sdp_forgets_the_latch_the_same_does_not() -> None:
    latch = described()
    feed(latch, 0.1, OTHER, 5)
    assert not latch.describe(1.0, DESCRIBED)
    assert latch.source == OTHER
    assert latch.describe(1.0, ("8.8.8.8", 4002))
    assert latch.source is None


def test_rtp_goes_to_the_sdp_address_until_something_else_is_known() -> None:
    assert Latch().target(0.0) is None
    latch = described()
    assert latch.target(0.0) == DESCRIBED
    feed(latch, 0.1, DESCRIBED, 5)
    assert latch.target(9.0) == DESCRIBED


@pytest.mark.parametrize(
    "address", ["192.168.1.5", "10.0.0.1", "100.64.0.1", "127.0.0.1", "fd00::1"]
)
def test_a_private_sdp_address_yields_to_the_latched_source_at_once(address: str) -> None:
    latch = described(address=(address, 4000))
    feed(latch, 0.1, OTHER, 5)
    assert latch.target(0.1) == OTHER


def test_a_public_sdp_address_yields_after_a_second_in_which_it_sends_nothing() -> None:
    latch = described()
    feed(latch, 0.1, OTHER, 5)
    assert latch.target(0.9) == DESCRIBED
    # It still sends, though nobody listens.
    assert not latch.packet_received(0.9, DESCRIBED, 3, 0.9)
    assert latch.target(1.8) == DESCRIBED
    assert latch.target(1.95) == OTHER


def test_always_and_never() -> None:
    latch = described("always")
    feed(latch, 0.1, OTHER, 5)
    assert latch.target(0.1) == OTHER
    latch = described("never", PRIVATE)
    feed(latch, 0.1, OTHER, 5)
    assert latch.target(9.0) == PRIVATE


def test_a_name_counts_as_public() -> None:
    latch = described(address=("media.example.com", 4000))
    feed(latch, 0.1, OTHER, 5)
    assert latch.target(0.5) == ("media.example.com", 4000)
