"""`hookflash phone`: one telephone of a carrier that runs, from the terminal."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from ..base.errors import ConfigError
from ..base.text import printable
from .exits import EXIT_CONFIG, fail
from .phone_http import PhoneError, ask, raw
from .phone_keys import Keyboard

POLL = 0.2
"""Seconds between two looks at the call."""
KEYS: Final = frozenset("0123456789*#")
HINT: Final = "keys: 0-9, * and # are pressed; h holds, and takes back; q hangs up"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(phone)


def _list_devices(asked: bool) -> None:
    if not asked:
        return
    from .phone_sound import list_devices

    try:
        list_devices()
    except PhoneError as error:
        raise fail(str(error)) from None
    raise typer.Exit


def phone(
    number: Annotated[str, typer.Argument(help="Of the telephone, as the carrier lists it.")],
    action: Annotated[str, typer.Argument(help="`call`, or `wait` for a call.")],
    dialled: Annotated[str, typer.Argument(help="The number that it calls.")] = "",
    carrier: Annotated[
        str, typer.Option(help="The carrier's --http address.")
    ] = "http://127.0.0.1:8080",
    says: Annotated[
        str, typer.Option(metavar="TEXT", help="What it says once: a text, or a file.wav.")
    ] = "",
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what it hears, as a WAV file.")
    ] = None,
    sound_card: Annotated[
        bool, typer.Option("--sound-card", help="Speak and listen by this machine's sound card.")
    ] = False,
    source: Annotated[
        str, typer.Option("--input", metavar="NAME", help="The microphone; else the system's.")
    ] = "",
    sink: Annotated[
        str, typer.Option("--output", metavar="NAME", help="The loudspeaker; else the system's.")
    ] = "",
    devices: Annotated[
        bool,
        typer.Option(
            "--list-devices",
            is_eager=True,
            callback=_list_devices,
            help="Name the devices of this machine, and exit.",
        ),
    ] = False,
) -> None:
    """Let a telephone of the carrier call, or wait for a call.

    The carrier is a `hookflash carrier` that runs. Says what becomes of the call and what the
    telephone hears, until it is over; Ctrl-C hangs up. In a terminal the keys 0-9, * and # are
    pressed, h puts the other side on hold and takes it back, q hangs up, or ends the wait. Exit
    code 0 where it was answered.
    """
    del devices  # `_list_devices` has seen to it
    card = _Card(sound_card, source, sink)
    _check(action, dialled, says, records, card)
    try:
        number = number if dialled else _known(carrier, number)
        order = {"caller": number, "called": dialled, **_spoken(says)}
        if records is not None:
            order["records"] = _writable(records)
        with _person(card, carrier, number) as check, Keyboard() as keyboard:
            call_id = str(ask(f"{carrier}/calls", "POST", order)["id"]) if dialled else ""
            answered = follow(carrier, call_id, number, keyboard, check)
        if records is not None and answered:
            _write(records, raw(f"{carrier}/telephones/{number}/recording", "GET"))
            typer.echo(f"what {number} heard is in {printable(str(records))}")
    except ConfigError as error:
        raise fail(str(error), EXIT_CONFIG) from None
    except PhoneError as error:
        raise fail(str(error)) from None
    if not answered:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Card:
    """Whether a person is at the telephone by the sound card, and by which devices of it."""

    used: bool
    source: str
    """The microphone, "" for the system's own choice."""
    sink: str
    """The loudspeaker likewise."""


def _check(action: str, dialled: str, says: str, records: Path | None, card: _Card) -> None:
    """Raises BadParameter where the words and options of `phone` do not go together."""
    if action not in {"call", "wait"}:
        raise typer.BadParameter("a telephone can `call` or `wait`", param_hint="ACTION")
    if (action == "call") != bool(dialled):
        raise typer.BadParameter("for `call`, and for it only", param_hint="DIALLED")
    if action == "wait" and (says or records):
        raise typer.BadParameter("for `call` only", param_hint="--says, --records")
    if says and card.used:
        raise typer.BadParameter("not with --sound-card, which speaks", param_hint="--says")
    if (card.source or card.sink) and not card.used:
        raise typer.BadParameter("with --sound-card only", param_hint="--input, --output")


def _known(carrier: str, number: str) -> str:
    """The telephone's number as the carrier writes it; raises PhoneError where there is none."""
    return str(ask(f"{carrier}/telephones/{quote(number, safe='')}", "GET")["number"])


@contextmanager
def _person(card: _Card, carrier: str, number: str) -> Iterator[Callable[[], None]]:
    """Somebody is at the telephone, if anybody is to be. Gives what raises PhoneError where his
    sound card is gone, or the connection."""
    if not card.used:
        yield _nothing
        return
    from .phone_sound import PhoneSound

    with PhoneSound(carrier, number, card.source, card.sink) as sound:
        typer.echo(printable(sound.told()))
        yield sound.check


def _nothing() -> None:
    """No card can be gone."""


def _spoken(says: str) -> dict[str, Any]:
    """What the carrier is told of it; raises ConfigError. A file is read here: the carrier may be
    elsewhere."""
    from ..carrier.reading import is_wave
    from ..carrier.speaking import speech_of
    from ..carrier.wave_files import wave_bytes

    if not is_wave(says):
        return {"says": says} if says else {}
    data = wave_bytes(speech_of(says).samples)
    return {"wave": base64.b64encode(data).decode("ascii")}


def _writable(file: Path) -> bool:
    """True; raises PhoneError where it cannot be written, before anything is said."""
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise PhoneError(f"{file} cannot be written")
    return True


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise PhoneError(f"{file} cannot be written ({error.strerror})") from None


def follow(
    carrier: str,
    call_id: str,
    number: str,
    keyboard: Keyboard,
    check: Callable[[], None] = _nothing,
) -> bool:
    """Print the news of a call until it is over or the user ends it, and do what is typed; whether
    it was answered. `call_id` "": of the next call that the telephone is in. `check` is called now
    and then, and may raise what ends it."""
    said, answered = HINT if keyboard.there else "", False
    up, came = True, bool(call_id)
    if said:
        typer.echo(said)
    hands = Hands(carrier, number)
    try:
        while up:
            check()
            calls = ask(f"{carrier}/calls", "GET")["calls"]
            mine = [one for one in calls if number in one["telephones"] or one["id"] == call_id]
            came |= bool(mine)
            up = bool(mine) or not came
            answered |= any(one["state"] == "up" for one in mine)
            news = news_of(mine, number) or ("over" if came else f"{number} waits for a call")
            if news != said:
                typer.echo(printable(news))
            said = news
            if up:
                hands.do(keyboard.typed(POLL))
                up = came or not hands.done
    except KeyboardInterrupt:
        hands.hang_up()
    return answered


class Hands:
    """What a person does with the telephone while it is in a call."""

    def __init__(self, carrier: str, number: str) -> None:
        self._carrier = carrier
        self._number = number
        self._held = False
        self.done = False
        """They want no call, or no more of this one."""

    def do(self, typed: str) -> None:
        """Each key in its turn; says why one cannot be done now."""
        for key in typed.lower():
            try:
                self._one(key)
            except PhoneError as error:
                typer.echo(printable(str(error)))

    def _one(self, key: str) -> None:
        if key in KEYS:
            self._tell("keys", {"keys": key})
            typer.echo(f"pressed {key}")
        elif key == "h":
            self._tell("hold", {"held": not self._held})
            self._held = not self._held
            typer.echo("on hold" if self._held else "not on hold any more")
        elif key == "q":
            self.done = True
            self.hang_up()

    def hang_up(self) -> None:
        """In whichever call it is by now."""
        for one in ask(f"{self._carrier}/calls", "GET")["calls"]:
            if self._number in one["telephones"]:
                ask(f"{self._carrier}/calls/{one['id']}", "DELETE")

    def _tell(self, what: str, body: object) -> None:
        ask(f"{self._carrier}/telephones/{self._number}/{what}", "POST", body)


def news_of(calls: list[dict[str, Any]], number: str) -> str:
    """What a telephone hears in its calls, as the carrier lists them; of several that are alike,
    once; "" for none."""
    return "; ".join(dict.fromkeys(_news(one, number) for one in calls))


def _news(call: dict[str, Any], number: str) -> str:
    other = call["called"] if call["caller"] == number else call["caller"]
    if call["state"] != "up":
        return f"{other} rings"
    heard = ", ".join(f"{tone:g} Hz" for tone in call["hears"].get(number, []))
    if not heard and number in call["audible"]:
        heard = "somebody"
    return f"{other} is there, and {number} hears {heard or 'nothing'}"
