"""RFC 3261 table 4: everything is derived from T1, T2 and T4."""

from __future__ import annotations

from hookflash.sip.timers import Timers


def test_the_defaults_are_those_of_the_rfc() -> None:
    timers = Timers()
    assert (timers.t1, timers.t2, timers.t4) == (0.5, 4.0, 5.0)
    assert timers.transaction == 32.0
    assert timers.invite_linger == 32.0


def test_the_others_follow_t1() -> None:
    assert Timers(t1=0.1).transaction == 6.4
