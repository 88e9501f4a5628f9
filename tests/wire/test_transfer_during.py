"""transfer.md §5-§7: the call in a transfer, what the caller hears, and who is told."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, until
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"


def test_media_timeout_is_suspended(exchange: Exchange, phone: Phone) -> None:
    """While a transfer is pending the media timeout is suspended; after a negative verdict it runs
    again, afresh."""
    line = exchange.line(media={"media_timeout": "1s"})
    call = exchange.call(line, phone)
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 10, "RTP")
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.sound.playing = False
    phone.none(lambda m: m.method == "BYE", 2)
    call.notify("SIP/2.0 486 Busy", GONE)
    answer.result(5)
    started = time.monotonic()
    call.ended()
    assert time.monotonic() - started > 0.7


def test_max_call_duration_is_suspended(exchange: Exchange, phone: Phone) -> None:
    """And max_call_duration; after a negative verdict it runs again."""
    line = exchange.line(max_call_duration="1s")
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    phone.none(lambda m: m.method == "BYE", 1.5)
    call.notify("SIP/2.0 486 Busy", GONE)
    call.ended()
    answer.result(5)


def test_max_call_duration(exchange: Exchange, phone: Phone) -> None:
    """max_call_duration of the trunk: BYE."""
    call = exchange.call(exchange.line(max_call_duration="1s"), phone)
    call.ended()


@both
def test_bye_at_once(exchange: Exchange, phone: Phone) -> None:
    """Succeeded: the caller leaves the room at once; the BYE goes out right after the final NOTIFY
    has been answered."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.send_notify(OK, GONE)
    started = time.monotonic()
    bye = call.request("BYE")
    assert time.monotonic() - started < 0.5
    assert not exchange.participants(line.room)
    phone.reply(bye, "481 Call/Transaction Does Not Exist")
    call.up = False
    assert answer.result(5).status == 200


@both
def test_crossing_byes(exchange: Exchange, phone: Phone) -> None:
    """A peer that hangs up first is fine; crossing BYEs are fine."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.send_notify(OK, GONE)
    bye = call.request("BYE")
    assert call.hang_up().status in {200, 481}
    phone.reply(bye, "200 OK")
    assert answer.result(5).status == 200


@both
def test_failed(exchange: Exchange, phone: Phone) -> None:
    """Failed: no BYE; room audio restored exactly as it was; attributes unchanged; another
    transfer possible."""
    line = exchange.line()
    call, other = exchange.call(line, phone), exchange.call(line, phone)
    call.sound.play(440)
    other.sound.play(620)
    call.sound.hears(620)
    until(lambda: exchange.attribute(line.room, "sip.callStatus") == "active", "active")
    people = exchange.participants(line.room)
    mine = next(p for p in people if p["attributes"]["sip.callIDFull"] == call.call_id)
    answer = exchange.transfer(line, identity=mine["identity"], play_dialtone=True)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.sound.hears(425)
    call.notify("SIP/2.0 486 Busy", GONE)
    answer.result(5)
    call.sound.hears(620)
    call.sound.hears_not(425)
    after = next(p for p in exchange.participants(line.room) if p["identity"] == mine["identity"])
    assert after["attributes"] == mine["attributes"]


@both
def test_dialtone(exchange: Exchange, phone: Phone) -> None:
    """`play_dialtone`: the caller stops hearing the room and hears ETSI ringing (425 Hz, half
    scale); the room goes on hearing the caller."""
    line = exchange.line()
    call, other = exchange.call(line, phone), exchange.call(line, phone)
    call.sound.play(900)
    other.sound.play(620)
    call.sound.hears(620)
    people = exchange.participants(line.room)
    mine = next(p for p in people if p["attributes"]["sip.callIDFull"] == call.call_id)
    answer = exchange.transfer(line, identity=mine["identity"], play_dialtone=True)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.sound.hears(425, least=12000)
    call.sound.hears_not(620)
    other.sound.hears(900)
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200


@both
def test_without_dialtone(exchange: Exchange, phone: Phone) -> None:
    """Without it nothing is muted."""
    line = exchange.line()
    call, other = exchange.call(line, phone), exchange.call(line, phone)
    call.sound.play(900)
    other.sound.play(620)
    call.sound.hears(620)
    people = exchange.participants(line.room)
    mine = next(p for p in people if p["attributes"]["sip.callIDFull"] == call.call_id)
    answer = exchange.transfer(line, identity=mine["identity"])
    phone.reply(call.request("REFER"), "202 Accepted")
    call.sound.clear()
    call.sound.hears(620)
    other.sound.clear()
    other.sound.hears(900)
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200


@both
def test_dialtone_ends_at_the_timeout(exchange: Exchange, phone: Phone) -> None:
    """Timed out: the call stays up, the room audio returns."""
    line = exchange.line()
    call, other = exchange.call(line, phone), exchange.call(line, phone)
    call.sound.play(900)
    other.sound.play(620)
    call.sound.hears(620)
    people = exchange.participants(line.room)
    mine = next(p for p in people if p["attributes"]["sip.callIDFull"] == call.call_id)
    answer = exchange.transfer(
        line, identity=mine["identity"], play_dialtone=True, ringing_timeout="1s"
    )
    phone.reply(call.request("REFER"), "202 Accepted")
    call.sound.hears(425)
    assert answer.result(5).status == 408
    call.sound.hears(620)


def transfer_events(hooks: Hooks, room: str, name: str) -> list[dict[str, Any]]:
    """Those of one name."""
    return [event for event in hooks.of_room(room) if event["event"] == name]


@both
def test_webhooks(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """Webhooks `sip_transfer_started`, `sip_transfer_updated` (once per new stage),
    `sip_transfer_ended`, with `sipTransfer`."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    for _ in range(2):
        call.notify("SIP/2.0 180 Ringing")
    call.notify(OK, GONE)
    call.ended()
    transfer_id = answer.result(5).body["transfer_id"]
    ended = hooks.event("sip_transfer_ended", line.room)
    assert ended["participant"]["identity"] == f"sip_{call.caller}"
    assert ended["participant"]["sid"].startswith("PA_")
    assert ended["id"].startswith("EV_")
    assert int(ended["createdAt"]) > 0
    body = ended["sipTransfer"]
    assert body["transferId"] == transfer_id
    assert body["verdict"] == "succeeded"
    assert body["transferStatus"] == "STS_TRANSFER_SUCCESSFUL"
    started = transfer_events(hooks, line.room, "sip_transfer_started")
    assert len(started) == 1
    stages = [
        event["sipTransfer"]["stage"]
        for event in transfer_events(hooks, line.room, "sip_transfer_updated")
    ]
    assert stages == ["sent", "accepted", "ringing"]
    hooks.event("participant_left", line.room)


@both
def test_late_success_webhook(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """A late success is one more after the end, with `lateSuccess: true`."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, ringing_timeout="1s")
    phone.reply(call.request("REFER"), "202 Accepted")
    answer.result(5)
    hooks.event("sip_transfer_ended", line.room)
    call.notify(OK, GONE)
    call.ended()

    def late(_: object) -> bool:
        return any(
            event.get("sipTransfer", {}).get("lateSuccess") for event in hooks.of_room(line.room)
        )

    events = hooks.wait(late, "the late success")
    mine = [e for e in events if e.get("sipTransfer", {}).get("lateSuccess")]
    assert mine[-1]["event"] == "sip_transfer_updated"
    assert mine[-1]["sipTransfer"]["verdict"] == "timed out"


@both
def test_livekits_own_events(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """Beside LiveKit's own events, in their order (facts §7)."""
    line = exchange.line()
    call = exchange.call(line, phone)
    call.hang_up()
    hooks.event("participant_left", line.room)
    names = [event["event"] for event in hooks.of_room(line.room)]
    own = [name for name in names if not name.startswith("sip_")]
    assert own == [
        "room_started",
        "participant_joined",
        "track_published",
        "track_unpublished",
        "participant_left",
    ]
    assert "sip_call_ended" in hooks.event("sip_call_ended", line.room)["event"]


@both
def test_records(exchange: Exchange, phone: Phone) -> None:
    """GET /hookflash/transfers/{STR_id} and GET /hookflash/transfers?room=&limit=&before= give the
    stored record; sip.call and roomAdmin of the room are needed."""
    line = exchange.line()
    call = exchange.call(line, phone)
    ids = []
    for _ in range(3):
        answer = exchange.transfer(line)
        phone.reply(call.request("REFER"), "603 Decline")
        ids.append(answer.result(5).meta["sip_transfer_id"])
    record = exchange.record(line.room, ids[0])
    assert record["target"] == "sip:bob@example.com"
    assert record["refer_to"] == "<sip:bob@example.com>"
    assert record["room"] == line.room
    assert record["call_id"] == call.to_tag
    path = f"/hookflash/transfers?room={line.room}"
    found = exchange.get(path, line.room).body["transfers"]
    assert [entry["transfer_id"] for entry in found] == ids[::-1]
    page = exchange.get(f"{path}&limit=1&before={ids[2]}", line.room).body["transfers"]
    assert [entry["transfer_id"] for entry in page] == [ids[1]]
    assert exchange.get(path, "elsewhere").status == 401
    assert exchange.get(f"/hookflash/transfers/{ids[0]}", "elsewhere").status == 401
    assert exchange.get("/hookflash/transfers/STR_nothing", line.room).status == 404


@both
def test_metrics(exchange: Exchange, phone: Phone) -> None:
    """Prometheus `hookflash_transfers_total`, `transfers_succeeded_total`,
    `transfers_failed_total{reason}`, `transfers_active`."""
    before = exchange.metrics()
    line = exchange.line()
    call = exchange.call(line, phone)
    for status in ("603 Decline", "202 Accepted"):
        answer = exchange.transfer(line)
        refer = call.request("REFER")
        assert exchange.metrics()["hookflash_transfers_active"] == 1
        phone.reply(refer, status)
        if status.startswith("202"):
            call.notify(OK, GONE)
            call.ended()
        answer.result(5)
    after = exchange.metrics()
    assert after["hookflash_transfers_total"] == before["hookflash_transfers_total"] + 2
    name = "hookflash_transfers_succeeded_total"
    assert after[name] == before[name] + 1
    failed = [k for k in after if k.startswith("hookflash_transfers_failed_total{")]
    assert sum(after[k] - before.get(k, 0) for k in failed) == 1
    assert after["hookflash_transfers_active"] == 0


@both
def test_log(exchange: Exchange, phone: Phone) -> None:
    """One log line per stage with transfer_id, call_id, room."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "603 Decline")
    transfer_id = answer.result(5).meta["sip_transfer_id"]
    lines = [text for text in exchange.log.read_text().splitlines() if transfer_id in text]
    assert len(lines) >= 3
    assert all(call.to_tag in text and line.room in text for text in lines)
