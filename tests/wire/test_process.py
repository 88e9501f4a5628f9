"""calls.md §5, §6: limits, scanners, SIGTERM, kill -9, and what is kept."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.disk import clear_disk, fill_disk, full_disk
from tests.support.ports import PORTS
from tests.wire.kit.call import Call
from tests.wire.kit.digest import Client
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.server import Exchange, background, environment_ip, until

pytestmark = pytest.mark.interop

Make = Callable[..., Exchange]
OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes exchanges that end with the test."""
    made: list[Exchange] = []

    def start(**fields: Any) -> Exchange:
        exchange = Exchange.configured(tmp_path, **fields)
        made.append(exchange)
        return exchange.start()

    yield start
    for exchange in made:
        exchange.close()
        assert not exchange.logged("Traceback"), exchange.log.read_text("utf-8")[-3000:]


def refused(exchange: Exchange, number: str, **fields: Any) -> Any:
    """The refusal of one more INVITE."""
    phone = exchange.phone()
    call = Call(phone, number, **fields)
    call.invite()
    return call.refuse()


def test_max_calls(make: Make) -> None:
    """Process full: 503 with Retry-After, counted; OPTIONS out of dialog 503 too."""
    exchange = make(max_calls=1)
    line = exchange.line()
    call = exchange.call(line)
    answer = refused(exchange, line.number)
    assert answer.status == 503
    assert int(answer.get("Retry-After")) > 0
    probe = Call(exchange.phone(), "ping")
    options = probe.ask("OPTIONS")
    assert options.status == 503
    metrics = exchange.metrics()
    assert any(k.startswith("hookflash_calls_refused_total") and v for k, v in metrics.items())
    call.hang_up()
    until(lambda: exchange.metrics()["hookflash_calls_active"] == 0, "no call")
    assert probe.ask("OPTIONS").status == 200
    exchange.call(line)


def test_max_calls_per_trunk(make: Make) -> None:
    """Calls per trunk 486; INVITEs per second of one source 480 with Retry-After."""
    exchange = make(max_calls_per_trunk=1, max_invites_per_second_per_source=3)
    line = exchange.line()
    exchange.call(line)
    assert refused(exchange, line.number).status == 486
    other = exchange.line()
    statuses = []
    for _ in range(6):
        answer = refused(exchange, other.number, uri="frob:x")
        statuses.append(answer.status)
    assert 480 in statuses or 416 in statuses
    limited = [refused(exchange, exchange.number()) for _ in range(6)]
    rate = [answer for answer in limited if answer.status == 480]
    assert rate
    assert rate[0].has("Retry-After")


def test_no_rate_for_loopback(make: Make) -> None:
    """`sip.max_invites_per_second_per_source` 0 for loopback; `sip.shield`: never loopback."""
    exchange = make()
    number = exchange.number()
    phone = exchange.phone()
    for _ in range(80):
        call = Call(phone, number)
        call.invite()
        assert call.refuse().status == 403
    for call in phone.calls:
        call.sound.close()


def outside_ip() -> str:
    """An address of this machine besides loopback, which the shield always lets in."""
    address = environment_ip()
    assert address, "the shield can only be tried with an address besides loopback"
    assert not address.startswith("127."), address
    return address


def test_shield(make: Make) -> None:
    """Scanners: a source with 20 refused dialog-creating requests in a minute is dropped silently;
    only requests that create dialogs."""
    address = outside_ip()
    exchange = make(ip=address)
    phone = exchange.phone()
    number = exchange.number()
    for _ in range(20):
        call = Call(phone, number)
        call.invite()
        assert call.refuse().status == 403
    silent = Call(phone, number)
    silent.invite()
    phone.none(lambda m: m.get("Call-ID") == silent.call_id, 0.6)
    assert Call(phone, "ping").ask("OPTIONS").status == 200


def test_shield_trusts(make: Make) -> None:
    """Never an address in a trunk's allowed_addresses, or with a live call; a 407 that is then met
    does not count."""
    address = outside_ip()
    exchange = make(ip=address)
    line = exchange.line(allowed_addresses=[address])
    phone = exchange.phone()
    for _ in range(25):
        call = Call(phone, "+19999999")
        call.invite()
        call.refuse()
    exchange.call(line, phone)


@pytest.mark.parametrize("allowed", [["0.0.0.0/0", "::/0"], ["0.0.0.0/1", "128.0.0.0/1"], []])
def test_shield_guesses(make: Make, allowed: list[str]) -> None:
    """Ten wrong passwords of one source within a minute shut it out, each in a call of its own,
    whatever addresses the trunk allows."""
    address = outside_ip()
    exchange = make(ip=address)
    line = exchange.line(auth_username="user", auth_password="pass", allowed_addresses=allowed)
    phone = exchange.phone()
    first = Call(phone, line.number)
    first.invite()
    challenge = first.refuse().get("Proxy-Authenticate")
    for number in range(10):
        call = Call(phone, line.number)
        wrong = Client(password=f"guess {number}").answer(challenge, call.target)
        call.invite([("Proxy-Authorization", wrong)])
        assert call.refuse().status == 407
    right = Client().answer(challenge, first.target)
    first.invite([("Proxy-Authorization", right)])
    phone.none(lambda m: m.get("Call-ID") == first.call_id and m.cseq == first.cseq, 0.6)
    assert Call(phone, "ping").ask("OPTIONS").status == 200


def test_sigterm(make: Make) -> None:
    """SIGTERM: no new calls (503 with Retry-After), running calls get a drain time, then BYE to
    each, open transfers get interrupted, exit 0."""
    exchange = make(top={"drain": "1s"})
    line = exchange.line()
    phone = exchange.phone()
    call, other = exchange.call(line, phone), exchange.call(exchange.line(), phone)
    pending = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    stopped = background(lambda: exchange.stop(signal.SIGTERM, 15))
    refusal = until(lambda: late(exchange, line.number), "503")
    assert refusal.has("Retry-After")
    phone.none(lambda m: m.method == "BYE", 0.3)
    call.ended()
    other.ended()
    got = pending.result(5)
    assert (got.status, got.body["code"]) == (503, "unavailable")
    assert got.meta["sip_transfer_id"].startswith("STR_")
    assert got.meta["sip_transfer_reason"] == "STR_UNSPECIFIED"
    assert stopped.result(15) == 0
    exchange.start()
    record = exchange.record(line.room, got.meta["sip_transfer_id"])
    assert record["verdict"] == "interrupted"


def late(exchange: Exchange, number: str) -> Any:
    """The 503 of a new INVITE, None while calls are still let in."""
    call = Call(exchange.phone(), number)
    call.invite()
    answer = call.answer(method="INVITE")
    if answer.status == 200:
        call.adopt(answer)
        call.ack()
        call.hang_up()
        return None
    assert answer.status == 503
    return answer


def test_sigterm_ends_when_calls_end(make: Make) -> None:
    """SIGTERM: a process whose calls have ended by themselves exits before the drain time."""
    exchange = make(top={"drain": "30s"})
    call = exchange.call(exchange.line())
    stopped = background(lambda: exchange.stop(signal.SIGTERM, 12))
    assert call.hang_up().status == 200
    assert stopped.result(12) == 0


def test_second_sigterm(make: Make) -> None:
    """A second SIGTERM ends the drain."""
    exchange = make(top={"drain": "300s"})
    line = exchange.line()
    call = exchange.call(line)
    assert exchange.process is not None
    exchange.process.send_signal(signal.SIGTERM)
    until(lambda: late(exchange, line.number), "503")
    stopped = background(lambda: exchange.stop(signal.SIGTERM, 15))
    call.ended()
    assert stopped.result(15) == 0


def test_sigquit(make: Make) -> None:
    """SIGQUIT: as SIGTERM without a drain; SIGHUP without a terminal, SIGUSR1 and the like before
    it: nothing."""
    exchange = make(top={"drain": "300s"})
    call = exchange.call(exchange.line())
    assert exchange.process is not None
    ignored = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE)
    for number in (*ignored, signal.SIGIO, signal.SIGRTMIN):
        exchange.process.send_signal(number)
        until(lambda: exchange.get("/", raw=True).status == 200, "it answers")
    until(lambda: exchange.logged("signal_ignored"), "a line about SIGHUP")
    assert call.ask("INFO").status == 200
    stopped = background(lambda: exchange.stop(signal.SIGQUIT, 15))
    call.ended()
    assert stopped.result(15) == 0


def test_closed_terminal(tmp_path: Path) -> None:
    """SIGHUP of a terminal that is closed: as SIGTERM, though no line of the log can be written."""
    master, slave = os.openpty()
    exchange = Exchange.configured(tmp_path, top={"drain": "1s"})
    exchange.terminal = slave
    try:
        exchange.start()
        os.close(slave)
        call = exchange.call(exchange.line())
        os.close(master)
        call.ended()
        assert exchange.process is not None
        assert exchange.process.wait(15) == 0
    finally:
        exchange.close()


def test_kill(make: Make) -> None:
    """SIGKILL: at the next start each confirmed dialog gets BYE (CSeq + 100), open transfers are
    interrupted, other in-dialog requests get 481; a NOTIFY for an interrupted transfer is answered
    200 and recorded; trunks and rules are there, a new call works."""
    exchange = make()
    line, second = exchange.line(), exchange.line()
    phone = exchange.phone()
    call = Call(phone, line.number)
    call.connect([("Record-Route", f"<sip:127.0.0.1:{phone.port};lr>")])
    other = exchange.call(second, phone)
    pending = exchange.transfer(line)
    refer = call.request("REFER")
    phone.reply(refer, "202 Accepted")
    assert call.notify("SIP/2.0 180 Ringing").status == 200
    exchange.stop(signal.SIGKILL)
    with pytest.raises(Exception):  # noqa: B017  # the connection is gone, whatever that is called
        pending.result(5)
    exchange.start()
    bye = call.request("BYE")
    assert bye.cseq >= 100
    assert bye.cseq > refer.cseq
    assert bye.get("Route").startswith(f"<sip:127.0.0.1:{phone.port};lr>")
    assert (bye.tag("From"), bye.tag("To")) == (call.to_tag, call.from_tag)
    phone.reply(bye, "200 OK")
    other.ended()
    call.up = False
    path = f"/hookflash/transfers?room={line.room}"
    record = exchange.get(path, line.room).body["transfers"][0]
    assert record["verdict"] == "interrupted"
    assert call.notify(OK, GONE).status == 200
    until(
        lambda: (
            exchange.record(line.room, record["transfer_id"])["late_success"]
            or exchange.record(line.room, record["transfer_id"])["notes"]
        ),
        "what came of it is recorded",
    )
    assert other.ask("INFO").status == 481
    exchange.call(line, phone)


def test_full_disk(make: Make) -> None:
    """A full disk: calls go on and come, `GET /` is 406, each failed write is counted;
    a start serves what is stored; room ends it all."""
    exchange = make()
    line = exchange.line()
    assert exchange.process is not None
    fill_disk(exchange.process.pid)
    calls = [exchange.call(line) for _ in range(3)]
    until(lambda: exchange.get("/", raw=True).status == 406, "it says that it is not well")
    for call in calls:
        call.hang_up()
    until(lambda: exchange.metrics()["hookflash_store_failed_writes"] >= 6, "all are counted")
    assert exchange.rpc("SIP/CreateSIPInboundTrunk", {"trunk": {"numbers": ["+1"]}}).status == 500
    clear_disk(exchange.process.pid)
    until(lambda: exchange.get("/", raw=True).status == 200, "it is well again", 15)
    exchange.call(line).hang_up()
    exchange.stop(signal.SIGTERM)
    with full_disk():
        exchange.start(healthy=False)
    exchange.call(line).hang_up()
    clear_disk(exchange.process.pid)
    until(lambda: exchange.get("/", raw=True).status == 200, "it is well again", 15)
    exchange.line()


def test_damaged_row(make: Make) -> None:
    """A trunk that cannot be read is out of service by name; the others are not."""
    exchange = make()
    line, other = exchange.line(), exchange.line()
    exchange.stop(signal.SIGTERM)
    with sqlite3.connect(Path(exchange.settings["data_dir"]) / "hookflash.db") as stored:
        stored.execute("UPDATE trunks SET data = x'0aff' WHERE id = ?", (line.trunk_id,))
    stored.close()
    exchange.start()
    assert exchange.logged(f'"id": "{line.trunk_id}"')
    assert refused(exchange, line.number).status == 403
    exchange.call(other)


def test_accept_unmatched(make: Make) -> None:
    """A setting `sip.accept_unmatched` (off) restores LiveKit's behaviour."""
    exchange = make(accept_unmatched=True)
    room = "open"
    exchange.rule([], room)
    call = Call(exchange.phone(), exchange.number())
    call.connect()
    assert exchange.attribute(room, "sip.trunkID") == ""


def test_nat_address(make: Make) -> None:
    """Via, Contact and c= carry `sip.nat_1_to_1_ip`, except to peers in `sip.local_net`."""
    exchange = make(nat_1_to_1_ip="203.0.113.5")
    line = exchange.line()
    phone = exchange.phone()
    call = Call(phone, line.number)
    answer = call.dial()
    assert "203.0.113.5" in answer.contact
    assert answer.sdp("c=") == "IN IP4 203.0.113.5"
    call.ack()
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    assert "203.0.113.5" in call.ended().get("Via")


def test_local_net(make: Make) -> None:
    """Except to peers in `sip.local_net`."""
    exchange = make(nat_1_to_1_ip="203.0.113.5", local_net="127.0.0.0/8")
    answer = Call(exchange.phone(), exchange.line().number).connect()
    assert "127.0.0.1" in answer.contact
    assert answer.sdp("c=") == "IN IP4 127.0.0.1"


def test_no_ports(make: Make) -> None:
    """Port: all in use: 503."""
    exchange = make(rtp_port=PORTS.range(4))
    line = exchange.line()
    phone = exchange.phone()
    exchange.call(line, phone)
    exchange.call(line, phone)
    answer = refused(exchange, line.number)
    assert answer.status == 503
    assert answer.has("Retry-After")


def test_data_dir(make: Make) -> None:
    """Stored secrets: `data_dir` is 0700, the database 0600, refused when others can read it;
    `hookflash backup FILE` uses SQLite's online backup."""
    exchange = make()
    exchange.line()
    data = Path(exchange.settings["data_dir"])
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    (database,) = [path for path in data.iterdir() if path.suffix in {".db", ".sqlite", ".sqlite3"}]
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    copy = exchange.folder / "copy.db"
    command = [sys.executable, "-m", "hookflash", "backup"]
    config = ["--config", str(exchange.folder / "hookflash.yaml")]
    done = subprocess.run(
        [*command, str(copy), *config], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(copy) as stored:
        tables = {row[0] for row in stored.execute("select name from sqlite_master")}
    stored.close()
    assert "calls" in tables
    exchange.stop()
    database.chmod(0o644)
    serve = [sys.executable, "-m", "hookflash", "serve", *config]
    failed = subprocess.run(serve, capture_output=True, text=True, timeout=20, check=False)
    assert failed.returncode != 0
    database.chmod(0o600)


def test_calls_table(make: Make, hooks: Hooks) -> None:
    """§6: a table `calls` and the webhook `sip_call_ended` with the same, for every leg."""
    exchange = make(hooks=hooks.url)
    line = exchange.line()
    call = exchange.call(line, caller="+15553334444")
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 25, "RTP")
    call.hang_up([("Reason", 'Q.850;cause=16;text="bye"')])
    event = hooks.event("sip_call_ended", line.room)["sipCall"]
    record = until(
        lambda: exchange.get(f"/hookflash/calls?room={line.room}", line.room).body["calls"],
        "the record",
    )[0]
    assert record["call_id"] == event["callId"] == call.to_tag
    assert record["sip_call_id"] == event["sipCallId"] == call.call_id
    assert record["direction"] == "inbound"
    assert record["trunk_id"] == event["trunkId"] == line.trunk_id
    assert record["rule_id"] == event["dispatchRuleId"] == line.rule_id
    assert (record["caller"], record["called"]) == ("+15553334444", line.number)
    assert record["answer_status"] == 200
    assert record["ended_by"] == "remote"
    assert record["end_cause"] == event["endCause"] == 'Q.850;cause=16;text="bye"'
    assert record["created_at"] <= record["answered_at"] <= record["ended_at"]
    stats = record["stats"]
    assert stats["codec"] == "PCMU"
    assert stats["packets_received"] >= 20
    assert stats["packets_sent"] > 5
    assert 0 <= stats["jitter_ms"] < 20
