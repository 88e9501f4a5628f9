"""What a test does with telephones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import numpy as np
import pytest

from hookflash.audio.tone_bank import Pcm, hears
from hookflash.base.errors import ConfigError
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.wave_files import read_wave, wave_bytes
from hookflash.testing.carrier import CALLER, RunningCarrier
from hookflash.testing.exchange import RunningExchange

OTHER, SILENT, MENU, TARGET = "+15105550123", "+15105550126", "+15105550130", "+15105550123"


HELLO = 300 + 10 * (sum(map(ord, "Hello")) % 100)
"""Hz of that word, where it is said as a tone."""


def noise(seconds: float) -> Pcm:
    return np.random.default_rng(1).normal(0, 4000, round(seconds * 8000)).astype(np.int16)


def play(test: Callable[[RunningCarrier], Coroutine[None, None, None]]) -> None:
    with RunningExchange() as exchange, RunningCarrier(exchange) as carrier:
        asyncio.run(test(carrier))


def test_two_telephones() -> None:
    async def test(carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[OTHER]
        assert repr(phone) == f"<telephone {CALLER}>"
        async with phone.call(OTHER) as call:
            assert repr(call) == f"<call of {CALLER}>"
            await call.hears(1000)
            await call.hears_anything()
            called = await other.talks()
            await called.hears(330)
            await call.say(500)
            await called.hears(500)
            await called.misses(330)
            await call.press("12#")
            await called.pressed("12#")
            assert not call.over
        assert call.over
        await called.ended()
        assert await other.rings() == CALLER
        async with phone.call(OTHER) as call:
            assert await other.rings(2) == CALLER
            await (await other.talks()).hang_up()
            await call.ended()
            await call.hang_up()

    play(test)


def test_a_call_follows_its_telephone() -> None:
    """A menu puts the caller through: what is heard then comes from elsewhere."""

    async def test(carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call(MENU) as call:
            await call.hears(700)
            await call.press("1")
            await call.hears(1000)
            await call.misses(700)
            await carrier.phones[TARGET].hears(330)

    play(test)


def test_what_one_says_is_in_the_recording_of_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wave file in each call from then on, and a text in one, which has no voice here."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = noise(0.3)
    end = (np.sin(2 * np.pi * 1200 * np.arange(2400) / 8000) * 8000).astype(np.int16)
    (tmp_path / "said.wav").write_bytes(wave_bytes(np.concatenate([said, end])))

    async def test(carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[OTHER]
        with pytest.raises(CarrierError, match="was in no call"):
            _ = other.recording
        phone.says(tmp_path / "said.wav")
        async with phone.call(OTHER) as call:
            called = await other.talks()
            await called.hears(1200)
            await call.say("Hello")
            await called.hears(HELLO)
            await called.misses(HELLO)
            assert other.recording.seconds > 0.6
            await call.say(500)
            await called.hears(500)
        await called.ended()
        heard = other.recording
        assert heard.rate == 8000
        assert repr(heard).startswith("<recording of ")
        heard.save(tmp_path / "heard.wav")
        assert hears(phone.recording.samples[800:1600], 1000, 8000)
        async with phone.call(OTHER) as call:
            await (await other.talks()).hears_anything()
        with pytest.raises(ConfigError, match="'no file' is not allowed"):
            phone.says("nowhere.wav")

    play(test)
    heard = read_wave("", (tmp_path / "heard.wav").read_bytes())
    first = said.astype(float)
    like = np.correlate(heard[:16000].astype(float), first, "valid")
    at = int(np.argmax(like))
    piece = heard[at : at + len(first)].astype(float)
    assert piece @ first > 0.9 * np.sqrt((piece @ piece) * (first @ first))


def test_hold() -> None:
    async def test(carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call(OTHER) as call:
            called = await carrier.phones[OTHER].talks()
            await called.hears(330)
            await call.hold()
            await carrier.happened("phone_holds")
            with pytest.raises(CarrierError, match="it talks to nobody"):
                await called.hears(330, within=0.05)
            await call.resume()
            await called.hears(330)
            await call.hears(1000)

    play(test)


def test_who_gives_up() -> None:
    phones = [{"number": CALLER, "gives_up_after": 0.3}]

    async def test(carrier: RunningCarrier) -> None:
        with pytest.raises(CarrierError, match="has not answered, but hung up"):
            await carrier.phones[CALLER].call(SILENT)
        assert (await carrier.happened("phone_hangs_up"))["phone"] == CALLER

    with RunningExchange() as exchange, RunningCarrier(exchange, phones=phones) as carrier:
        asyncio.run(test(carrier))


def test_what_does_not_happen_is_said() -> None:
    async def test(carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[OTHER]
        with pytest.raises(CarrierError, match=r"\+15105550126 has not answered within 0\.2 s"):
            await phone.call(SILENT, within=0.2)
        with pytest.raises(CarrierError, match="has not answered, but 404"):
            await phone.call("+1999")
        with pytest.raises(CarrierError, match=r"is in no call after 0\.01 s"):
            await other.talks(within=0.01)
        with pytest.raises(CarrierError, match=r"has not rung within 0\.01 s"):
            await other.rings(within=0.01)
        async with phone.call(OTHER) as call:
            await call.hears(1000)
            for wait, text in (
                (call.hears(600, within=0.05), r"does not hear 600 Hz within 0\.05 s, but 1000 Hz"),
                (call.misses(1000, within=0.05), "still hears 1000 Hz"),
                (call.pressed("9", within=0.05), "got no keys 9"),
                (call.ended(within=0.05), "is still in its call"),
            ):
                with pytest.raises(CarrierError, match=text):
                    await wait
            called = await other.talks()
            await called.say(0)
            await call.misses(1000)
            with pytest.raises(CarrierError, match=r"hears nothing within 0\.05 s, but silence"):
                await call.hears_anything(within=0.05)
        for wait in (call.hears(1000), call.hears_anything()):
            with pytest.raises(CarrierError, match="its call is over"):
                await wait
        await call.misses(1000)

    play(test)
