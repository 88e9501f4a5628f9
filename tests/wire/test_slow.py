"""Rows whose time is real: all begin with the first test, and are only asked for here."""

from __future__ import annotations

import pytest
from tests.wire.kit.slow import Slow

pytestmark = pytest.mark.interop


def test_200_without_ack(slow: Slow) -> None:
    """calls.md §1: 200 repeated T1, 2·T1 … T2 until ACK, 32 s in all, then BYE and the end."""
    slow.result("no_ack")


def test_our_bye_waits_for_the_ack(slow: Slow) -> None:
    """calls.md §1: BYE of ours waits for the ACK (at most 32 s, RFC 3261 §15)."""
    slow.result("hang_up_without_ack")


def test_no_prack(slow: Slow) -> None:
    """calls.md §1: no PRACK in 32 s: 504."""
    slow.result("no_prack")


def test_no_first_packet(slow: Slow) -> None:
    """calls.md §3: no media: 30 s to the first packet: BYE, `Reason` says so."""
    slow.result("no_first_packet")


def test_unreachable(slow: Slow) -> None:
    """transfer.md §1 unreachable: no answer to REFER for 32 s (timer F) and ringing_timeout is
    longer: canceled 408; §3: the call goes on if RTP came within the last 2 s."""
    slow.result("refer_unanswered")


def test_default_ringing_timeout(slow: Slow) -> None:
    """transfer.md §2: ringing_timeout absent → 30 s."""
    slow.result("default_timeout")


def test_refer_sub_false(slow: Slow) -> None:
    """transfer.md §5: with `Refer-Sub: false` the BYE waits 10 s for the peer's."""
    slow.result("refer_sub_false")


def test_refresh_by_update(slow: Slow) -> None:
    """calls.md §2: we refresh at half time, by UPDATE if Allow has it; 481: BYE."""
    slow.result("update_refresh")


def test_refresh_by_reinvite(slow: Slow) -> None:
    """calls.md §2: else re-INVITE with unchanged SDP."""
    slow.result("reinvite_refresh")


def test_not_refreshed(slow: Slow) -> None:
    """calls.md §2: not refreshed by the peer: BYE at min(32 s, a third) before the end."""
    slow.result("not_refreshed")


def test_rtcp_on_hold(slow: Slow) -> None:
    """calls.md §2: on hold no RTP is sent, RTCP goes on."""
    slow.result("rtcp_on_hold")


def test_latch_again(slow: Slow) -> None:
    """calls.md §3: a latched source silent for 2 s: a new one may latch."""
    slow.result("timeout_ends_by_itself")
