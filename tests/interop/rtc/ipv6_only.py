"""Run by `test_network.py` in a network namespace of its own, whose clients have IPv6 only."""

from __future__ import annotations

from typing import Any

from tests.support.lab import Lab, run
from tests.support.sdk import MODES, client

from hookflash.webrtc.candidates import host_candidates

LOW, HIGH = 440.0, 700.0
OWN = "::1"


@MODES
def test_two_clients_by_ipv6(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        told = host_candidates([OWN], ports.udp_port, ports.tcp_port)
        lab.server.rtc._candidates = lambda: told
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(LOW)
            await bob.speak(HIGH)
            await bob.hears_as_said("ann", LOW)
            await ann.hears_as_said("bob", HIGH)
            await ann.room.local_participant.publish_data(b"x" * 10_000)
            await bob.told("data_received")
            paths = list(ports.agents._by_path)
            assert paths
            assert all(":" in path.remote[0] for path in paths)

    run(check, bind_addresses=["127.0.0.1", OWN])
