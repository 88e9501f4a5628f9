"""transfer.md §4: NOTIFY in all its forms."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.message import Message
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Answer, Exchange, Line, until
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"
Asked = tuple[Line, Call, Future[Answer], Message]


def accepted(exchange: Exchange, phone: Phone, status: str = "202 Accepted") -> Asked:
    """A transfer whose REFER was accepted."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    if status:
        phone.reply(refer, status)
    return line, call, answer, refer


def succeeds(call: Call, answer: Future[Answer]) -> None:
    """It ends as succeeded."""
    call.ended()
    assert answer.result(5).status == 200


@both
def test_before_the_202(exchange: Exchange, phone: Phone) -> None:
    """Accepted before the REFER's own 2xx (it starts the subscription)."""
    _, call, answer, refer = accepted(exchange, phone, "")
    assert call.notify(OK, GONE).status == 200
    phone.reply(refer, "202 Accepted")
    succeeds(call, answer)


@both
def test_answered_at_once(exchange: Exchange, phone: Phone) -> None:
    """Answered at once, before anything else happens: the 200 comes before the BYE."""
    _, call, answer, _ = accepted(exchange, phone)
    call.send_notify(OK, GONE)
    bye = call.ended()
    order = [m for _, m in phone.log]
    ours = next(m for m in order if m.status == 200 and m.method == "NOTIFY")
    assert order.index(ours) < order.index(bye)
    assert answer.result(5).status == 200


@both
def test_repeated_final(exchange: Exchange, phone: Phone) -> None:
    """First final status wins; later ones are answered 200 and ignored; a retransmission too."""
    line, call, answer, _ = accepted(exchange, phone)
    assert call.notify(OK).status == 200
    assert call.notify("SIP/2.0 603 Decline", GONE).status == 200
    succeeds(call, answer)
    assert exchange.record(line.room, answer.result().body["transfer_id"])["verdict"] == "succeeded"


@both
def test_after_bye(exchange: Exchange, phone: Phone) -> None:
    """Accepted after BYE, whatever became of the call."""
    line, call, answer, _ = accepted(exchange, phone)
    call.hang_up()
    assert answer.result(5).status == 409
    assert call.notify("SIP/2.0 180 Ringing").status == 200
    assert call.notify(OK, GONE).status == 200
    until(
        lambda: exchange.record(line.room, answer.result().meta["sip_transfer_id"])["late_success"],
        "late success",
    )


@both
def test_lower_cseq(exchange: Exchange, phone: Phone) -> None:
    """A NOTIFY whose CSeq is lower than that of a later NOTIFY or of the BYE is answered 200 and
    read; a final status in it counts, a late 1xx does not."""
    line, call, answer, _ = accepted(exchange, phone)
    call.cseq = 20
    call.notify("SIP/2.0 180 Ringing")
    call.cseq = 9
    assert call.notify("SIP/2.0 100 Trying").status == 200
    call.cseq = 14
    assert call.notify(OK, GONE).status == 200
    call.cseq = 30
    succeeds(call, answer)
    record = exchange.record(line.room, answer.result().body["transfer_id"])
    assert [entry["stage"] for entry in record["stages"]][-1] == "ringing"


@both
def test_bye_that_a_notify_overtook(exchange: Exchange, phone: Phone) -> None:
    """calls.md §2: a lower CSeq is 500, except NOTIFY; and a BYE that only NOTIFYs overtook ends
    the call."""
    line, call, answer, _ = accepted(exchange, phone)
    number = call.cseq + 1
    phone.send(call.message("OPTIONS", cseq=number))
    assert call.answer(200, "OPTIONS", number)
    call.cseq = number + 5
    assert call.notify("SIP/2.0 180 Ringing").status == 200
    phone.send(call.message("BYE", cseq=number - 1))
    assert call.answer(method="BYE", cseq=number - 1).status == 500
    phone.send(call.message("BYE", cseq=number + 3))
    assert call.answer(method="BYE", cseq=number + 3).status == 200
    call.up = False
    assert answer.result(5).status == 409
    exchange.gone(line.room)
    phone.none(lambda m: m.method == "BYE" and not m.status)


@both
@pytest.mark.parametrize(
    "event",
    ["Refer", "refer;x=y", "refer ; id={id}", "REFER;ID={id};x", "refer;id=99999", "refer;id=abc"],
)
def test_event(exchange: Exchange, phone: Phone, event: str) -> None:
    """`Event: refer` with any parameters, spacing and case; one REFER ever accepted in the dialog:
    any `id` or none is it."""
    _, call, answer, refer = accepted(exchange, phone)
    assert call.notify(OK, GONE, event.format(id=refer.cseq)).status == 200
    succeeds(call, answer)


@both
def test_compact_event(exchange: Exchange, phone: Phone) -> None:
    """Or compact `o:`."""
    _, call, answer, _ = accepted(exchange, phone)
    assert call.notify(OK, GONE, "", [("o", "refer")]).status == 200
    succeeds(call, answer)


@both
def test_missing_event(exchange: Exchange, phone: Phone) -> None:
    """A missing Event with a sipfrag body while a REFER is open counts as refer."""
    _, call, answer, _ = accepted(exchange, phone)
    assert call.notify(OK, GONE, "").status == 200
    succeeds(call, answer)


@both
def test_several_refers(exchange: Exchange, phone: Phone) -> None:
    """Several: `id` = CSeq of any attempt selects it; unknown id → 200, logged, ignored; no id from
    a peer that does write ids → the oldest open subscription."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line, ringing_timeout="1s")
    one = call.request("REFER")
    phone.reply(one, "202 Accepted")
    first.result(5)
    second = exchange.transfer(line, "sip:carol@example.com")
    two = call.request("REFER")
    phone.reply(two, "202 Accepted")
    assert call.notify(OK, GONE, "refer;id=4242").status == 200
    assert call.notify("SIP/2.0 486 Busy", GONE).status == 200
    phone.none(lambda m: m.method == "BYE", 0.3)
    assert not second.done()
    assert call.notify(OK, GONE, f"refer;id={two.cseq}").status == 200
    succeeds(call, second)


@both
@pytest.mark.parametrize("final", [OK, "SIP/2.0 486 Busy Here"])
def test_several_refers_and_no_id_ever(exchange: Exchange, phone: Phone, final: str) -> None:
    """Several, and no NOTIFY of the dialog ever carried an id → the newest REFER that was
    accepted."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line, ringing_timeout="1s")
    phone.reply(call.request("REFER"), "202 Accepted")
    call.notify("SIP/2.0 100 Trying", "active;expires=600")
    first.result(5)
    second = exchange.transfer(line, "sip:carol@example.com")
    phone.reply(call.request("REFER"), "202 Accepted")
    call.notify("SIP/2.0 100 Trying", "active;expires=600")
    call.notify(final, GONE)
    if final == OK:
        succeeds(call, second)
    else:
        got = second.result(5)
        assert got.meta["sip_status_code"] == "486"
        assert call.ask("OPTIONS").status == 200


@both
def test_481_without_refer(exchange: Exchange, phone: Phone) -> None:
    """481 only in a dialog without any REFER."""
    assert exchange.call(exchange.line(), phone).notify(OK, GONE).status == 481


@both
@pytest.mark.parametrize(
    "body",
    ["SIP/2.0 200", "SIP/2.0 200\r\n", "SIP/2.0 200 OK\n", "sip/2.0 200 ok\r\nTo: <sip:x@y>\r\n"],
)
@pytest.mark.parametrize("kind", ["message/sipfrag", "text/plain"])
def test_body(exchange: Exchange, phone: Phone, body: str, kind: str) -> None:
    """Body: first line `SIP/2.0 code[ reason]`, LF or CRLF, no reason phrase allowed, version in
    any case, whatever the Content-Type says; more lines ignored."""
    _, call, answer, _ = accepted(exchange, phone)
    fields = [("Event", "refer"), ("Subscription-State", GONE), ("Content-Type", kind)]
    assert call.ask("NOTIFY", fields, body).status == 200
    succeeds(call, answer)


@both
def test_no_news(exchange: Exchange, phone: Phone) -> None:
    """No body with `active` → no news; garbage → 200, logged, no news."""
    _, call, answer, _ = accepted(exchange, phone)
    assert call.notify(None).status == 200
    for garbage in ("hello", "HTTP/1.1 200 OK", "SIP/2.0 abc", "SIP/2.0 20000 OK", "\r\n"):
        assert call.notify(garbage).status == 200
    assert not answer.done()
    assert call.notify(OK, GONE).status == 200
    succeeds(call, answer)


@both
@pytest.mark.parametrize("state", ["", "pending", "active", "active;expires=0", "ACTIVE ; x"])
def test_state(exchange: Exchange, phone: Phone, state: str) -> None:
    """Missing Subscription-State, or `pending`: as `active`. An elapsed `expires` is no event."""
    _, call, answer, _ = accepted(exchange, phone)
    assert call.notify("SIP/2.0 180 Ringing", state).status == 200
    phone.none(lambda m: not m.status, 0.2)
    assert not answer.done()
    assert call.notify(OK, state).status == 200
    succeeds(call, answer)


@both
def test_stages(exchange: Exchange, phone: Phone) -> None:
    """1xx → stage: 100 trying, 18x ringing, in any order."""
    line, call, answer, _ = accepted(exchange, phone)
    for code in ("180 Ringing", "100 Trying", "183 Session Progress"):
        call.notify(f"SIP/2.0 {code}")
    call.notify("SIP/2.0 603 Decline", GONE)
    record = exchange.record(line.room, answer.result(5).meta["sip_transfer_id"])
    stages = [entry["stage"] for entry in record["stages"]]
    assert stages[:3] == ["requested", "sent", "accepted"]
    assert {"ringing", "trying"} <= set(stages[3:])
    times = [entry["at"] for entry in record["stages"]]
    assert times == sorted(times)
