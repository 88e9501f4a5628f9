"""`hookflash transfer`, with phones: progress, outcome, exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.room import ListParticipantsResponse, ListRoomsResponse
from livekit.protocol.sip import TransferSIPParticipantRequest
from tests.support.cli import hookflash, invoke, running
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.call import CarrierCall
from hookflash.carrier.phone import Behaviour
from hookflash.cli import EXIT_INTERRUPTED
from hookflash.cli.client import Client, ClientError
from hookflash.cli.options import ApiSession
from hookflash.cli.outcome import EXIT_CALL_ENDED, EXIT_NO_ANSWER, EXIT_REFUSED
from hookflash.cli.transfer import _Attempt, no_tel_hint, target_of

CALLER, TARGET = "+14150000001", "+15105550100"
DOCTOR = "; `hookflash doctor STR_` says why"
SOFTPHONE = f"; a softphone cannot dial tel:, it may take sip:{TARGET}@HOST"


async def ready(lab: Lab, behaviour: Behaviour | None = None) -> CarrierCall:
    await lab.ready()
    caller = await lab.carrier.phone(CALLER, behaviour=behaviour)
    return await caller.call(NUMBER, proxy=lab.sip)


def test_the_only_call_is_transferred() -> None:
    async def check(lab: Lab) -> None:
        call = await ready(lab)
        target = await lab.carrier.phone(TARGET, behaviour=Behaviour(ring=1.0))
        done = await hookflash(lab, "transfer", TARGET, "--dialtone")
        assert done.code == 0, done.err
        assert done.out.startswith(f"transferred sip_{CALLER} to tel:{TARGET} in ")
        assert f"transferring sip_{CALLER} to tel:{TARGET}\n" in done.err
        assert ": ringing" in done.err
        await target.called()
        await call.ended()

    run(check, sip__answer="immediately")


def test_what_the_provider_was_told_is_shown() -> None:
    async def check(lab: Lab) -> None:
        await ready(lab, Behaviour(notify=(100, 416)))
        (trunk,) = lab.server.trunks.list_inbound()
        edit = ("trunk", "inbound", "edit", trunk.sip_trunk_id, "--provider", "telnyx")
        assert (await hookflash(lab, *edit)).code == 0
        failed = await hookflash(lab, "transfer", TARGET)
        assert failed.err.splitlines()[-1] == (
            "hookflash: not transferred: 416 Unsupported URI Scheme"  # and no hint about tel:
        )
        told = f"tel:{TARGET} → sip:{TARGET}@sip.telnyx.com"
        shown = await hookflash(lab, "transfers")
        assert told in shown.out
        (record,) = (await hookflash(lab, "transfers", "--json")).json
        details = (await hookflash(lab, "transfers", record["transfer_id"])).out
        assert told in details
        assert ["provider", "telnyx"] in [line.split() for line in details.splitlines()]
        edit = ("trunk", "inbound", "edit", trunk.sip_trunk_id, "--provider", "exotel")
        assert (await hookflash(lab, *edit)).code == 0
        refused = await hookflash(lab, "transfer", TARGET)
        assert refused.code == 1
        assert "exotel knows no REFER, so it cannot transfer; connect the caller" in refused.err

    run(check, sip__answer="immediately")


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        (Behaviour(notify=(100, 486)), EXIT_REFUSED, "not transferred: 486 Busy Here"),
        (Behaviour(refer=603), EXIT_REFUSED, "not transferred: 603 Decline" + DOCTOR),
        (
            Behaviour(notify=(100, 416)),
            *(EXIT_REFUSED, "not transferred: 416 Unsupported URI Scheme" + SOFTPHONE),
        ),
        (
            Behaviour(refer=500),
            EXIT_REFUSED,
            "not transferred: 500 Server Internal Error" + SOFTPHONE + DOCTOR,
        ),
        (Behaviour(notify=(100,)), EXIT_NO_ANSWER, "not transferred: request timed out"),
    ],
)
def test_a_transfer_that_fails_says_why(behaviour: Behaviour, code: int, words: str) -> None:
    async def check(lab: Lab) -> None:
        await ready(lab, behaviour)
        failed = await hookflash(
            lab, "transfer", "lobby", f"sip_{CALLER}", TARGET, "--timeout", "1", "--json"
        )
        assert failed.code == code, failed.err
        found = failed.json
        ident = found["record"]["transfer_id"]
        assert failed.err.splitlines()[-1] == f"hookflash: {words}".replace("STR_", ident)
        assert found["transferred"] is False
        assert found["error"]["sip_transfer_id"] == found["record"]["transfer_id"]
        assert found["record"]["verdict"] in {"rejected", "refused", "timed out"}

    run(check, sip__answer="immediately")


def test_who_does_not_wait_is_told_that_the_transfer_goes_on() -> None:
    async def check(lab: Lab) -> None:
        await ready(lab, Behaviour(notify=(100, 180)))
        server = ("--url", f"http://127.0.0.1:{lab.server.http_port}", "--api-key", KEY)
        command = (sys.executable, "-m", "hookflash", "transfer", TARGET, *server)
        async with running(*command, "--api-secret", SECRET) as (child, line):
            while not (await line()).endswith(": ringing"):
                pass
            child.send_signal(signal.SIGINT)
            said = await line()
            assert await child.wait() == EXIT_INTERRUPTED
        (record,) = (await hookflash(lab, "transfers", "--json")).json
        assert record["verdict"] is None
        ident = record["transfer_id"]
        assert said.startswith("hookflash: not waited for any longer; the transfer goes on, and ")
        assert f"`hookflash transfers {ident}`" in said

    run(check, sip__answer="immediately")


@pytest.mark.parametrize(
    ("agent", "target"),
    [
        ("Asterisk PBX 20.5.2", "sip:6002@127.0.0.1"),
        ("FPBX-16.0.40(18.9)", "sip:6002@127.0.0.1"),
        ("FreeSWITCH-mod_sofia/1.10.9", "sip:6002@127.0.0.1"),
        ("3CXPhoneSystem 20.0", "sip:6002@127.0.0.1"),
        ("Telephone 1.0", "tel:6002"),
    ],
)
def test_a_number_at_an_exchange_that_takes_sip_only(agent: str, target: str) -> None:
    """Its name is in the headers of its call."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(200,)))
        call = await caller.call(NUMBER, proxy=lab.sip, headers=[("User-Agent", agent)])
        done = await hookflash(lab, "transfer", "6002")
        assert done.code == 0, done.err
        assert call.referrals[0].refer_to == f"<{target}>"

    run(check, sip__answer="immediately")


@pytest.mark.parametrize(
    ("target", "status", "hint"),
    [
        ("tel:+1", "400", True),
        ("TEL:+1", "488", True),
        ("tel:+1", "503", True),
        ("tel:+1", "486", False),
        ("tel:+1", "", False),
        ("sip:+1@h", "500", False),
    ],
)
def test_where_a_softphone_is_hinted_at(target: str, status: str, hint: bool) -> None:
    assert bool(no_tel_hint(target, status)) == hint


def test_a_caller_who_hangs_up_meanwhile() -> None:
    async def check(lab: Lab) -> None:
        call = await ready(lab, Behaviour(notify=(100,)))
        pending = asyncio.create_task(hookflash(lab, "transfer", "lobby", TARGET))
        await call.received("REFER")
        await call.hang_up()
        ended = await pending
        assert ended.code == EXIT_CALL_ENDED, ended.err
        assert "call ended before transfer completed" in ended.err

    run(check, sip__answer="immediately")


def test_nobody_to_transfer_and_nowhere_to() -> None:
    async def check(lab: Lab) -> None:
        none = await hookflash(lab, "transfer", TARGET)
        assert none.code == 1
        assert none.err == "hookflash: no call is up\n"
        await ready(lab)
        unknown = await hookflash(lab, "transfer", "lobby", "nobody", TARGET)
        assert unknown.code == 1
        assert "participant does not exist" in unknown.err
        nowhere = await hookflash(lab, "transfer", "somewhere")
        assert nowhere.code == 1
        assert "400" in nowhere.err
        assert (await hookflash(lab, "transfer", "a", "b", "c", "d")).code == 2
        assert (await hookflash(lab, "transfer", TARGET, "--header", "x")).code == 2

    run(check, sip__answer="immediately")


def test_a_wrong_secret_and_no_server() -> None:
    async def check(lab: Lab) -> None:
        await ready(lab)
        wrong = await hookflash(lab, "transfer", TARGET, secret="x" * 40)
        assert wrong.code == 1
        assert "LIVEKIT_API_SECRET" in wrong.err
        silent = await hookflash(lab, "transfer", TARGET, "--url", "http://127.0.0.1:9")
        assert silent.code == 1
        assert "is `hookflash serve` running there?" in silent.err

    run(check, sip__answer="immediately")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("+15105550100", "tel:+15105550100"),
        ("(510) 555-0100", "tel:5105550100"),
        ("+1 (510) 555-0100", "tel:+15105550100"),
        ("1000", "tel:1000"),
        ("bob@example.com", "sip:bob@example.com"),
        ("sip:bob@example.com", "sip:bob@example.com"),
        ("<SIPS:bob@example.com>", "<SIPS:bob@example.com>"),
        ("tel:+1", "tel:+1"),
        ("somewhere", "somewhere"),
    ],
)
def test_targets_as_people_write_them(text: str, target: str) -> None:
    assert target_of(text) == target
    if not target.startswith("tel:") or text.startswith("tel:"):
        assert target_of(text, "pbx.example.com") == target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("+1 (510) 555-0100", "sip:+15105550100@pbx.example.com"),
        ("*98#", "sip:*98%23@pbx.example.com"),
    ],
)
def test_a_number_at_a_host(text: str, target: str) -> None:
    assert target_of(text, "pbx.example.com") == target


class LiveKit(BaseHTTPRequestHandler):
    """A server with LiveKit's methods only, and one call."""

    def do_GET(self) -> None:
        self._answer(404, b"404 page not found\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        method = self.path.rpartition("/")[2]
        phone = ParticipantInfo(identity="sip_1", kind=ParticipantInfo.Kind.SIP)
        answers: dict[str, Message] = {
            "ListRooms": ListRoomsResponse(rooms=[Room(name="lobby")]),
            "ListParticipants": ListParticipantsResponse(participants=[phone]),
            "TransferSIPParticipant": Empty(),
        }
        if method in answers:
            self._answer(200, answers[method].SerializeToString())
        else:
            self._answer(404, b"404 page not found\n")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def livekit() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), LiveKit)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_livekit_without_our_extras_does_as_well(livekit: str) -> None:
    done = invoke(livekit, "transfer", "1000", "--json")
    assert (done.code, done.json["transferred"], done.json["record"]) == (0, True, None)
    assert done.json["identity"] == "sip_1"
    assert invoke(livekit, "calls", "--json").json == [
        {"room": "lobby", "identity": "sip_1", "kind": "SIP"}
    ]
    history = invoke(livekit, "calls", "--ended")
    assert history.code == 1
    assert "A plain LiveKit has no such page" in history.err


def test_a_server_that_is_gone_in_the_middle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Client.call

    def lost(client: Client, path: str, *arguments: Any, **fields: Any) -> Any:
        if path == "SIP/TransferSIPParticipant":
            raise ClientError("the server is gone")
        return call(client, path, *arguments, **fields)

    async def check(lab: Lab) -> None:
        await ready(lab)
        monkeypatch.setattr(Client, "call", lost)
        failed = await hookflash(lab, "transfer", "lobby", f"sip_{CALLER}", TARGET)
        assert failed.code == 1
        assert "the server is gone" in failed.err

    run(check, sip__answer="immediately")


def test_who_waits_no_longer_is_told_so_before_anything_is_known() -> None:
    request = TransferSIPParticipantRequest()
    session = ApiSession("http://127.0.0.1:9", KEY, SECRET, as_json=False)
    attempt = _Attempt(session, session.client, request, 5.0)
    said = "not waited for any longer; the transfer may still be carried out"
    assert attempt._left() == said
