"""SIPp as the phone that the exchange calls: what a carrier may answer to an INVITE of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.process import Process, need
from tests.interop.support.sipp import ENDED, Step, scenario, step

pytestmark = pytest.mark.interop

INVITED = step("callee_invited")
ACK = step("callee_request", method="ACK", header="CSeq:", expected="ACK")
BYE = step("callee_request", method="BYE", header="CSeq:", expected="BYE")
CHALLENGE = 'Proxy-Authenticate: Digest realm="c", nonce="5f2a", algorithm=MD5, qop="auth"'


def status(text: str, *headers: str, tag: str = "a", cseq: int = 1) -> Step:
    """An answer to the INVITE without a body."""
    lines = "".join(f"      {line}\n" for line in headers)
    return step("callee_status", status=text, tag=tag, cseq=cseq, headers=lines)


def session(text: str, *headers: str, tag: str = "a", cseq: int = 1) -> Step:
    """An answer to the INVITE with SDP."""
    lines = "".join(f"      {line}\n" for line in headers)
    return step("callee_session", status=text, tag=tag, cseq=cseq, headers=lines)


def ok(*headers: str) -> Step:
    """200 to what came last."""
    return step("callee_ok", headers="".join(f"      {line}\n" for line in headers))


def expect(method: str, header: str, expected: str) -> Step:
    """A request of the exchange."""
    return step("callee_request", method=method, header=header, expected=expected)


HUNG_UP = (BYE, ok())
REFERRED = (
    expect("REFER", "Refer-To:", "tel:.15105550100"),
    step("answer", status="202 Accepted", headers=""),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What SIPp does, and what the API is told; `then` goes on with an answered call."""

    name: str
    steps: tuple[Step, ...]
    code: str = ""
    text: str = ""
    ringing_timeout: float = 20
    then: Callable[[Exchange, str], Awaitable[None]] | None = None
    credentials: bool = False
    options: tuple[str, ...] = ()
    """Of SIPp."""


async def hang_up(exchange: Exchange, room: str) -> None:
    """The room puts its phone out."""
    await exchange.client.sdk.room.delete_room(api.DeleteRoomRequest(room=room))


async def transferred(exchange: Exchange, room: str) -> None:
    """A transfer that succeeds."""
    answer = await transfer(exchange, room)
    assert answer.transfer_id.startswith("STR_")


async def transfer_refused(exchange: Exchange, room: str) -> None:
    """A transfer to somebody who is busy; the call goes on."""
    with pytest.raises(api.TwirpError) as caught:
        await transfer(exchange, room)
    assert caught.value.metadata["sip_status_code"] == "486"
    await hang_up(exchange, room)


async def transfer(exchange: Exchange, room: str) -> api.TransferSIPParticipantResponse:
    """TransferSIPParticipant of the only phone of the room."""
    request = api.TransferSIPParticipantRequest(
        room_name=room, participant_identity="sip_100", transfer_to="tel:+15105550100"
    )
    return await exchange.client.sdk.sip.transfer_sip_participant(request)


ANSWERED = (INVITED, status("180 Ringing"), session("200 OK"), ACK)
ROWS = (
    Row("answered", (*ANSWERED, *HUNG_UP), then=hang_up),
    Row(
        "busy",
        (INVITED, status("486 Busy Here"), ACK),
        "resource_exhausted",
        "INVITE failed: sip status: 486: Busy Here",
    ),
    Row(
        "declined",
        (INVITED, status("603 Decline"), ACK),
        "permission_denied",
        "unexpected status from INVITE response: sip status: 603: Decline",
    ),
    Row(
        "nobody_picks_up",
        (
            *(INVITED, status("180 Ringing")),
            *(expect("CANCEL", "CSeq:", "1 CANCEL"), ok()),
            *(status("487 Request Terminated"), ACK),
        ),
        "canceled",
        "sip request timed out",
        ringing_timeout=1,
    ),
    Row(
        "cancel_crosses_the_200",
        (
            *(INVITED, status("180 Ringing"), expect("CANCEL", "CSeq:", "1 CANCEL"), ok()),
            *(session("200 OK"), ACK, *HUNG_UP),
        ),
        "canceled",
        "sip request timed out",
        ringing_timeout=1,
    ),
    Row(
        "challenged",
        (
            *(INVITED, status("407 Proxy Authentication Required", CHALLENGE), ACK),
            expect("INVITE", "Proxy-Authorization:", 'username="u".*uri="sip:100@'),
            *(step("callee_ok_invite", tag="b"), ACK, *HUNG_UP),
        ),
        then=hang_up,
        credentials=True,
    ),
    Row(
        "challenged_without_credentials",
        (INVITED, status("407 Proxy Authentication Required", CHALLENGE), ACK),
        "failed_precondition",
        "sip server required auth, but no username or password was provided",
    ),
    Row(
        "two_phones_answer",
        (
            *(INVITED, session("200 OK", tag="one"), expect("ACK", "To:", "tag=one")),
            *(session("200 OK", tag="two"), expect("ACK", "To:", "tag=two")),
            *(expect("BYE", "To:", "tag=two"), ok()),
            *(expect("BYE", "To:", "tag=one"), ok()),
        ),
        then=hang_up,
    ),
    Row(
        "the_200_comes_again",
        (INVITED, session("200 OK"), ACK, session("200 OK"), ACK, *HUNG_UP),
        then=hang_up,
        options=("-nr",),  # else the second ACK counts as the first one's repetition
    ),
    Row(
        "early_media",
        (INVITED, session("183 Session Progress"), session("200 OK"), ACK, *HUNG_UP),
        then=hang_up,
    ),
    Row(
        "early_media_that_stands",
        (
            *(INVITED, session("183 Session Progress", "Require: 100rel", "RSeq: 5")),
            *(expect("PRACK", "RAck:", "5 1 INVITE"), ok()),
            *(status("200 OK"), ACK, *HUNG_UP),
        ),
        then=hang_up,
    ),
    Row(
        "no_session",
        (INVITED, status("200 OK"), ACK, *HUNG_UP),
        "failed_precondition",
        "no session description",
    ),
    Row(
        "transferred",
        (
            *(*ANSWERED, *REFERRED),
            step("callee_notify", tag="a", cseq=1, state=ENDED, body="SIP/2.0 200 OK"),
            *HUNG_UP,
        ),
        then=transferred,
    ),
    Row(
        "transferred_to_somebody_busy",
        (
            *(*ANSWERED, *REFERRED),
            step("callee_notify", tag="a", cseq=1, state=ENDED, body="SIP/2.0 486 Busy Here"),
            *HUNG_UP,
        ),
        then=transfer_refused,
    ),
)


async def listen(lab: Lab, row: Row) -> tuple[Process, int]:
    """SIPp as the callee of one call, and its port."""
    folder = lab.path(f"sipp-{row.name}/scenario.xml").parent
    file = folder / "scenario.xml"
    file.write_text(scenario(row.name, (*row.steps, step("linger", milliseconds=200))), "utf-8")
    port, media = lab.ports.take(2), lab.ports.take(4)
    messages, errors = folder / "messages.log", folder / "errors.log"
    command: list[str | Path] = [
        *(
            need("sipp"),
            "-sf",
            file,
            "-i",
            "127.0.0.1",
            "-p",
            str(port),
            "-key",
            "caller",
            "callee",
        ),
        *("-mi", "127.0.0.1", "-mp", str(media), "-t", "u1", "-m", "1", "-nostdin"),
        *("-trace_msg", "-message_file", messages, "-trace_err", "-error_file", errors),
        *("-timeout", "40s", "-timeout_error", "-recv_timeout", "30000", "-skip_rlimit"),
        *row.options,
    ]
    process = await lab.start(f"sipp {row.name}", command, cwd=folder, logs=[messages, errors])
    process.shown = 4
    return process, port


async def dial(exchange: Exchange, row: Row, port: int) -> tuple[str, str]:
    """CreateSIPParticipant by a trunk of its own; code and text of the failure."""
    fields: dict[str, Any] = {"address": f"127.0.0.1:{port}", "numbers": ["+15550199"]}
    if row.credentials:
        fields |= {"auth_username": "u", "auth_password": "p"}
    sip = exchange.client.sdk.sip
    info = api.SIPOutboundTrunkInfo(name=row.name, **fields)
    trunk = await sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
    timeout = Duration()
    timeout.FromNanoseconds(int(row.ringing_timeout * 1e9))
    request = api.CreateSIPParticipantRequest(
        sip_trunk_id=trunk.sip_trunk_id,
        sip_call_to="100",
        room_name=row.name,
        wait_until_answered=True,
        ringing_timeout=timeout,
    )
    try:
        await sip.create_sip_participant(request, timeout=30)
    except api.TwirpError as error:
        return error.code, error.message.removeprefix("twirp error unknown: ")
    return "", ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_calls(row: Row, tmp_path: Path) -> None:
    async def check() -> None:
        async with Lab(tmp_path) as lab:
            exchange = await Exchange.start(lab)
            sipp, port = await listen(lab, row)
            assert await dial(exchange, row, port) == (row.code, row.text)
            if row.then is not None:
                await row.then(exchange, row.name)
            assert await sipp.wait(40) == 0
            await exchange.wait_calls_ended()
            assert not exchange.complaints()

    asyncio.run(check())
