"""`hookflash ladder`: the SIP messages of a call as a drawing, as SVG, as a capture file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from ..base.text import printable
from ..doctor.seen import SeenMessage
from ..sip.flow import Address
from .client import ClientError
from .ladder import Ladder
from .ladder_svg import ladder_svg
from .options import ApiSession, server_command

US: Final = "Hookflash"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "ladder")(ladder)


def ladder(
    session: ApiSession,
    ident: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="Of a call (SCL_…) or a transfer (STR_…), or a Call-ID; else the newest call.",
        ),
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Each message as a whole, too.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write it as a picture.")] = None,
    pcap: Annotated[Path | None, typer.Option(help="Write it as a capture, for Wireshark.")] = None,
) -> None:
    """Draw the SIP messages of a call or a transfer (Hookflash only)."""
    from ..sip.pcap import pcap as capture
    from .sip_messages import fetch, find_call, seen_of

    client = session.client
    answer = fetch(client, find_call(client, ident))
    seen = seen_of(answer)
    if svg is not None:
        _write(svg, ladder_svg(title(answer), *lanes_of(seen), seen).encode())
    if pcap is not None:
        _write(pcap, capture(one.captured() for one in seen))
    if session.as_json:
        session.report(answer, "")
    elif svg is None and pcap is None:
        print_ladder(Console(highlight=False), answer, seen, full=full)


def title(answer: dict[str, Any]) -> str:
    """What it is about, in one line."""
    state = "so far: the call is up" if answer.get("live") else "the whole call"
    return printable(f"{answer.get('call_id')}  Call-ID {answer.get('sip_call_id')}  ({state})")


def print_ladder(
    console: Console, answer: dict[str, Any], seen: Sequence[SeenMessage], *, full: bool = False
) -> None:
    """On a terminal, or into a pipe."""
    console.print(title(answer), markup=False, soft_wrap=True)
    if not seen:
        console.print("no messages")
        return
    names, lanes = lanes_of(seen)
    drawn = Ladder(console, names)
    drawn.head()
    dropped, half = int(answer.get("dropped") or 0), (len(seen) + 1) // 2
    for number, one in enumerate(seen):
        at = one.at - seen[0].at
        if dropped and number == half:
            drawn.note(at, f"{dropped} messages are not kept here", "yellow")
        drawn.message(at, *ends(one, lanes), printable(one.label))
        if full:
            _print_message(console, one)


def _print_message(console: Console, one: SeenMessage) -> None:
    text = one.data.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
    for line in [*text.split("\n"), ""]:
        console.print(f"    {printable(line)}".rstrip(), markup=False, soft_wrap=True)


def lanes_of(seen: Sequence[SeenMessage]) -> tuple[list[str], dict[Address | None, int]]:
    """The names across the top, and the number of each peer's lane (None: our own). Who sent the
    first message stands on the left."""
    remotes = list(dict.fromkeys(one.remote for one in seen))
    names = [named(remote) for remote in remotes]
    ours = len(names) if seen and seen[0].received else 0
    names.insert(ours, US)
    lanes: dict[Address | None, int] = {None: ours}
    lanes |= {remote: number + (number >= ours) for number, remote in enumerate(remotes)}
    return names, lanes


def ends(one: SeenMessage, lanes: dict[Address | None, int]) -> tuple[int, int]:
    """The lanes of sender and receiver."""
    peer, us = lanes[one.remote], lanes[None]
    return (peer, us) if one.received else (us, peer)


def named(address: Address) -> str:
    """`192.0.2.1:5060`, `[2001:db8::1]:5060`."""
    ip, port = address
    return printable(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}")


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ClientError(f"{file} cannot be written ({error.strerror})") from None
    sys.stderr.write(f"wrote {printable(str(file))}\n")
