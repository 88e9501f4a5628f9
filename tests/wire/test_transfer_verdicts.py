"""transfer.md §1: the verdicts, their answers at the API, and what is stored."""

from __future__ import annotations

import base64
import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from livekit.protocol.sip import SIPStatus
from tests.wire.kit.call import Call
from tests.wire.kit.message import Message
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Answer, Exchange, Line, until
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

CONFORMANCE = {
    case["name"]: case
    for case in json.loads(
        (Path(__file__).parent.parent / "data" / "transfer-answers.json").read_text("utf-8")
    )
}
TRYING, OK = "SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"
GONE = "terminated;reason=noresource"
Asked = tuple[Line, Call, Future[Answer], Message]


def asked(exchange: Exchange, phone: Phone, **fields: Any) -> Asked:
    """A call whose transfer was asked for and whose REFER came."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, **fields)
    return line, call, answer, call.request("REFER")


def accepted(exchange: Exchange, phone: Phone, **fields: Any) -> Asked:
    """The same, and the REFER was answered 202."""
    line, call, answer, refer = asked(exchange, phone, **fields)
    phone.reply(refer, "202 Accepted")
    return line, call, answer, refer


def failed(answer: Future[Answer], http: int, code: str, reason: str, text: str) -> Answer:
    """The API's error; every failure carries sip_transfer_id and sip_transfer_reason."""
    got = answer.result(40)
    assert (got.status, got.body.get("code")) == (http, code), got
    assert got.text == text
    assert got.meta["sip_transfer_id"].startswith("STR_")
    assert got.meta["sip_transfer_reason"] == reason
    return got


def stored(exchange: Exchange, line: Line, answer: Answer) -> dict[str, Any]:
    """The record, as GET /hookflash/transfers/{id} gives it."""
    transfer_id = answer.meta.get("sip_transfer_id") or answer.body["transfer_id"]
    return exchange.record(line.room, str(transfer_id))


@both
def test_succeeded(exchange: Exchange, phone: Phone) -> None:
    """succeeded: NOTIFY with a 2xx: 200 with transfer_id, STS_TRANSFER_SUCCESSFUL, STR_COMPLETED,
    `sip_status` unset; stages requested, sent, accepted, trying, ringing."""
    line, call, answer, _ = accepted(exchange, phone)
    for sipfrag in (TRYING, "SIP/2.0 180 Ringing\r\n"):
        assert call.notify(sipfrag).status == 200
    assert call.notify(OK, GONE).status == 200
    call.ended()
    got = answer.result(5)
    assert got.status == 200
    assert got.body["transfer_id"].startswith("STR_")
    assert got.body["status"] == "STS_TRANSFER_SUCCESSFUL"
    assert got.body["reason"] == "STR_COMPLETED"
    assert got.body["sip_status"] is None
    record = stored(exchange, line, got)
    stages = [entry["stage"] for entry in record["stages"]]
    assert stages == ["requested", "sent", "accepted", "trying", "ringing"]
    assert record["verdict"] == "succeeded"
    assert record["mode"] == "refer"


@both
@pytest.mark.parametrize("code", [200, 204, 299])
def test_any_2xx(exchange: Exchange, phone: Phone, code: int) -> None:
    """succeeded: NOTIFY with a 2xx."""
    _, call, answer, _ = accepted(exchange, phone)
    call.notify(f"SIP/2.0 {code} Yes", "active")
    assert answer.result(5).status == 200
    call.ended()


@both
def test_202_mirrors(exchange: Exchange, phone: Phone) -> None:
    """A 202 with `active` only mirrors the answer to REFER: stage accepted; with `terminated` it
    counts."""
    _, call, answer, _ = asked(exchange, phone)
    call.notify("SIP/2.0 202 Accepted", "active;expires=60")
    phone.none(lambda m: m.method == "BYE")
    assert not answer.done()
    call.notify("SIP/2.0 202 Accepted", GONE)
    assert answer.result(5).status == 200
    call.ended()


@both
def test_refer_sub_false(exchange: Exchange, phone: Phone) -> None:
    """2xx to REFER with `Refer-Sub: false`: succeeded, with the note `outcome not reported`; the
    caller leaves the room at once, the BYE waits for the peer's."""
    line, call, answer, refer = asked(exchange, phone)
    phone.reply(refer, "202 Accepted", [("Refer-Sub", "false")])
    got = answer.result(5)
    assert got.status == 200
    assert "outcome not reported" in stored(exchange, line, got)["notes"]
    exchange.gone(line.room)
    assert call.notify(OK, GONE).status == 200
    phone.none(lambda m: m.method == "BYE")
    assert call.hang_up().status == 200


@both
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("refer_603", "603 Decline"),
        ("refer_407", "407 Proxy Authentication Required"),
        ("refer_302", "302 Moved Temporarily"),
        ("refer_500", "500 Server Internal Error"),
        ("refer_no_phrase", "603 "),
    ],
)
def test_refused(exchange: Exchange, phone: Phone, name: str, status: str) -> None:
    """refused: REFER answered 3xx-6xx: Twirp error by the table, `sip status: 603: Decline`,
    error_details; no BYE."""
    line, call, answer, refer = asked(exchange, phone)
    phone.reply(refer, status)
    got = answer.result(8)
    conforms(got, name)
    assert got.meta["sip_transfer_reason"] == "STR_REJECTED"
    record = stored(exchange, line, got)
    assert (record["verdict"], record["sip_status"]) == ("refused", int(status[:3]))
    assert call.ask("OPTIONS").status == 200


@both
@pytest.mark.parametrize(
    ("name", "sipfrag"),
    [
        ("notify_486", "486 Busy Here"),
        ("notify_503", "503 Service Unavailable"),
        ("notify_404", "404 Not Found"),
        ("notify_480", "480 Temporarily Unavailable"),
    ],
)
def test_rejected(exchange: Exchange, phone: Phone, name: str, sipfrag: str) -> None:
    """rejected: NOTIFY with 3xx-6xx: Twirp error by the table, `call transfer failed: …`."""
    line, call, answer, _ = accepted(exchange, phone)
    call.notify(TRYING)
    call.notify(f"SIP/2.0 {sipfrag}\r\n", GONE)
    got = answer.result(5)
    conforms(got, name)
    assert got.meta["sip_transfer_reason"] == "STR_REJECTED"
    assert stored(exchange, line, got)["verdict"] == "rejected"
    assert call.ask("OPTIONS").status == 200


def conforms(got: Answer, name: str) -> None:
    """As LiveKit answered, with the two meta keys added; `error_details` byte for byte."""
    wanted = CONFORMANCE[name]
    assert got.status == wanted["http"]
    assert got.body["code"] == wanted["answer"]["code"]
    text = wanted["answer"]["msg"].removeprefix("twirp error unknown: ")
    assert got.text in {text, f"{text} (no credentials for this call)"}
    for key, value in wanted["answer"]["meta"].items():
        assert got.meta[key] == value
    assert got.meta["sip_transfer_id"].startswith("STR_")
    status = Status.FromString(base64.b64decode(got.meta["error_details"]))
    detail = SIPStatus.FromString(status.details[0].value)
    assert str(int(detail.code)) == got.meta["sip_status_code"]


@both
def test_timed_out(exchange: Exchange, phone: Phone) -> None:
    """timed out: ringing_timeout passed: deadline_exceeded 408 `request timed out`; the call stays
    up; a late 2xx ends the call and is recorded as late success next to the unchanged verdict."""
    line, call, answer, _ = accepted(exchange, phone, ringing_timeout="1s")
    call.notify("SIP/2.0 180 Ringing")
    got = failed(answer, 408, "deadline_exceeded", "STR_RINGING_TIMEOUT", "request timed out")
    assert 0.9 < got.seconds < 3
    assert call.ask("OPTIONS").status == 200
    call.notify(OK, GONE)
    call.ended()
    until(lambda: stored(exchange, line, got)["late_success"], "the late success")
    assert stored(exchange, line, got)["verdict"] == "timed out"


@both
def test_timed_out_unanswered(exchange: Exchange, phone: Phone) -> None:
    """timed out, whatever stage it was in: note `REFER unanswered` where so."""
    line, call, answer, refer = asked(exchange, phone, ringing_timeout="1s")
    got = failed(answer, 408, "deadline_exceeded", "STR_RINGING_TIMEOUT", "request timed out")
    assert "REFER unanswered" in stored(exchange, line, got)["notes"]
    phone.reply(refer, "603 Decline")
    assert stored(exchange, line, got)["verdict"] == "timed out"
    assert call.ask("OPTIONS").status == 200


@both
def test_late_failure(exchange: Exchange, phone: Phone) -> None:
    """A late failure is recorded; the verdict never changes, and the call goes on."""
    line, call, answer, _ = accepted(exchange, phone, ringing_timeout="1s")
    got = answer.result(5)
    assert call.notify("SIP/2.0 486 Busy", GONE).status == 200
    assert call.ask("OPTIONS").status == 200
    until(lambda: stored(exchange, line, got)["notes"], "the late failure")
    assert stored(exchange, line, got)["verdict"] == "timed out"


@both
def test_call_ended_by_caller(exchange: Exchange, phone: Phone) -> None:
    """call ended: the caller hung up and no final NOTIFY came within 1 s: aborted 409."""
    _, call, answer, refer = asked(exchange, phone)
    call.hang_up()
    text = "call ended before transfer completed"
    failed(answer, 409, "aborted", "STR_CALL_ENDED", text)
    phone.reply(refer, "202 Accepted")


@both
def test_call_ended_by_room(exchange: Exchange, phone: Phone) -> None:
    """call ended: the room hung up."""
    line, call, answer, _ = accepted(exchange, phone)
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    call.ended()
    text = "call ended before transfer completed"
    failed(answer, 409, "aborted", "STR_CALL_ENDED", text)


@both
def test_call_ended_by_481(exchange: Exchange, phone: Phone) -> None:
    """call ended: REFER got 481, with `sip_status_code` 481; and BYE."""
    _, call, answer, refer = asked(exchange, phone)
    phone.reply(refer, "481 Call/Transaction Does Not Exist")
    text = "call ended before transfer completed"
    got = failed(answer, 409, "aborted", "STR_CALL_ENDED", text)
    assert got.meta["sip_status_code"] == "481"
    call.ended()


@both
def test_accepted_and_hung_up(exchange: Exchange, phone: Phone) -> None:
    """2xx to REFER, never a NOTIFY, and the peer hangs up: call ended with the note `accepted,
    outcome not reported`."""
    line, call, answer, _ = accepted(exchange, phone)
    call.hang_up()
    got = answer.result(5)
    assert got.status == 409
    assert "accepted, outcome not reported" in stored(exchange, line, got)["notes"]


@both
def test_notify_beats_bye(exchange: Exchange, phone: Phone) -> None:
    """A verdict by NOTIFY beats a BYE that crosses it (the 1 s grace)."""
    _, call, answer, _ = accepted(exchange, phone)
    call.hang_up()
    assert call.notify(OK, GONE).status == 200
    assert answer.result(5).status == 200


@both
def test_rejection_beats_bye(exchange: Exchange, phone: Phone) -> None:
    """The same with a failure: within 1 s of the BYE a final NOTIFY decides."""
    _, call, answer, _ = accepted(exchange, phone)
    call.hang_up()
    assert call.notify("SIP/2.0 486 Busy Here", GONE).status == 200
    assert answer.result(5).meta["sip_transfer_reason"] == "STR_REJECTED"


@both
def test_trying_terminated_and_bye(exchange: Exchange, phone: Phone) -> None:
    """Friendly: a single NOTIFY `100 Trying` with `terminated`, and BYE within 2 s: succeeded with
    the note `outcome inferred from BYE`."""
    line, call, answer, _ = accepted(exchange, phone)
    call.notify(TRYING, GONE)
    call.hang_up()
    got = answer.result(5)
    assert got.status == 200
    assert "outcome inferred from BYE" in stored(exchange, line, got)["notes"]


@both
def test_bye_and_trying_terminated(exchange: Exchange, phone: Phone) -> None:
    """Or the NOTIFY within the 1 s grace after the BYE."""
    _, call, answer, _ = accepted(exchange, phone)
    call.hang_up()
    call.notify(TRYING, GONE)
    assert answer.result(5).status == 200


@both
def test_subscription_ended(exchange: Exchange, phone: Phone) -> None:
    """subscription ended: terminated, no final status, the peer did not hang up within 2 s:
    internal 500, text names the reason and the last status."""
    line, call, answer, _ = accepted(exchange, phone)
    call.notify(TRYING, GONE)
    got = answer.result(6)
    assert (got.status, got.body["code"]) == (500, "internal")
    assert 'reason "noresource"' in got.text
    assert "last status 100" in got.text
    assert got.meta["sip_transfer_reason"] == "STR_SUBSCRIPTION_TERMINATED"
    assert 1.5 < got.seconds < 4
    assert stored(exchange, line, got)["verdict"] == "subscription ended"
    assert call.ask("OPTIONS").status == 200


@both
@pytest.mark.parametrize("reason", ["timeout", "deactivated", "probation", "giveup"])
def test_subscribe_for_the_outcome(exchange: Exchange, phone: Phone, reason: str) -> None:
    """§4: `terminated` with reason timeout, deactivated, probation or giveup and no final status:
    one SUBSCRIBE (`Event: refer;id=CSeq`) for the outcome."""
    _, call, answer, refer = accepted(exchange, phone)
    call.notify(TRYING, f"terminated;reason={reason}")
    subscribe = call.request("SUBSCRIBE")
    assert subscribe.get("Event").replace(" ", "") == f"refer;id={refer.cseq}"
    phone.reply(subscribe, "200 OK", [("Expires", "60"), ("Contact", call.contact)])
    call.notify(OK, GONE)
    assert answer.result(5).status == 200
    call.ended()


@both
def test_subscribe_refused(exchange: Exchange, phone: Phone) -> None:
    """§4: refused → subscription ended."""
    _, call, answer, _ = accepted(exchange, phone)
    call.notify(TRYING, "terminated;reason=timeout")
    phone.reply(call.request("SUBSCRIBE"), "405 Method Not Allowed")
    got = answer.result(6)
    assert got.meta["sip_transfer_reason"] == "STR_SUBSCRIPTION_TERMINATED"
    phone.none(lambda m: m.method == "SUBSCRIBE")


@both
def test_subscribe_unanswered(exchange: Exchange, phone: Phone) -> None:
    """§4: unanswered for 4 s → subscription ended; the call goes on."""
    line, call, answer, _ = accepted(exchange, phone)
    call.notify(TRYING, "terminated;reason=timeout")
    call.request("SUBSCRIBE")
    got = answer.result(10)
    assert got.meta["sip_transfer_reason"] == "STR_SUBSCRIPTION_TERMINATED"
    assert 3.5 < got.seconds < 6
    (attempt,) = stored(exchange, line, got)["attempts"]
    assert (attempt["mode"], attempt["outcome"]) == ("refer", "subscription ended")
    assert call.ask("OPTIONS").status == 200


@both
def test_verdict_never_changes(exchange: Exchange, phone: Phone) -> None:
    """A verdict never changes; an error answer to REFER that comes after it changes nothing; the
    first NOTIFY counts as accepted."""
    line, call, answer, refer = asked(exchange, phone)
    call.notify("SIP/2.0 486 Busy Here", GONE)
    got = answer.result(5)
    phone.reply(refer, "603 Decline")
    call.notify(OK, GONE)
    assert call.ask("OPTIONS").status == 200
    record = stored(exchange, line, got)
    assert record["verdict"] == "rejected"
    assert "accepted" in [entry["stage"] for entry in record["stages"]]
