"""Scenarios that take up to a minute of real time: all begin at once, in threads."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future

from .call import Call
from .server import Exchange, background

Scenario = Callable[[Exchange], None]
OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"


def talking(exchange: Exchange, **trunk: object) -> Call:
    """A call that is up and sends RTP, on a phone of its own."""
    line = exchange.line(**trunk)  # type: ignore[arg-type]
    call = exchange.call(line)
    call.sound.play(440)
    return call


def took(started: float, least: float, most: float) -> None:
    """The time since then is within these bounds."""
    seconds = time.monotonic() - started
    assert least <= seconds <= most, f"{seconds:.1f} s"


def no_ack(exchange: Exchange) -> None:
    """A 200 that nobody acknowledges."""
    call = Call(exchange.phone(), exchange.line().number)
    started = time.monotonic()
    call.dial()
    call.sound.play(440)
    call.ended(40)
    took(started, 31, 36)
    times = [at for at, m in call.phone.log if m.status == 200 and m.method == "INVITE"]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) >= 9
    assert max(gaps) < 4.7


def hang_up_without_ack(exchange: Exchange) -> None:
    """The room hangs up a call whose 200 has no ACK."""
    line = exchange.line()
    call = Call(exchange.phone(), line.number)
    started = time.monotonic()
    call.dial()
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    call.phone.none(lambda m: m.method == "BYE", 5)
    call.ended(40)
    took(started, 31, 36)


def no_prack(exchange: Exchange) -> None:
    """A reliable 180 that gets no PRACK: its 200 waits, for the 180 has SDP."""
    call = Call(exchange.phone(), exchange.line().number)
    started = time.monotonic()
    call.invite([("Require", "100rel")], "")
    answer = call.answer(method="INVITE", within=40)
    assert answer.status == 504, answer.start
    took(started, 31, 36)


def no_first_packet(exchange: Exchange) -> None:
    """A caller who never sends RTP."""
    call = exchange.call(exchange.line())
    started = time.monotonic()
    bye = call.ended(40)
    took(started, 29, 34)
    assert bye.has("Reason")


def refer_unanswered(exchange: Exchange) -> None:
    """A REFER that nobody answers, of a caller who still sends RTP."""
    line = exchange.line()
    call = exchange.call(line)
    call.sound.play(440)
    answer = exchange.transfer(line, ringing_timeout="50s")
    call.request("REFER")
    started = time.monotonic()
    got = answer.result(45)
    took(started, 31, 36)
    assert (got.status, got.body["code"]) == (408, "canceled")
    assert got.meta["sip_transfer_reason"] == "STR_UNSPECIFIED"
    record = exchange.record(line.room, got.meta["sip_transfer_id"])
    assert record["verdict"] == "unreachable"
    assert call.ask("OPTIONS").status == 200
    assert not [m for _, m in call.phone.log if m.method == "BYE"]


def default_timeout(exchange: Exchange) -> None:
    """A transfer without ringing_timeout."""
    line = exchange.line()
    call = exchange.call(line)
    call.sound.play(440)
    answer = exchange.transfer(line)
    call.phone.reply(call.request("REFER"), "202 Accepted")
    got = answer.result(40)
    assert got.meta["sip_transfer_reason"] == "STR_RINGING_TIMEOUT"
    assert 29 <= got.seconds <= 33


def refer_sub_false(exchange: Exchange) -> None:
    """Refer-Sub: false, and a peer that never hangs up."""
    line = exchange.line()
    call = exchange.call(line)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    call.phone.reply(refer, "202 Accepted", [("Refer-Sub", "false")])
    started = time.monotonic()
    assert answer.result(5).status == 200
    call.ended(15)
    took(started, 9.5, 13)


def our_refresh(exchange: Exchange, allow: str, method: str) -> None:
    """A session of 90 s that we have to refresh."""
    line = exchange.line()
    call = Call(exchange.phone(), line.number)
    answer = call.dial(
        [("Supported", "timer"), ("Session-Expires", "90;refresher=uas"), ("Allow", allow)]
    )
    assert "refresher=uas" in answer.get("Session-Expires").replace(" ", "")
    call.ack()
    call.sound.play(440)
    started = time.monotonic()
    refresh = call.request(method, 55)
    took(started, 43, 50)
    assert refresh.get("Session-Expires").startswith("90")
    if method == "INVITE":
        assert refresh.text == answer.text
        headers = [("Contact", call.contact), ("Content-Type", "application/sdp")]
        call.phone.reply(refresh, "200 OK", [*headers, ("Session-Expires", "90")], call.sdp())
        assert call.request("ACK").cseq == refresh.cseq
        assert call.ask("OPTIONS").status == 200
        return
    assert not refresh.body
    call.phone.reply(refresh, "481 Gone", ())
    call.ended()


def update_refresh(exchange: Exchange) -> None:
    """By UPDATE if Allow has it; 481: BYE."""
    our_refresh(exchange, "INVITE, ACK, BYE, UPDATE", "UPDATE")


def reinvite_refresh(exchange: Exchange) -> None:
    """Else by re-INVITE with unchanged SDP."""
    our_refresh(exchange, "INVITE, ACK, BYE", "INVITE")


def not_refreshed(exchange: Exchange) -> None:
    """A session of 90 s that the peer promised to refresh."""
    call = Call(exchange.phone(), exchange.line().number)
    call.connect([("Supported", "timer"), ("Session-Expires", "90;refresher=uac")])
    call.sound.play(440)
    started = time.monotonic()
    call.ended(70)
    took(started, 57, 66)


def rtcp_on_hold(exchange: Exchange) -> None:
    """A caller on hold."""
    reports = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with reports:
        reports.bind(("127.0.0.1", 0))
        reports.settimeout(20)
        call = exchange.call(exchange.line())
        extra = [f"a=rtcp:{reports.getsockname()[1]}"]
        body = call.sdp(direction="inactive", version=2, extra=extra)
        assert call.reinvite(body).status == 200
        for _ in range(2):
            assert reports.recv(2048)
        assert call.hang_up().status == 200


def timeout_ends_by_itself(exchange: Exchange) -> None:
    """A latched source falls silent for 2 s."""
    line = exchange.line()
    call, other = exchange.call(line), exchange.call(line)
    call.sound.play(440)
    other.sound.play(620)
    other.sound.hears(440)
    call.sound.playing = False
    silent = time.monotonic()
    other.sound.heard(lambda _: time.monotonic() - silent > 2.2, "2 s")
    moved = Call(call.phone, "1")
    moved.sound.peer = call.sound.peer
    moved.sound.ssrc = 77
    moved.sound.play(900)
    other.sound.hears(900)


SCENARIOS: dict[str, Scenario] = {
    work.__name__: work
    for work in (
        no_ack,
        hang_up_without_ack,
        no_prack,
        no_first_packet,
        refer_unanswered,
        default_timeout,
        refer_sub_false,
        update_refresh,
        reinvite_refresh,
        not_refreshed,
        rtcp_on_hold,
        timeout_ends_by_itself,
    )
}


class Slow:
    """Every scenario in a thread of its own, against one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._results: dict[str, Future[None]] = {
            name: background(lambda work=work: work(exchange))  # type: ignore[misc]
            for name, work in SCENARIOS.items()
        }

    def result(self, name: str) -> None:
        """Wait for one; its failure is raised here."""
        self._results[name].result(90)
