"""A person speaks to the exchange with microphone and loudspeaker: PortAudio on a sound card in
software, `hookflash phone` as a process, a carrier and a whole exchange."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.interop.support.process import Process
from tests.interop.support.sound_card import (
    LOUDSPEAKER,
    MICROPHONE,
    RATE,
    SoftwareCard,
    software_card,
)
from tests.interop.support.waiting import wait_until
from tests.support.lab import NUMBER
from tests.support.spoken import AGENT, CALLER, play

from hookflash.adapters.http import HttpServers
from hookflash.audio.tone_bank import hears
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.service import CarrierService
from hookflash.carrier.sound_face import PATH, sound_routes

pytestmark = pytest.mark.interop

SPOKEN, ANSWERED, OWN = 440, 1000, 330
"""Tones in Hz: into the microphone, of whom it talks to, and of the telephone where nobody is."""
NAMED = ("--input", MICROPHONE, "--output", LOUDSPEAKER)
Test = Callable[[CarrierService, SoftwareCard, str], Awaitable[None]]


def run(test: Test, folder: Path) -> None:
    async def main(carrier: CarrierService) -> None:
        servers = HttpServers()
        app = http_app(carrier, sound_routes(carrier.people))
        await servers.start(app, ["127.0.0.1"], 0, websockets=[PATH])
        try:
            async with software_card(folder, SPOKEN) as card:
                await test(carrier, card, f"http://127.0.0.1:{servers.port}")
        finally:
            await servers.stop()

    play(main, PhoneConfig(CALLER, tone=float(OWN)), PhoneConfig(AGENT, tone=float(ANSWERED)))


@asynccontextmanager
async def phone(card: SoftwareCard, *words: str) -> AsyncIterator[Process]:
    """`hookflash phone`, that of the caller."""
    command = [sys.executable, "-m", "hookflash", "phone", CALLER, *words]
    process = await Process.start("hookflash phone", command, env=card.env)
    try:
        yield process
    finally:
        await process.stop()


async def plays(card: SoftwareCard, tone: float) -> None:
    """Wait until the loudspeaker plays a tone for 0.2 s."""
    await wait_until(lambda: hears(card.heard()[-RATE // 5 :], tone, RATE), f"{tone} Hz is played")


@pytest.mark.parametrize("devices", [(), NAMED], ids=["default", "named"])
def test_both_hear_each_other(devices: tuple[str, ...], tmp_path: Path) -> None:
    async def test(carrier: CarrierService, card: SoftwareCard, url: str) -> None:
        words = ("call", NUMBER, "--carrier", url, "--sound-card", *devices)
        async with phone(card, *words) as process:
            name = MICROPHONE if devices else "default"
            await process.line(f"microphone: {name}, ALSA")
            await carrier.happened("call_answered", 2, within=20)
            await carrier.hears(AGENT, SPOKEN, 10)
            assert not carrier.sound(AGENT).hears_now(OWN), "the person speaks in its place"
            await plays(card, ANSWERED)
            await process.line(f"hears {ANSWERED} Hz")
            process.signal(signal.SIGINT)
            await carrier.happened("call_ended")
            assert await process.wait(10) == 0, process.tail()
            assert not process.find("ALSA lib|Traceback|Expression"), process.tail()

    run(test, tmp_path)


def test_who_is_called_hears_and_speaks(tmp_path: Path) -> None:
    """On hold nobody hears anything; afterwards they hear each other again."""

    async def test(carrier: CarrierService, card: SoftwareCard, url: str) -> None:
        async with phone(card, "wait", "--carrier", url, "--sound-card") as process:
            await process.line("waits for a call")
            carrier.hang_up(AGENT)
            carrier.call(AGENT, CALLER)
            await carrier.happened("call_answered", 2)
            await carrier.hears(AGENT, SPOKEN, 10)
            await plays(card, ANSWERED)
            carrier.hold(CALLER, held=True)
            await carrier.happened("phone_holds")
            await wait_until(lambda: not card.heard()[-RATE // 5 :].any(), "silence is played")
            carrier.hold(CALLER, held=False)
            await carrier.hears(AGENT, SPOKEN, 10)
            await plays(card, ANSWERED)
            carrier.hang_up(AGENT)
            assert await process.wait(10) == 0, process.tail()
            assert process.lines[-1] == "over"

    run(test, tmp_path)


def test_a_card_that_is_gone_ends_the_call(tmp_path: Path) -> None:
    async def test(carrier: CarrierService, card: SoftwareCard, url: str) -> None:
        async with phone(card, "call", NUMBER, "--carrier", url, "--sound-card") as process:
            await carrier.happened("call_answered", 2, within=20)
            await carrier.hears(AGENT, SPOKEN, 10)
            await card.server.kill()
            assert await process.wait(20) == 1, process.tail()
            assert process.lines[-1] == "hookflash: the sound card is gone"
            await carrier.happened("call_ended")

    run(test, tmp_path)


def test_a_terminal_that_is_gone_hangs_up(tmp_path: Path) -> None:
    async def test(carrier: CarrierService, card: SoftwareCard, url: str) -> None:
        async with phone(card, "call", NUMBER, "--carrier", url, "--sound-card") as process:
            await carrier.happened("call_answered", 2, within=20)
            await process.kill()
            await carrier.happened("call_ended")

    run(test, tmp_path)
