"""tshark reads a whole call with its transfer from the wire and finds nothing malformed."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.interop.support.capture import Capture
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import (
    ENDED,
    Sipp,
    answer,
    dial,
    exchange_hangs_up,
    notify,
    step,
    stream,
)
from tests.interop.support.waiting import wait_until

from hookflash.audio.g711 import encode

pytestmark = pytest.mark.interop

NUMBER = "+15550100"
SIX_SECONDS = 6 * 4 * 50 * 214
"""Octets of two calls, both directions: long enough for reports of RTCP."""
METHODS = {"INVITE", "ACK", "REFER", "NOTIFY", "BYE"}


def write_speech(file: Path) -> Path:
    """Five seconds of noise as PCMU."""
    noise = np.random.default_rng(1).integers(-8000, 8000, 40000, dtype=np.int16)
    file.write_bytes(encode("PCMU", noise).tobytes())
    return file


async def talk(lab: Lab, exchange: Exchange, capture: Capture) -> None:
    """Two callers talk for six seconds; one is transferred, the other one removed."""
    trunk = await exchange.client.create_trunk(NUMBER)
    await exchange.client.create_rule(trunk, room="desk")
    speech = stream(write_speech(lab.path("speech.ulaw")))
    parts = {
        "first": (
            *(dial("rtpstream_audio_port"), speech, step("refer"), answer("202 Accepted")),
            *(notify(2, "SIP/2.0 100 Trying"), notify(3, "SIP/2.0 200 OK", state=ENDED)),
            *exchange_hangs_up(300),
        ),
        "second": (dial("rtpstream_audio_port"), speech, *exchange_hangs_up(300)),
    }
    first, second = [
        await Sipp.call(lab, exchange.address, steps, name=name, number=NUMBER, prefix=name)
        for name, steps in parts.items()
    ]
    for sipp in (first, second):
        await exchange.client.wait_active("desk", sipp.identity())
    await wait_until(lambda: capture.size() > SIX_SECONDS, "six seconds of RTP", 20)
    outcome = await exchange.client.transfer("desk", first.identity())
    assert outcome.ok, outcome
    await first.succeed()
    await exchange.client.remove("desk", second.identity())
    await second.succeed()
    await exchange.wait_calls_ended()


async def scenario(folder: Path) -> None:
    async with Lab(folder) as lab:
        exchange = await Exchange.start(lab, answer="subscribed")
        low, high = str(exchange.settings["sip"]["rtp_port"]).split("-")
        ports = f"udp and (port {exchange.port} or portrange {low}-{high})"
        rule = f"udp.port=={exchange.port},sip"
        capture = await Capture.start(lab, lab.path("call.pcapng"), filter=ports, decode=[rule])
        await talk(lab, exchange, capture)
        await capture.stop()
        malformed = await capture.fields("_ws.malformed", "frame.number")
        assert not malformed, await capture.text("_ws.malformed")
        sip = await capture.fields("sip", "sip.Method", "sip.Status-Code")
        assert {method for method, _ in sip if method} == METHODS
        assert await capture.fields("sdp", "frame.number")
        assert await capture.fields("sipfrag", "frame.number")
        await look_at_rtp(capture, exchange)
        strangers = await capture.fields("udp && !sip && !rtp && !rtcp", "frame.number")
        assert not strangers, await capture.text("udp && !sip && !rtp && !rtcp")
        warned = await capture.fields("_ws.expert.severity >= 0x600000", "frame.number")
        assert not warned, await capture.text("_ws.expert.severity >= 0x600000")


async def look_at_rtp(capture: Capture, exchange: Exchange) -> None:
    """Both legs, both directions, PCMU in 20 ms, without a gap in what we send."""
    rows = await capture.fields("rtp", "rtp.ssrc", "rtp.seq", "rtp.p_type", "udp.srcport")
    low, high = map(int, str(exchange.settings["sip"]["rtp_port"]).split("-"))
    assert {kind for _, _, kind, _ in rows} == {"0"}
    sent: dict[str, list[int]] = {}
    received: set[str] = set()
    for ssrc, sequence, _, source in rows:
        if low <= int(source) <= high:
            sent.setdefault(ssrc, []).append(int(sequence))
        else:
            received.add(source)  # SIPp knows but one SSRC
    assert (len(sent), len(received)) == (2, 2), f"{len(sent)} sent, {len(received)} received"
    for numbers in sent.values():
        steps = {(after - before) % 65536 for before, after in pairwise(numbers)}
        assert steps == {1}, f"sequence numbers go on by {steps}"
    assert await capture.fields("rtcp", "frame.number")


def test_whole_call_on_the_wire(tmp_path: Path) -> None:
    asyncio.run(scenario(tmp_path))
