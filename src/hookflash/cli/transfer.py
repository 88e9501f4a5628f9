"""`hookflash transfer`: hand a caller over to another number, and say what came of it."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Annotated, Any, Final

import typer
from livekit.protocol.sip import (
    TransferSIPParticipantRequest,
    TransferSIPParticipantResponse,
)

from . import EXIT_INTERRUPTED
from .client import Client
from .exits import fail
from .options import ApiSession, Dialtone, Headers, Timeout, duration, pairs, server_command
from .outcome import EPILOG

RINGING: Final = 30.0
SPARE: Final = 15.0
"""Seconds over the ringing time that the answer may take."""
POLL: Final = 0.3
"""Seconds between two looks at the stages."""
_NUMBER = re.compile(r"\+?[(]?[0-9*#][0-9*#().\- ]*")
_EXCHANGE = re.compile(r"asterisk|fpbx|freepbx|freeswitch|3cx", re.IGNORECASE)
"""In User-Agent or Server of those that transfer to sip: addresses of their own only."""

_NO_TEL = re.compile("400|416|488|5..")
"""What peers answer, or report, to an address of a kind that they do not know."""


def target_of(text: str, host: str = "") -> str:
    """A number becomes tel:, or a sip: address at `host`; user@host becomes sip:; what has a scheme
    stays as it is."""
    if _NUMBER.fullmatch(text):
        number = re.sub(r"[().\- ]", "", text)
        return f"sip:{number.replace('#', '%23')}@{host}" if host else f"tel:{number}"
    if "@" in text and not re.match(r"(?i)<?(sips?|tel):", text):
        return "sip:" + text
    return text


def exchange_host(client: Client, room: str, identity: str) -> str:
    """The host of a caller's exchange that wants sip: where others take tel: (docs/transfers.md,
    "What providers want"), by the headers of the call; "" for any other, or where none can be
    asked for."""
    from livekit.protocol.models import ParticipantInfo
    from livekit.protocol.room import (
        PerformRpcRequest,
        PerformRpcResponse,
        RoomParticipantIdentity,
    )

    from ..exchange.rpc import GET_REMOTE_HEADERS
    from .client import ClientError

    asked = PerformRpcRequest(
        room=room,
        destination_identity=identity,
        method=GET_REMOTE_HEADERS,
        payload=json.dumps({"include": ["User-Agent", "Server"]}),
    )
    who = RoomParticipantIdentity(room=room, identity=identity)
    try:
        answer = client.call("RoomService/PerformRpc", asked, PerformRpcResponse, room=room)
        if not _EXCHANGE.search(answer.payload):
            return ""
        info = client.call("RoomService/GetParticipant", who, ParticipantInfo, room=room)
    except ClientError:
        return ""
    return info.attributes.get("sip.hostname", "")


def no_tel_hint(target: str, status: str) -> str:
    """What a softphone answers where it cannot dial a number says nothing of that."""
    if not target.lower().startswith("tel:") or not _NO_TEL.fullmatch(status):
        return ""
    number = target.partition(":")[2]
    return f"; a softphone cannot dial tel:, it may take sip:{number}@HOST"


def why_hint(record: dict[str, Any] | None) -> str:
    """Where the peer took no REFER its status alone says little; `record`: of the transfer, None
    where the server keeps none."""
    if record is None or record["verdict"] != "refused":
        return ""
    return f"; `hookflash doctor {record['transfer_id']}` says why"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "transfer", epilog=EPILOG)(transfer)


def transfer(
    session: ApiSession,
    place: Annotated[
        list[str],
        typer.Argument(
            metavar="[ROOM [IDENTITY]] TARGET",
            help="TARGET is a number or a tel: or sip: address. Where one call only is up, it is "
            "found without ROOM and IDENTITY.",
        ),
    ],
    dialtone: Dialtone = False,
    timeout: Timeout = RINGING,
    header: Headers = [],  # noqa: B006  # typer reads it, nobody writes to it
) -> None:
    """Transfer a caller, and wait until it is known what came of it."""
    from livekit.protocol.sip import TransferSIPParticipantRequest

    from .rooms import the_phone

    if len(place) > 3:
        raise typer.BadParameter("at most ROOM, IDENTITY and TARGET")
    room, identity, target = [*place[:-1], "", ""][:2] + place[-1:]
    headers = pairs(header, "--header")
    client = session.client
    room, identity = the_phone(client, room, identity)
    host = exchange_host(client, room, identity) if _NUMBER.fullmatch(target) else ""
    request = TransferSIPParticipantRequest(
        room_name=room,
        participant_identity=identity,
        transfer_to=target_of(target, host),
        play_dialtone=dialtone,
        headers=headers,
        ringing_timeout=duration(timeout),
    )
    _Attempt(session, client, request, timeout).run()


class _Attempt:
    """One transfer: the request in a thread of its own, its stages meanwhile."""

    def __init__(
        self,
        session: ApiSession,
        client: Client,
        request: TransferSIPParticipantRequest,
        timeout: float,
    ) -> None:
        self._session = session
        self._client = client
        self._request = request
        self._timeout = timeout
        self._done = threading.Event()
        self._answer: TransferSIPParticipantResponse | None = None
        self._error: Exception | None = None
        self._record: dict[str, Any] | None = None

    def run(self) -> None:
        """Print the outcome; raises typer.Exit unless it is success."""
        from .output import Progress

        request = self._request
        former = self._records()
        known = None if former is None else {r["transfer_id"] for r in former if r["verdict"]}
        what = f"{request.participant_identity} to {request.transfer_to}"
        started = time.monotonic()
        threading.Thread(target=self._ask, daemon=True).start()
        try:
            with Progress() as progress:
                progress.say(f"transferring {what}")
                while not self._done.wait(POLL):
                    self._look(known)
                    stage = self._record["stages"][-1]["stage"] if self._record else ""
                    if stage:
                        progress.say(f"transferring {what}: {stage}")
        except KeyboardInterrupt:
            raise fail(self._left(), EXIT_INTERRUPTED) from None
        self._look(known)
        self._report(time.monotonic() - started)

    def _left(self) -> str:
        """What is said to a user who does not wait: the server does not take a transfer back."""
        if self._record is None:
            return "not waited for any longer; the transfer may still be carried out"
        ident = self._record["transfer_id"]
        return (
            "not waited for any longer; the transfer goes on, and "
            f"`hookflash transfers {ident}` shows what becomes of it"
        )

    def _ask(self) -> None:
        from livekit.protocol.sip import TransferSIPParticipantResponse

        try:
            self._answer = self._client.call(
                "SIP/TransferSIPParticipant",
                self._request,
                TransferSIPParticipantResponse,
                room=self._request.room_name,
                timeout=self._timeout + SPARE,
            )
        except Exception as error:  # noqa: BLE001  # raised again where it is waited for
            self._error = error
        finally:
            self._done.set()

    def _records(self) -> list[dict[str, Any]] | None:
        """Transfers of this caller, newest first; None where the server keeps none (LiveKit)."""
        from .client import ClientError

        room = self._request.room_name
        try:
            found = self._client.get("/hookflash/transfers", grant_room=room, room=room, limit=20)
            identity = self._request.participant_identity
            return [record for record in found["transfers"] if record["identity"] == identity]
        except (ClientError, KeyError, TypeError):
            return None

    def _look(self, known: set[str] | None) -> None:
        """Find the record of this transfer, or as it is now."""
        if known is None:
            return
        fresh = [r for r in self._records() or [] if r["transfer_id"] not in known]
        self._record = fresh[0] if fresh else self._record

    def _report(self, seconds: float) -> None:
        from .client import RefusedError
        from .outcome import as_dict, exit_code, in_words
        from .records import sent_of, target_of

        record, asked = self._record, self._request.transfer_to
        told, sent = (asked, asked) if record is None else (target_of(record), sent_of(record))
        what = f"{self._request.participant_identity} to {told}"
        error = self._error
        if error is not None and not isinstance(error, RefusedError):
            raise error
        found: dict[str, Any] = {
            "room": self._request.room_name,
            "identity": self._request.participant_identity,
            "target": self._request.transfer_to,
            "transferred": error is None,
            "seconds": round(seconds, 3),
            "error": None if error is None else as_dict(error),
            "record": self._record,
        }
        if self._session.as_json:
            from .output import print_json

            print_json(found)
        if error is not None:
            hint = no_tel_hint(sent, error.meta.get("sip_status_code", ""))
            raise fail(
                f"not transferred: {in_words(error)}{hint}{why_hint(record)}", exit_code(error)
            )
        if not self._session.as_json:
            self._session.report(found, f"transferred {what} in {seconds:.1f} s")
