"""`hookflash phone --sound-card`: what goes between card and carrier. Where its sound matters, the
card is one of these tests; PortAudio's are in tests/adapters/test_sound_card.py, and both together
in tests/interop/test_sound_card.py."""

from __future__ import annotations

import asyncio
import queue
import re
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import uvloop
from tests.support.alsa import DEFAULT, NO_CARD, ODD, alsa
from tests.support.cli import Ran, invoke

from hookflash.adapters.sound_card import NO_LIBRARY, SoundCardError
from hookflash.audio.elastic_buffer import LIMIT
from hookflash.audio.tone_bank import Pcm, hears
from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.sound_face import LONGEST
from hookflash.carrier.speech import FRAME, RATE
from hookflash.cli import phone_sound
from hookflash.cli.carrier_run import standing
from hookflash.cli.phone_keys import Keyboard
from hookflash.cli.phone_sound import WAITING, PhoneSound

CALLER, CALLED = "+14155550100", "+15105550123"
SPOKEN, ANSWERED, OWN = 400.0, 1000.0, 330.0
Phone = Callable[..., Coroutine[None, None, Ran]]


class Card:
    """A sound card that hears what it is told, and keeps what it plays."""

    def __init__(self, source: str, sink: str, heard: Callable[[Pcm], None]) -> None:
        self.names = (source or "a microphone", sink or "a loudspeaker")
        self.heard = heard
        self.gone = False
        self.state = "open"
        self.fault = ""
        self.begins: Callable[[], object] = lambda: None
        self.played = np.zeros(0, np.int16)
        self.plays: Callable[[], None] = lambda: None
        """Called with each piece that is played, in whatever thread."""

    def play(self, samples: Pcm) -> None:
        self.played = np.concatenate([self.played, samples])[-RATE // 10 :]
        self.plays()

    def __enter__(self) -> Self:
        if self.fault:
            raise SoundCardError(self.fault)
        self.state = "started"
        self.begins()
        return self

    def close(self) -> None:
        self.state = "closed"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def speak(self) -> None:
        """A tone, so much as may wait, 20 ms at a time."""
        tone = np.sin(2 * np.pi * SPOKEN * np.arange(LIMIT) / RATE) * 8000
        for start in range(0, LIMIT, FRAME):
            self.heard(tone[start : start + FRAME].astype(np.int16))


class Cards:
    """Those that were asked for."""

    def __init__(self, fault: str = "") -> None:
        self.all: list[Card] = []
        self.fault = fault
        """Why they do not start."""
        self.begins: Callable[[], object] = lambda: None
        """Called when one has started, in whatever thread."""

    def __call__(self, source: str, sink: str, heard: Callable[[Pcm], None]) -> Card:
        card = Card(source, sink, heard)
        card.fault, card.begins = self.fault, self.begins
        self.all.append(card)
        return card


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Cards:
    found = Cards()
    monkeypatch.setattr(phone_sound, "SoundCard", found)
    return found


class Watched(CarrierService):
    """Knows whether a terminal has seen that a call is up."""

    seen: asyncio.Event

    def listing(self) -> list[dict[str, object]]:
        found = super().listing()
        if any(one["state"] == "up" for one in found):
            self.seen.set()
        return found


Test = Callable[[Watched, Phone, str], Awaitable[None]]


def run(test: Test) -> None:
    """With a carrier as `hookflash carrier` runs it."""

    async def main() -> None:
        phones = (PhoneConfig(CALLER, tone=OWN), PhoneConfig(CALLED, after=0.1, tone=ANSWERED))
        config = NetworkConfig((), phones)
        carrier = Watched(load_profile("plain"), config)
        carrier.seen = asyncio.Event()
        async with (
            asyncio.timeout(30),
            standing(carrier, config, ("127.0.0.1", 0), None) as port,
        ):
            url = f"http://127.0.0.1:{port}"

            async def phone(*words: str) -> Ran:
                return await asyncio.to_thread(invoke, "", "phone", *words, "--carrier", url)

            await test(carrier, phone, url)

    uvloop.run(main())


async def plays(card: Card, frequency: float) -> None:
    """Wait until the loudspeaker plays a tone."""
    loop, played = asyncio.get_running_loop(), asyncio.Event()

    def look() -> None:
        if len(card.played) >= RATE // 10 and hears(card.played, frequency, RATE):
            loop.call_soon_threadsafe(played.set)

    card.plays = look
    await played.wait()


def test_microphone_and_loudspeaker_are_the_telephones(cards: Cards) -> None:
    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        words = (CALLER, "call", CALLED, "--sound-card", "--input", "headset")
        call = asyncio.create_task(phone(*words))
        await carrier.happened("call_answered")
        (card,) = cards.all
        assert card.state == "started"
        card.speak()
        await carrier.hears(CALLED, SPOKEN)
        assert not carrier.sound(CALLED).hears_now(OWN)
        await plays(card, ANSWERED)
        await carrier.seen.wait()
        carrier.hang_up(CALLED)
        ran = await call
        assert ran.code == 0
        assert ran.out.splitlines()[0] == "microphone: headset; loudspeaker: a loudspeaker"
        assert card.state == "closed"

    run(test)


def test_who_waits_is_called(cards: Cards) -> None:
    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        cards.begins = lambda: loop.call_soon_threadsafe(there.set)
        wait = asyncio.create_task(phone(CALLED, "wait", "--sound-card"))
        await there.wait()
        carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")
        cards.all[0].speak()
        await carrier.hears(CALLER, SPOKEN)
        await plays(cards.all[0], OWN)
        await carrier.seen.wait()
        carrier.hang_up(CALLER)
        ran = await wait
        assert ran.code == 0
        assert ran.out.splitlines()[-1] == "over"

    run(test)


def test_a_card_that_is_gone_hangs_up(cards: Cards) -> None:
    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        call = asyncio.create_task(phone(CALLER, "call", CALLED, "--sound-card"))
        await carrier.happened("call_answered")
        cards.all[0].gone = True
        ran = await call
        assert (ran.code, ran.err) == (1, "hookflash: the sound card is gone\n")
        await carrier.happened("call_ended")

    run(test)


def test_a_carrier_that_is_gone(cards: Cards) -> None:
    """What the microphone hears goes nowhere."""

    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        with ExitStack() as stack:
            sound = PhoneSound(url, CALLER, "", "")
            await asyncio.to_thread(stack.enter_context, sound)
            await asyncio.to_thread(sound._socket.close)
            for _ in range(2 * WAITING):
                cards.all[0].speak()
            assert sound._said.qsize() <= WAITING
        assert cards.all[0].state == "closed"

    run(test)


def test_a_connection_that_breaks_ends_the_wait(
    cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line. Here the carrier ends it, which takes no message as long as this."""
    broken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)

    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        cards.begins = lambda: loop.call_soon_threadsafe(there.set)
        wait = asyncio.create_task(phone(CALLED, "wait", "--sound-card"))
        await there.wait()
        cards.all[0].heard(np.zeros(LONGEST, np.int16))
        ran = await wait
        assert (ran.code, ran.err) == (1, "hookflash: the connection to the carrier is gone\n")
        assert not broken

    run(test)


def test_the_card_never_waits_for_the_connection() -> None:
    """What was to be left out has been sent by another thread since it was counted."""

    class Sent(queue.SimpleQueue[Pcm | None]):
        def qsize(self) -> int:
            return WAITING

    sound = PhoneSound("http://127.0.0.1:8080", CALLER, "", "")
    sound._said = Sent()
    heard = threading.Thread(target=sound._heard, args=(np.ones(FRAME, np.int16),), daemon=True)
    heard.start()
    heard.join(5)
    assert not heard.is_alive()
    assert sound._said.get(timeout=0) is not None


def test_nobody_is_called_where_there_is_no_sound(cards: Cards) -> None:
    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        ran = await phone("+1999", "call", CALLED, "--sound-card")
        assert (ran.code, ran.err) == (1, "hookflash: no telephone has the number +1999\n")
        cards.fault = "the sound card does not start: it is busy"
        ran = await phone(CALLER, "call", CALLED, "--sound-card")
        assert (ran.code, ran.err) == (1, f"hookflash: {cards.fault}\n")
        assert [card.state for card in cards.all] == ["closed", "closed"]
        assert not carrier.happenings

    run(test)


def test_no_carrier(cards: Cards) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ran = invoke("", "phone", CALLER, "call", CALLED, "--sound-card", "--carrier", url)
    assert ran.code == 1
    assert ran.err.startswith(f"hookflash: no carrier at {url} (")
    ran = invoke("", "phone", CALLER, "call", CALLED, "--sound-card", "--carrier", "carrier")
    assert "is no address such as http://127.0.0.1:8080" in ran.err
    assert [card.state for card in cards.all] == ["closed", "closed"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:x", "http://", "http://[::1"])
def test_an_address_that_is_none(url: str, cards: Cards) -> None:
    ran = invoke("", "phone", CALLER, "call", CALLED, "--sound-card", "--carrier", url)
    assert ran.code == 1
    assert ran.err.startswith(f"hookflash: no carrier at {url} (")
    assert [card.state for card in cards.all] == ["closed"]


def test_no_extra_and_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line each, before anybody is asked."""
    with alsa(monkeypatch, tmp_path, NO_CARD):
        ran = invoke("", "phone", CALLER, "call", CALLED, "--sound-card")
    assert (ran.code, ran.err) == (1, "hookflash: this machine has no sound input\n")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for words in ((CALLER, "call", CALLED, "--sound-card"), ("--list-devices",)):
        ran = invoke("", "phone", *words)
        assert (ran.code, ran.err) == (1, f"hookflash: {NO_LIBRARY}\n")


def test_the_devices_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with alsa(monkeypatch, tmp_path, DEFAULT, ODD):
        ran = invoke("", "phone", "--list-devices")
    assert ran.code == 0
    cells = [re.split(r" {2,}", line.rstrip()) for line in ran.out.splitlines()]
    assert cells[0] == ["name", "for", "default for"]
    both = "--input and --output"
    assert sorted(cells[1:]) == [["default, ALSA", both, both], ["odd, ALSA", "--output"]]
    with alsa(monkeypatch, tmp_path, NO_CARD):
        assert invoke("", "phone", "--list-devices").out == "this machine has no sound card\n"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((CALLER, "call", CALLED, "--input", "headset"), "with --sound-card only"),
        ((CALLER, "call", CALLED, "--sound-card", "--says", "Hello"), "not with --sound-card"),
        ((CALLER, "wait", "--says", "Hello"), "for `call` only"),
        ((CALLER, "wait", "--records", "heard.wav"), "for `call` only"),
        ((CALLER, "wait", CALLED), "for `call`, and for it only"),
        ((CALLER, "call"), "for `call`, and for it only"),
    ],
)
def test_what_does_not_go_together(words: tuple[str, ...], fault: str) -> None:
    ran = invoke("", "phone", *words)
    assert ran.code == 2
    assert fault in ran.err


def test_ctrl_c_ends_the_wait(cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        monkeypatch.setattr(Keyboard, "typed", interrupted)
        ran = await phone(CALLED, "wait")
        assert (ran.code, ran.out) == (1, f"{CALLED} waits for a call\n")

    run(test)


@pytest.mark.parametrize("written", ["+1 (510) 555-0123", "15105550123"])
def test_who_waits_may_write_the_number_in_any_way(written: str) -> None:
    async def test(carrier: Watched, phone: Phone, url: str) -> None:
        wait = asyncio.create_task(phone(written, "wait"))
        carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")
        await carrier.seen.wait()
        carrier.hang_up(CALLER)
        ran = await wait
        assert (ran.code, ran.out.splitlines()[-1]) == (0, "over")
        assert any(line.startswith(f"{CALLER} is there") for line in ran.out.splitlines())

    run(test)
