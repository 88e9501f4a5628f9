"""`hookflash phone`: one telephone of a carrier that runs, from the terminal."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ..base.errors import ConfigError, HookflashError
from ..base.text import printable
from .options import EXIT_CONFIG, fail
from .phone_keys import Keyboard

POLL = 0.2
"""Seconds between two looks at the call."""
WITHIN = 10.0
"""Seconds for an answer of the carrier."""
KEYS: Final = frozenset("0123456789*#")
HINT: Final = "keys: 0-9, * and # are pressed; h holds, and takes back; q hangs up"


class PhoneError(HookflashError):
    """The carrier is not there, or does not do what it is asked; the text says why."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(phone)


def phone(
    number: Annotated[str, typer.Argument(help="Of the telephone, as the carrier lists it.")],
    action: Annotated[str, typer.Argument(help="`call`.")],
    dialled: Annotated[str, typer.Argument(help="The number that it calls.")],
    carrier: Annotated[
        str, typer.Option(help="The carrier's --http address.")
    ] = "http://127.0.0.1:8080",
    says: Annotated[
        str, typer.Option(metavar="TEXT", help="What it says once: a text, or a file.wav.")
    ] = "",
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what it hears, as a WAV file.")
    ] = None,
) -> None:
    """Let a telephone of the carrier call a number.

    The carrier is a `hookflash carrier` that runs. Says what becomes of the call and what the
    telephone hears, until it is over; Ctrl-C hangs up. In a terminal the keys 0-9, * and # are
    pressed, h puts the other side on hold and takes it back, q hangs up. Exit code 0 where it was
    answered.
    """
    if action != "call":
        raise typer.BadParameter("a telephone can `call`", param_hint="ACTION")
    try:
        order = {"caller": number, "called": dialled, **_spoken(says)}
        if records is not None:
            order["records"] = _writable(records)
        call = _ask(f"{carrier}/calls", "POST", order)
        with Keyboard() as keyboard:
            answered = follow(carrier, str(call["id"]), number, keyboard)
        if records is not None and answered:
            _write(records, _raw(f"{carrier}/telephones/{number}/recording", "GET"))
            typer.echo(f"what {number} heard is in {printable(str(records))}")
    except ConfigError as error:
        raise fail(str(error), EXIT_CONFIG) from None
    except PhoneError as error:
        raise fail(str(error)) from None
    if not answered:
        raise typer.Exit(1)


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


def follow(carrier: str, call_id: str, number: str, keyboard: Keyboard) -> bool:
    """Print the news of a call until it is over or the user ends it, and do what is typed; whether
    it was answered."""
    said, answered, up = HINT if keyboard.there else "", False, True
    if said:
        typer.echo(said)
    hands = Hands(carrier, number)
    try:
        while up:
            calls = _ask(f"{carrier}/calls", "GET")["calls"]
            mine = [one for one in calls if number in one["telephones"] or one["id"] == call_id]
            up = bool(mine)
            answered |= any(one["state"] == "up" for one in mine)
            news = "; ".join(_news(one, number) for one in mine) or "over"
            if news != said:
                typer.echo(printable(news))
            said = news
            if up:
                hands.do(keyboard.typed(POLL))
    except KeyboardInterrupt:
        hands.hang_up()
    return answered


class Hands:
    """What a person does with the telephone while it is in a call."""

    def __init__(self, carrier: str, number: str) -> None:
        self._carrier = carrier
        self._number = number
        self._held = False

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
        elif key == "h":
            self._tell("hold", {"held": not self._held})
            self._held = not self._held
            typer.echo("on hold" if self._held else "not on hold any more")
        elif key == "q":
            self.hang_up()

    def hang_up(self) -> None:
        """In whichever call it is by now."""
        for one in _ask(f"{self._carrier}/calls", "GET")["calls"]:
            if self._number in one["telephones"]:
                _ask(f"{self._carrier}/calls/{one['id']}", "DELETE")

    def _tell(self, what: str, body: object) -> None:
        _ask(f"{self._carrier}/telephones/{self._number}/{what}", "POST", body)


def _news(call: dict[str, Any], number: str) -> str:
    other = call["called"] if call["caller"] == number else call["caller"]
    if call["state"] != "up":
        return f"{other} rings"
    heard = ", ".join(f"{tone:g} Hz" for tone in call["hears"].get(number, []))
    if not heard and number in call["audible"]:
        heard = "somebody"
    return f"{other} is there" + (f", and {number} hears {heard}" if heard else "")


def _ask(url: str, method: str, body: object = None) -> dict[str, Any]:
    found = _raw(url, method, body)
    return dict(json.loads(found)) if found else {}


def _raw(url: str, method: str, body: object = None) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise PhoneError(f"{url!r} is no address such as http://127.0.0.1:8080")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # see above
    try:
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise PhoneError(_why(error)) from None
    except OSError as error:
        raise PhoneError(f"no carrier at {url}: {error}; `hookflash carrier` runs one") from None


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"the carrier answered {error.code}"
