"""`hookflash phone`: one telephone of a carrier that runs, from the terminal."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Annotated, Any

import typer

from ..base.errors import HookflashError
from ..base.text import printable
from .options import fail

POLL = 0.2
"""Seconds between two looks at the call."""
WITHIN = 10.0
"""Seconds for an answer of the carrier."""


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
) -> None:
    """Let a telephone of the carrier call a number.

    The carrier is a `hookflash carrier` that runs. Says what becomes of the call and what the
    telephone hears, until it is over; Ctrl-C hangs up. Exit code 0 where it was answered.
    """
    if action != "call":
        raise typer.BadParameter("a telephone can `call`", param_hint="ACTION")
    try:
        call = _ask(f"{carrier}/calls", "POST", {"caller": number, "called": dialled})
        answered = follow(carrier, str(call["id"]), number)
    except PhoneError as error:
        raise fail(str(error)) from None
    if not answered:
        raise typer.Exit(1)


def follow(carrier: str, call_id: str, number: str) -> bool:
    """Print the news of a call until it is over or the user ends it; whether it was answered."""
    said, answered, up = "", False, True
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
                time.sleep(POLL)
    except KeyboardInterrupt:
        calls = _ask(f"{carrier}/calls", "GET")["calls"]
        for one in calls:
            if number in one["telephones"]:
                _ask(f"{carrier}/calls/{one['id']}", "DELETE")
    return answered


def _news(call: dict[str, Any], number: str) -> str:
    other = call["called"] if call["caller"] == number else call["caller"]
    if call["state"] != "up":
        return f"{other} rings"
    heard = ", ".join(f"{tone:g} Hz" for tone in call["hears"].get(number, []))
    return f"{other} is there" + (f", and {number} hears {heard}" if heard else "")


def _ask(url: str, method: str, body: object = None) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise PhoneError(f"{url!r} is no address such as http://127.0.0.1:8080")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # see above
    try:
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310
            found = answer.read()
    except urllib.error.HTTPError as error:
        raise PhoneError(_why(error)) from None
    except OSError as error:
        raise PhoneError(f"no carrier at {url}: {error}; `hookflash carrier` runs one") from None
    return dict(json.loads(found)) if found else {}


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"the carrier answered {error.code}"
