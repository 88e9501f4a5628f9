"""One WebRTC participant: what it publishes, takes and is sent."""

from __future__ import annotations

import pytest
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer

LOW, HIGH = 440.0, 700.0
MODES = pytest.mark.parametrize("two", [False, True], ids=["one-connection", "two-connections"])


@MODES
def test_two_clients_hear_each_other(two: bool) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=two) as ann, RtcPeer(lab, "bob", two=two) as bob:
            low = await ann.speak(LOW)
            await bob.hears(low, LOW)
            high = await bob.speak(HIGH)
            await ann.hears(high, HIGH)

    run(check)
