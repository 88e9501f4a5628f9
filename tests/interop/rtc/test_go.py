"""LiveKit's SDK for Go (Pion), unmodified, with a telephone and with a client of Python: by two
peer connections, as it makes them unless it is told otherwise, and by one
(`WithSinglePeerConnection`)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.interop.support.client_checks import check_client
from tests.interop.support.process import Process
from tests.interop.support.remote import Remote, remote
from tests.interop.support.waiting import wait_until
from tests.sdk.support.toolchains import Go
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import SAID, client, is_as_said

from hookflash.audio.opus import OpusDecoder, OpusEncoder
from hookflash.audio.tone_bank import amplitude

pytestmark = [pytest.mark.interop, pytest.mark.long, pytest.mark.timeout(1500)]

HERE = Path(__file__).resolve().parent
CALLER = "+14150000001"
LOW, HIGH = 440.0, 700.0
RATE = 48000
FRAME = RATE // 50


def tone(frequency: float) -> list[str]:
    """A second of it in packets of 20 ms, as JSON has them."""
    moment = np.arange(RATE) / RATE
    samples = (SAID * np.sin(2 * np.pi * frequency * moment)).astype(np.int16)
    encoder = OpusEncoder(RATE, bitrate=48000)
    packets = [encoder.encode(samples[at : at + FRAME]) for at in range(0, RATE, FRAME)]
    return [base64.b64encode(packet).decode() for packet in packets]


async def hears(go: Remote, identity: str, frequency: float) -> None:
    """Wait until what comes of that participant is the tone, as loud as everybody speaks."""

    async def look() -> bool:
        packets = [base64.b64decode(one) for one in await go.do("packets", identity=identity) or []]
        if len(packets) < 10:
            return False
        decoder = OpusDecoder(RATE)
        samples = np.concatenate([decoder.decode(packet).copy() for packet in packets])
        return is_as_said(amplitude(samples[-4 * FRAME :], frequency, RATE))

    # Each look takes the packets away: it is given time to collect some.
    await wait_until(look, f"{frequency:g} Hz of {identity}", 15, poll=0.4)


@asynccontextmanager
async def go_client() -> AsyncIterator[Remote]:
    """A program with the SDK."""
    program = await (await Go.find()).build("rtc", HERE / "go")

    async def start(address: str) -> Process:
        return await Process.start("go", (str(program), f"ws://{address}/control"))

    async with remote(start) as started:
        yield started


@pytest.mark.parametrize("single", [False, True])
def test_a_phone_and_a_client_of_go_speak(single: bool) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with go_client() as go:
            joined = await go.join(lab, "go", single=single)
            assert joined["sid"].startswith("RM_")
            await go.do("speak", packets=tone(HIGH))
            call = await caller.call(NUMBER, proxy=lab.sip)
            phone = f"sip_{CALLER}"
            await go.told("joined", identity=phone)
            await call.hears(HIGH)
            await hears(go, phone, LOW)
            await call.press("5")
            await go.told("digit", digit="5", code=5, identity=phone)
            await go.do("digit", code=7, digit="7")
            await call.pressed("7")
            await go.do("mute", muted=True)
            await call.misses(HIGH)
            await go.do("mute", muted=False)
            await call.hears(HIGH)
            await call.hang_up()
            await go.told("left", identity=phone)

    run(check, within=1400)


@pytest.mark.parametrize("single", [False, True])
def test_what_becomes_of_a_client_of_go(single: bool) -> None:
    async def check(lab: Lab) -> None:
        async with go_client() as go:
            # It has a word of its own for rooms that were closed, none for those that were deleted.
            await check_client(lab, go, "duplicate identity", "other reasons", single=single)

    run(check, within=1400)


@pytest.mark.parametrize("single", [False, True])
def test_clients_of_go_and_python_understand_each_other(single: bool) -> None:
    async def check(lab: Lab) -> None:
        async with go_client() as go, client(lab, "ann") as ann:
            await go.join(lab, "go", single=single)
            await ann.told("participant_connected")
            await ann.speak(LOW)
            await go.told("subscribed", identity="ann")
            await hears(go, "ann", LOW)
            await go.do("speak", packets=tone(HIGH))
            await ann.hears_as_said("go", HIGH)
            for reliable in (True, False):
                await go.do("data", text="from go", topic="t", reliable=reliable)
            packet, _ = [(await ann.told("data_received", count))[0] for count in (1, 2)]
            assert (packet.data, packet.topic) == (b"from go", "t")
            assert packet.participant.identity == "go"
            await ann.room.local_participant.publish_data(b"from ann", topic="u")
            await go.told("data", text="from ann", topic="u", identity="ann")
            await go.do("attributes", attributes={"mood": "good"})
            changed, who = await ann.told("participant_attributes_changed")
            assert (changed, who.identity) == ({"mood": "good"}, "go")
            await go.do("leave")
            await ann.told("participant_disconnected")

    run(check, within=1400)


def test_a_client_of_go_joins_by_one_connection_each_time() -> None:
    """An answer that comes before it has set its own offer it does not take, and gives up."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        async with go_client() as go:
            for turn in range(25):
                await go.join(lab, f"go-{turn}", single=True)
                await go.do("leave")

    run(check, within=1400)
