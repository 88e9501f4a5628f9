"""What the carrier withstands: the torture messages of RFC 4475, and a thousand calls at once."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.carrier_rig import CALLER, TARGET, Rig, network
from tests.support.sip_messages import request_of

from hookflash.carrier.faults import Faults
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.codec import parse
from hookflash.sip.message import Response

TORTURE = sorted((Path(__file__).parent.parent / "data" / "rfc4475").glob("*.dat"))
CALLS = 1000
MOST = 100 * 1024
"""Octets of a call, the exchange's leg of it included."""


@pytest.mark.parametrize("faults", [Faults(), Faults(unavailable=True)])
@pytest.mark.parametrize("hops", [0, 3])
def test_torture_messages(hops: int, faults: Faults) -> None:
    assert len(TORTURE) >= 49
    profile = load_profile("plain")
    manners = replace(profile.manners, record_route=hops, faults=faults)

    async def main() -> None:
        wrong: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: wrong.append(context))
        async with CarrierService(replace(profile, manners=manners), network()) as carrier:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind(("127.0.0.1", 0))
                peer.setblocking(False)
                host, port = peer.getsockname()
                for file in TORTURE:
                    await loop.sock_sendto(peer, file.read_bytes(), carrier.address)
                via = f"SIP/2.0/UDP {host}:{port};branch=z9hG4bKlast"
                last = request_of("OPTIONS", call_id="last", via=via)
                await loop.sock_sendto(peer, last.encode(), carrier.address)
                async with asyncio.timeout(10):
                    while True:
                        answer = parse(await loop.sock_recv(peer, 65535))
                        if isinstance(answer, Response) and answer.header("Call-ID") == "last":
                            break
                assert answer.status == (503 if faults.unavailable else 200)
            carrier.call(CALLER, TARGET)
            await carrier.happened("call_answered", within=10)
            assert wrong == []

    asyncio.run(main())


def test_a_thousand_calls_at_once() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        rig = Rig(CarrierManners())
        for _ in range(CALLS):
            rig.call()
        rig.wire.clear()
        rig.told.clear()
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rig.switch.conversations) == CALLS
    assert {str(one["state"]) for one in rig.switch.listing()} == {"up"}
    assert used / CALLS < MOST, f"{used / CALLS / 1024:.0f} kB a call"
    for conversation in list(rig.switch.conversations.values()):
        rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(400)
    switch = rig.switch
    assert (*switch.conversations, *switch.ends, *rig.open, *switch.board.legs()) == ()
