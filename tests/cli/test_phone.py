"""`hookflash phone` with a carrier that runs."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import wave
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import numpy as np
import pytest
import uvloop
from tests.support.cli import Ran, invoke

from hookflash.adapters.http import HttpServers
from hookflash.audio.tone_bank import hears
from hookflash.carrier.config import Does, NetworkConfig, PhoneConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.wave_files import read_wave
from hookflash.cli.exits import EXIT_CONFIG
from hookflash.cli.phone import _write, follow, news_of
from hookflash.cli.phone_http import PhoneError, ask
from hookflash.cli.phone_keys import Keyboard

CALLER, CALLED = "+14155550100", "+15105550123"
Phone = Callable[..., Coroutine[None, None, Ran]]
Test = Callable[[CarrierService, Phone, str], Awaitable[None]]


def run(test: Test, does: Does = "answers", hangs_up_after: float | None = 0.6) -> None:
    async def main() -> None:
        phones = (
            PhoneConfig(CALLER, tone=330.0),
            PhoneConfig(CALLED, "", does, after=0.3, tone=1000.0, hangs_up_after=hangs_up_after),
        )
        servers = HttpServers()
        async with (
            asyncio.timeout(30),
            CarrierService(load_profile("plain"), NetworkConfig((), phones)) as carrier,
        ):
            await servers.start(http_app(carrier), ["127.0.0.1"], 0)
            url = f"http://127.0.0.1:{servers.port}"

            async def phone(*words: str) -> Ran:
                return await asyncio.to_thread(invoke, "", "phone", *words, "--carrier", url)

            try:
                await test(carrier, phone, url)
            finally:
                await servers.stop()

    uvloop.run(main())


def test_it_says_what_becomes_of_the_call_and_what_it_hears() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone(CALLER, "call", CALLED)
        assert ran.code == 0
        lines = ran.out.splitlines()
        assert lines[0] == f"{CALLED} rings"
        assert f"{CALLED} is there, and {CALLER} hears 1000 Hz" in lines
        assert lines[-1] == "over"
        assert not carrier.switch.conversations

    run(test)


@pytest.mark.parametrize("does", ["busy", "declines"])
def test_nobody_answers(does: Does) -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone(CALLER, "call", CALLED)
        assert ran.code == 1
        assert ran.out.splitlines()[-1] == "over"

    run(test, does)


def test_what_cannot_be_done_is_one_line() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone("+1999", "call", CALLED)
        assert (ran.code, ran.err) == (1, "hookflash: no telephone has the number +1999\n")
        ran = await phone(CALLER, "call", "sales")
        assert ran.err.startswith("hookflash: called: 'sales' is not allowed")
        assert (await phone(CALLER, "sing", CALLED)).code == 2
        ran = await phone("+1999", "wait")
        assert (ran.code, ran.err) == (1, "hookflash: no telephone has the number +1999\n")

    run(test)


def test_ctrl_c_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        conversation = carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")

        def interrupted(*_: object) -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr(Keyboard, "typed", interrupted)
        assert await asyncio.to_thread(follow, url, conversation.id, CALLER, Keyboard())
        await carrier.happened("call_ended")
        with pytest.raises(PhoneError, match="there is no call"):
            await asyncio.to_thread(ask, f"{url}/calls/{conversation.id}", "DELETE")

    run(test, hangs_up_after=None)


def test_keys_of_the_terminal() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        person, terminal = pty.openpty()
        conversation = carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")
        with Keyboard(terminal) as keyboard:
            call = asyncio.create_task(
                asyncio.to_thread(follow, url, conversation.id, CALLER, keyboard)
            )
            os.write(person, b"1x#")
            await carrier.sound(CALLED).pressed("1#", 5.0)
            os.write(person, b"h")
            await carrier.happened("phone_holds")
            os.write(person, b"2")  # which nobody hears
            os.write(person, b"H")
            await carrier.happened("phone_resumes")
            await carrier.hears(CALLED, 330)
            os.write(person, b"q")
            assert await call
        await carrier.happened("call_ended")
        os.close(person)
        os.close(terminal)

    run(test, hangs_up_after=None)


def test_q_ends_the_wait() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        person, terminal = pty.openpty()
        with Keyboard(terminal) as keyboard:
            os.write(person, b"q")
            assert not await asyncio.to_thread(follow, url, "", CALLED, keyboard)
        os.close(person)
        os.close(terminal)

    run(test)


def test_what_it_says_and_records(tmp_path: Path) -> None:
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    samples = (np.sin(np.arange(16000) * 2 * np.pi * 700 / 16000) * 8000).astype(np.int16)
    with wave.open(str(said), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())

    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        words = (CALLER, "call", CALLED, "--says", str(said), "--records", str(heard))
        call = asyncio.create_task(phone(*words))
        await carrier.happened("call_answered")
        await carrier.hears(CALLED, 700)
        await carrier.happened("call_ended")
        ran = await call
        assert ran.code == 0
        assert ran.out.splitlines()[-1] == f"what {CALLER} heard is in {heard}"

    run(test, hangs_up_after=1.2)
    recorded = read_wave("", heard.read_bytes())
    assert len(recorded) > 8000
    assert hears(recorded[-2400:], 1000, 8000)


def test_ctrl_c_leaves_a_whole_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"

    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        def typed(*_: object) -> str:
            recording = carrier.recordings.of(CALLER)
            if recording is not None and recording.seconds > 0.3:
                raise KeyboardInterrupt
            return ""

        monkeypatch.setattr(Keyboard, "typed", typed)
        assert (await phone(CALLER, "call", CALLED, "--records", str(heard))).code == 0
        assert not carrier.switch.conversations

    run(test, hangs_up_after=None)
    assert hears(read_wave("", heard.read_bytes())[800:1600], 1000, 8000)


def test_a_text_is_spoken_by_the_carrier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        call = asyncio.create_task(phone(CALLER, "call", CALLED, "--says", "Hello"))
        await carrier.happened("no_voice")
        await carrier.happened("call_answered")
        await carrier.sound(CALLED).hears_anything(2.0)
        assert (await call).code == 0

    run(test)


def test_who_says_no_tone_is_heard_as_somebody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        speech = await carrier.speaker.speech("Hello")
        carrier.switch.handsets.speeches[CALLED] = speech
        ran = await phone(CALLER, "call", CALLED)
        assert f"{CALLED} is there, and {CALLER} hears somebody" in ran.out.splitlines()

    run(test, hangs_up_after=1.2)


def test_files_that_are_not_to_be_had(tmp_path: Path) -> None:
    """Nobody is called."""

    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone(CALLER, "call", CALLED, "--says", "nowhere.wav")
        assert ran.code == EXIT_CONFIG
        assert "nowhere.wav: 'no file' is not allowed; allowed: a WAV file" in ran.err
        file = tmp_path / "nowhere" / "heard.wav"
        ran = await phone(CALLER, "call", CALLED, "--records", str(file))
        assert (ran.code, ran.err) == (1, f"hookflash: {file} cannot be written\n")
        with pytest.raises(PhoneError, match="cannot be written"):
            _write(file, b"")
        assert not carrier.happenings

    run(test)


def test_the_same_news_of_two_calls_is_one_and_silence_is_told() -> None:
    up = {"state": "up", "caller": CALLER, "called": CALLED, "hears": {}, "audible": []}
    silent = f"{CALLED} is there, and {CALLER} hears nothing"
    assert news_of([up, dict(up)], CALLER) == silent
    rings = {**up, "state": "ringing"}
    assert news_of([up, rings, up], CALLER) == f"{silent}; {CALLED} rings"
    assert news_of([{**up, "audible": [CALLER]}], CALLER).endswith("hears somebody")
    assert news_of([], CALLER) == ""


def test_no_carrier() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ran = invoke("", "phone", CALLER, "call", CALLED, "--carrier", url)
    assert ran.code == 1
    assert ran.err.startswith(f"hookflash: no carrier at {url} (Connection refused); ")
    ran = invoke("", "phone", CALLER, "call", CALLED, "--carrier", "carrier")
    assert "is no address such as http://127.0.0.1:8080" in ran.err
