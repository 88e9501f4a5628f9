"""`hookflash call`, `calls` and `hangup`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo
from rich.console import Console

from .client import Client
from .exits import fail
from .options import ApiSession, Dialtone, Headers, Timeout, duration, pairs, server_command
from .outcome import EPILOG
from .rooms import PhoneRow

SPARE: Final = 15.0
"""Seconds over the ringing time that the answer may take."""
REFRESH: Final = 1.0
"""Seconds between two looks of `calls --watch`."""
_COLUMNS = ("room", "identity", "number", "ours", "status", "for", "codec", "call")
_ENDED_COLUMNS = (
    *("began", "call", "way", "caller", "called", "room", "talked", "ended by", "why", "codec"),
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    server_command(app, "call", epilog=EPILOG)(call)
    server_command(app, "calls")(calls)
    server_command(app, "hangup")(hangup)


# --- call ---------------------------------------------------------------------------------------


def call(
    session: ApiSession,
    number: Annotated[str, typer.Argument(help="Number that is called.")],
    room: Annotated[str, typer.Option(help="Room that the called one joins.")],
    trunk: Annotated[str, typer.Option(help="ST_… id; not needed if there is one only.")] = "",
    caller: Annotated[
        str, typer.Option("--from", help="Our number; else one of the trunk's.")
    ] = "",
    identity: Annotated[str, typer.Option(help="Of the participant.")] = "",
    name: Annotated[str, typer.Option(help="Of the participant.")] = "",
    dtmf: Annotated[str, typer.Option(help="Keys to press when answered; w waits 0.5 s.")] = "",
    dialtone: Dialtone = False,
    timeout: Timeout = 30.0,
    header: Headers = [],  # noqa: B006  # typer reads it, nobody writes to it
    wait: Annotated[bool, typer.Option(help="Wait until it is answered.")] = True,
) -> None:
    """Call a number from a room."""
    from livekit.protocol.sip import CreateSIPParticipantRequest

    client = session.client
    request = CreateSIPParticipantRequest(
        sip_trunk_id=trunk or _only_trunk(client).sip_trunk_id,
        sip_call_to=number,
        sip_number=caller,
        room_name=room,
        participant_identity=identity,
        participant_name=name,
        dtmf=dtmf,
        play_dialtone=dialtone,
        ringing_timeout=duration(timeout),
        headers=pairs(header, "--header"),
        wait_until_answered=wait,
    )
    _dial(session, client, request, timeout if wait else 0.0)


def _only_trunk(client: Client) -> SIPOutboundTrunkInfo:
    from .client import ClientError
    from .kept import OUTBOUND

    found = list(OUTBOUND.find(client, [], []))
    if not found:
        raise ClientError("there is no outbound trunk; make one: `hookflash trunk outbound add`")
    if len(found) > 1:
        raise ClientError(
            f"there are {len(found)} outbound trunks; name one: --trunk "
            f"{found[0].sip_trunk_id} (`hookflash trunk outbound ls`)"
        )
    return found[0]


def _dial(
    session: ApiSession, client: Client, request: CreateSIPParticipantRequest, ringing: float
) -> None:
    from livekit.protocol.sip import SIPParticipantInfo

    from .client import RefusedError
    from .outcome import as_dict as error_dict
    from .outcome import exit_code, in_words
    from .output import Progress, as_dict, print_json

    try:
        with Progress() as progress:
            progress.say(f"calling {request.sip_call_to} from the room {request.room_name}")
            info = client.call(
                "SIP/CreateSIPParticipant",
                request,
                SIPParticipantInfo,
                room=request.room_name,
                timeout=ringing + SPARE,
            )
    except RefusedError as error:
        if session.as_json:
            print_json({"error": error_dict(error)})
        raise fail(f"not called: {in_words(error)}", exit_code(error)) from None
    what = "answered" if request.wait_until_answered else "calling"
    words = f"{what}: {info.participant_identity} in {info.room_name}, call {info.sip_call_id}"
    session.report(as_dict(info), words)


# --- calls --------------------------------------------------------------------------------------


def calls(
    session: ApiSession,
    room: Annotated[str, typer.Option(help="Only those of this room.")] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Until Ctrl-C.")] = False,
    ended: Annotated[
        bool, typer.Option("--ended", help="Those that are over (Hookflash only).")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="With --ended: at most so many.")] = (
        20
    ),
) -> None:
    """Show the calls that are up."""
    if watch and (ended or session.as_json):
        raise typer.BadParameter("--watch goes with neither --ended nor --json")
    client = session.client
    if ended:
        _show_ended(session, client, room, limit)
    elif watch:
        watch_calls(client, room, _pause)
    else:
        from .rooms import list_phones

        found = list_phones(client, room)
        session.show([_phone_dict(phone) for phone in found], _COLUMNS, _rows(found), "no calls")


def _rows(found: list[PhoneRow]) -> list[list[str]]:
    from .output import clock

    now = time.time()
    return [
        [
            phone.room,
            phone.info.identity,
            phone.attribute("phoneNumber"),
            phone.attribute("trunkPhoneNumber"),
            phone.attribute("callStatus"),
            clock(now - phone.info.joined_at),
            phone.info.attributes.get("hookflash.codec", ""),
            phone.attribute("callID"),
        ]
        for phone in found
    ]


def _phone_dict(phone: PhoneRow) -> dict[str, Any]:
    from .output import as_dict

    return {"room": phone.room, **as_dict(phone.info)}


def _pause() -> bool:
    time.sleep(REFRESH)
    return True


def watch_calls(
    client: Client, room: str, pause: Callable[[], bool], console: Console | None = None
) -> None:
    """Draw the table anew after each `pause`, while that returns True."""
    from rich.live import Live

    from .output import make_table
    from .rooms import list_phones

    with Live(console=console, auto_refresh=False) as live:
        going_on = True
        while going_on:
            rows = _rows(list_phones(client, room))
            live.update(make_table(_COLUMNS, rows, live.console.width), refresh=True)
            going_on = pause()


def _show_ended(session: ApiSession, client: Client, room: str, limit: int) -> None:
    query: dict[str, str | int] = {"limit": limit}
    if room:
        query["room"] = room
    found = client.get("/hookflash/calls", grant_room=room, **query)["calls"]
    session.show(found, _ENDED_COLUMNS, [_ended_row(record) for record in found], "no calls")


def _ended_row(record: dict[str, Any]) -> list[str]:
    from .output import clock, moment

    began, answered, ended = (record.get(key) for key in ("created_at", "answered_at", "ended_at"))
    talked = clock(float(ended) - float(answered)) if answered and ended else "-"
    return [
        moment(float(began or 0)),
        *(str(record.get(key) or "") for key in ("call_id", "direction", "caller", "called")),
        str(record.get("room") or ""),
        talked,
        *(str(record.get(key) or "") for key in ("ended_by", "end_reason")),
        str((record.get("stats") or {}).get("codec") or ""),
    ]


# --- hangup -------------------------------------------------------------------------------------


def hangup(
    session: ApiSession,
    room: Annotated[str, typer.Argument(help="Not needed where one call only is up.")] = "",
    identity: Annotated[str, typer.Argument(help="Not needed where the room has one call.")] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="Every call of the room, or of all rooms.")
    ] = False,
) -> None:
    """End a call."""
    from livekit.protocol.room import RemoveParticipantResponse, RoomParticipantIdentity

    from .client import RefusedError
    from .rooms import list_phones, the_phone

    client = session.client
    if everybody and not identity:
        chosen = [(phone.room, phone.info.identity) for phone in list_phones(client, room)]
    else:
        chosen = [the_phone(client, room, identity)]
    for where, who in chosen:
        request = RoomParticipantIdentity(room=where, identity=who)
        try:
            client.call(
                "RoomService/RemoveParticipant", request, RemoveParticipantResponse, room=where
            )
        except RefusedError as error:
            if not (everybody and error.code == "not_found"):  # it ended by itself meanwhile
                raise
    listed = ", ".join(f"{where} {who}" for where, who in chosen)
    found = [{"room": where, "identity": who} for where, who in chosen]
    session.report(found, f"hung up: {listed}" if listed else "no calls")
