"""A client in a process of its own that lists all trunks and rules, again and again.

    python -m bench.lister PORT SECONDS

It prints, as JSON, the milliseconds of each list by its kind.
"""

from __future__ import annotations

import json
import sys
import time

from livekit.protocol import sip as proto

from .clients import Clients

KINDS = ("protobuf", "json")


def listed(port: int, seconds: float) -> dict[str, list[float]]:
    """Trunks and rules, by protobuf and by JSON, one list after the other."""
    clients = Clients(port, 1)
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for kind in KINDS:
            for method, request in (
                ("ListSIPInboundTrunk", proto.ListSIPInboundTrunkRequest()),
                ("ListSIPDispatchRule", proto.ListSIPDispatchRuleRequest()),
            ):
                answer = clients.run(method, [request], kind)
                times[kind].append(answer.seconds * 1000)
    clients.close()
    return times


if __name__ == "__main__":
    sys.stdout.write(json.dumps(listed(int(sys.argv[1]), float(sys.argv[2]))))
