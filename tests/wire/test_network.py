"""calls.md §5: addresses, transports, framing, limits."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.message import Message, token
from tests.wire.kit.phone import Phone, TcpPhone
from tests.wire.kit.server import Exchange

pytestmark = pytest.mark.interop


@pytest.fixture
def tcp(exchange: Exchange) -> Iterator[Phone]:
    """A telephone over TCP."""
    made = exchange.phone(TcpPhone)
    yield made
    made.close()


def test_rport(exchange: Exchange, phone: Phone) -> None:
    """Responses go to received/rport (RFC 3581), whatever Via says; our requests carry rport."""
    call = Call(phone, "ping")
    via = f"SIP/2.0/UDP 192.0.2.1:9;rport;branch={token('z9hG4bK')}"
    phone.send(
        call.message("OPTIONS", [("Via", via)]).replace(b"Via: SIP/2.0/UDP 127", b"X-Old: 127")
    )
    answer = call.answer(200)
    assert f"rport={phone.port}" in answer.get("Via")
    assert "received=127.0.0.1" in answer.get("Via")


def test_without_rport(exchange: Exchange, phone: Phone) -> None:
    """Without rport the answer goes to the port of Via at the source address (RFC 3261 §18.2.2)."""
    other = exchange.phone()
    call = Call(phone, "ping")
    via = f"SIP/2.0/UDP nowhere.invalid:{other.port};branch={token('z9hG4bK')}"
    data = call.message("OPTIONS").replace(b";rport", b"", 1)
    line = next(part for part in data.split(b"\r\n") if part.startswith(b"Via"))
    phone.send(data.replace(line, b"Via: " + via.encode()))
    answer = other.wait(lambda m: m.status == 200, "the answer")
    assert "received=127.0.0.1" in answer.get("Via")
    other.close()


def test_private_contact(exchange: Exchange, phone: Phone) -> None:
    """In-dialog requests with no Route to a private or unresolvable Contact go to the source of
    the peer's last request, and leave from the listening socket."""
    for contact in (
        "<sip:x@10.255.255.1:5066>",
        "<sip:x@nowhere.invalid>",
        "<sip:x@[2001:db8::1]:5060>",
        "<sip:x@127.0.0.1:0>",
    ):
        line = exchange.line()
        call = Call(phone, line.number)
        call.contact = contact
        call.connect()
        exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
        bye = call.ended()
        assert bye.uri == contact.strip("<>")
        assert f":{exchange.sip[1]}" in bye.get("Via")


def test_vias_are_copied(exchange: Exchange, phone: Phone) -> None:
    """All Via are copied in order, unknown parameters and all."""
    call = Call(phone, "ping")
    below = "SIP/2.0/TCP proxy.example.com;branch=z9hG4bKa;x=y"
    phone.send(call.message("OPTIONS", [("Via", below)]))
    assert call.answer(200).all("Via")[1] == below


def test_tcp_call(exchange: Exchange, tcp: Phone) -> None:
    """A whole call over TCP; Contact carries transport=tcp."""
    call = Call(tcp, exchange.line().number)
    answer = call.connect()
    assert "transport=tcp" in answer.contact
    assert call.ask("OPTIONS").status == 200
    assert call.hang_up().status == 200


def test_tcp_bytes(exchange: Exchange, tcp: Phone) -> None:
    """TCP: messages split and joined in any way."""
    call = Call(tcp, exchange.line().number)
    tcp.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = call.message("INVITE", (), call.sdp())
    for index in range(len(data)):
        tcp.send(data[index : index + 1])
    call.accepted()
    call.ack()
    joined = b"".join(call.message("OPTIONS") for _ in range(20))
    tcp.send(joined)
    for number in range(call.cseq - 19, call.cseq + 1):
        assert call.answer(200, cseq=number)


def test_tcp_keep_alive(exchange: Exchange, tcp: Phone) -> None:
    """TCP: keep-alive CRLF answered (RFC 5626), also between messages."""
    del exchange
    tcp.send(b"\r\n\r\n")
    tcp.socket.settimeout(5)
    assert tcp.socket.recv(100) == b"\r\n"
    call = Call(tcp, "ping")
    tcp.send(b"\r\n" + call.message("OPTIONS") + b"\r\n\r\n")
    assert call.answer(200)


def test_tcp_without_content_length(exchange: Exchange, tcp: Phone) -> None:
    """TCP without Content-Length: 400, and the connection closes."""
    del exchange
    call = Call(tcp, "ping")
    tcp.send(call.message("OPTIONS").replace(b"Content-Length: 0\r\n", b""))
    answer = call.answer(400)
    assert answer
    tcp.none(lambda m: bool(m.status), 2)
    assert tcp.closed


def test_tcp_garbage(exchange: Exchange, tcp: Phone) -> None:
    """TCP: over 64 kB, or garbage: the connection closes; others live."""
    tcp.send(b"hello\r\n\r\n" + b"x" * 70_000)
    tcp.none(lambda m: m.status == 200, 2)
    assert tcp.closed
    other = exchange.phone()
    assert Call(other, "ping").ask("OPTIONS").status == 200
    other.close()


def test_connection_death(exchange: Exchange) -> None:
    """TCP: a connection's death ends only what needs it: the call goes on."""
    phone = exchange.phone(TcpPhone)
    call = exchange.call(exchange.line(), phone)
    phone.drop()
    again = exchange.phone(TcpPhone)
    call.phone, call.contact = again, f"<{again.uri}>"
    again.calls.append(call)
    assert call.ask("OPTIONS").status == 200
    assert call.hang_up().status == 200
    again.close()


def test_udp_garbage(exchange: Exchange, phone: Phone) -> None:
    """Garbage over UDP hurts nobody: no answer, or one that can be read."""
    for data in (b"\x00" * 500, b"INVITE", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"x" * 60000):
        phone.send(data)
    assert Call(phone, "ping").ask("OPTIONS").status == 200


def test_large_request_by_tcp(exchange: Exchange, tcp: Phone) -> None:
    """Large requests are read; over 256 headers, 8 kB a line: 513 or 400."""
    del exchange
    call = Call(tcp, "ping")
    fine = [(f"X-{n}", "y" * 1000) for n in range(30)]
    assert call.ask("OPTIONS", fine).status == 200
    assert call.ask("OPTIONS", [("X", "y" * 9000)]).status in {400, 513}


def test_too_many_headers(exchange: Exchange, phone: Phone) -> None:
    """Over 256 headers: 400 or 513."""
    del exchange
    call = Call(phone, "ping")
    assert call.ask("OPTIONS", [("X", "y")] * 300).status in {400, 513}


def test_merged_requests_out_of_dialog(exchange: Exchange, phone: Phone) -> None:
    """A retransmitted OPTIONS gets the same answer (RFC 3261 §17.2.2)."""
    del exchange
    call = Call(phone, "ping")
    data = call.message("OPTIONS")
    phone.send(data)
    first = call.answer(200)
    phone.send(data)
    assert call.answer(200).raw == first.raw


def test_compact_and_folded(exchange: Exchange, phone: Phone) -> None:
    """Compact forms, folding, odd case and spacing."""
    line = exchange.line()
    call = Call(phone, line.number)
    data = call.message("INVITE", (), call.sdp())
    for name, short in (
        (b"From:", b"f :"), (b"To:", b"t:"), (b"Call-ID:", b"I:"), (b"Via:", b"v:"),
        (b"Contact:", b"m:"), (b"Content-Type:", b"c:"), (b"Content-Length:", b"l:\r\n "),
        (b"Max-Forwards:", b"MAX-forwards   :\t"),
    ):  # fmt: skip
        data = data.replace(name, short, 1)
    phone.send(data)
    call.accepted()
    call.ack()


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange on ::1."""
    made = Exchange.configured(tmp_path_factory.mktemp("six"), ip="::1").start()
    yield made
    made.close()
    assert not made.logged("Traceback")


@pytest.mark.parametrize("kind", [Phone, TcpPhone])
def test_ipv6(six: Exchange, kind: type[Phone]) -> None:
    """IPv6 throughout; c= has the IP family of the peer's SDP."""
    phone = six.phone(kind, "::1")
    line = six.line()
    call = Call(phone, line.number)
    answer = call.connect()
    assert "[::1]" in answer.contact
    assert answer.sdp("c=").startswith("IN IP6 ::1")
    assert answer.sdp("o=").split()[-2:] == ["IP6", "::1"]
    other = six.call(line, phone)
    call.sound.play(440)
    other.sound.play(620)
    other.sound.hears(440)
    call.sound.hears(620)
    pending = six.transfer(
        line,
        "sip:bob@[2001:db8::1]",
        identity=next(
            p["identity"]
            for p in six.participants(line.room)
            if p["attributes"]["sip.callIDFull"] == call.call_id
        ),
    )
    refer = call.request("REFER")
    assert "[::1]" in refer.get("Via")
    phone.reply(refer, "202 Accepted")
    call.notify("SIP/2.0 200 OK", "terminated;reason=noresource")
    call.ended()
    assert pending.result(5).status == 200
    phone.close()


RFC4475 = Path(__file__).parent.parent / "data" / "rfc4475"
"""File to the statuses that its section allows an endpoint without such users."""
TORTURE = {
    "TC_BADINV01_I": {400},
    "TC_CLERR_I": {0, 400},
    "TC_NCL_I": {400},
    "TC_SCALAR02_V": {400},
    "TC_QUOTBAL_I": {400, 403},
    "TC_LTGTRURI_I": {400},
    "TC_LWSRURI_I": {400},
    "TC_LWSSTART_V": {400},
    "TC_TRWS_I": {400},
    "TC_ESCRURI_V": {400, 403},
    "TC_BADDATE_V": {400, 403, 488},
    "TC_REGBADCT_I": {400, 405},
    "TC_BADASPEC_I": {400, 403, 405, 200},
    "TC_BADDN_I": {400, 403, 405, 200},
    "TC_BADVERS_V": {505},
    "TC_MISMATCH01_V": {400},
    "TC_MISMATCH02_V": {400, 501},
    "TC_INSUF_I": {400},
    "TC_UNKSCM_V": {416, 403},
    "TC_NOVELSC_V": {416, 403},
    "TC_UNKSM2_V": {400, 416, 405},
    "TC_BEXT01_V": {420, 200},
    "TC_INVUT_V": {415},
    "TC_REGAUT01_V": {405},
    "TC_MULTI01_I": {400},
    "TC_MCL01_I": {400},
    "TC_BCAST_V": set(),
    "TC_ZEROMF_V": {200},
    "TC_CPARAM01_V": {405},
    "TC_CPARAM02_V": {405},
    "TC_REGESCRT_V": {405},
    "TC_SDP01_V": {403},
    "TC_INV2543_I": {403},
    "TC_WSINV": {403},
    "TC_INTMETH": {501},
    "TC_ESC01_V": {403},
    "TC_ESCNULL_V": {405},
    "TC_ESC02_V": {501},
    "TC_LWSDISP_V": {200},
    "TC_LONGREQ_V": {403},
    "TC_DBLREQ": {405},
    "TC_SEMIURI_V": {200},
    "TC_TRANSPORTS_V": {200},
    "TC_MPART01": {405},
}


@pytest.mark.parametrize("name", sorted(TORTURE))
def test_torture(exchange: Exchange, name: str) -> None:
    """RFC 4475's requests over UDP: the answer that the section allows, and the exchange lives."""
    phone = exchange.phone()
    data = (RFC4475 / f"{name}.dat").read_bytes()
    line = next(
        part for part in data.split(b"\r\n") if part.lower().lstrip().startswith((b"via", b"v:"))
    )
    via = f"Via: SIP/2.0/UDP 127.0.0.1:{phone.port};rport;branch=z9hG4bK{token()}".encode()
    if name not in {"TC_WSINV", "TC_INV2543_I", "TC_ESCNULL_V"}:
        data = data.replace(line + b"\r\n", via + b"\r\n" + line + b"\r\n", 1)
    phone.send(data)
    probe = Call(phone, "ping")
    assert probe.ask("OPTIONS").status == 200
    allowed = TORTURE[name]
    final = [m for m in phone.inbox if m.status >= 200]
    if allowed and name not in {"TC_WSINV", "TC_INV2543_I", "TC_ESCNULL_V"} and 0 not in allowed:
        answer = final[0] if final else phone.wait(lambda m: m.status >= 200, name)
        assert answer.status in allowed, answer.start
    phone.close()


def test_bad_responses(exchange: Exchange, phone: Phone) -> None:
    """RFC 4475's responses: nothing answers a response, and the exchange lives."""
    for name in ("TC_BIGCODE_V", "TC_BCAST_V", "TC_UNREASON_V", "TC_NOREASON_V", "TC_SCALARLG_V"):
        phone.send((RFC4475 / f"{name}.dat").read_bytes())
    call = Call(phone, "ping")
    assert call.ask("OPTIONS").status == 200
    assert all(isinstance(m, Message) and m.method == "OPTIONS" for _, m in phone.log)
    assert exchange.metrics()["hookflash_sip_malformed"] > 0


def alive(phone: Phone) -> bool:
    """OPTIONS is answered; repeated, for a flood may cost a datagram."""
    probe = Call(phone, "ping")
    data = probe.message("OPTIONS")
    for _ in range(5):
        phone.send(data)
        try:
            return probe.answer(200, within=1).status == 200
        except AssertionError:
            continue
    return False


@pytest.mark.parametrize("seed", range(3))
def test_mutated(exchange: Exchange, phone: Phone, seed: int) -> None:
    """Whatever comes, the exchange lives and logs no mistake of its own: a call's messages and
    RFC 4475's with bytes changed, lines removed and repeated (the module ends with a look at the
    log)."""
    chance = random.Random(seed)
    call = exchange.call(exchange.line(), phone)
    samples = [path.read_bytes() for path in sorted(RFC4475.glob("*.dat"))]
    for method in ("INVITE", "UPDATE", "PRACK", "NOTIFY", "INFO", "OPTIONS", "REFER", "CANCEL"):
        fields = [("Event", "refer"), ("RAck", "1 1 INVITE"), ("Session-Expires", "90")]
        samples += [call.message(method, fields, call.sdp()) for _ in range(8)]
    for _ in range(600):
        lines = chance.choice(samples).split(b"\r\n")
        for _ in range(chance.randint(1, 3)):
            index = chance.randrange(len(lines))
            match chance.randrange(3):
                case 0:
                    del lines[index]
                    lines = lines or [b""]
                case 1:
                    lines.insert(index, lines[chance.randrange(len(lines))])
                case _:
                    line = bytearray(lines[index] or b"x")
                    line[chance.randrange(len(line))] = chance.randrange(256)
                    lines[index] = bytes(line)
        phone.send(b"\r\n".join(lines))
        while phone.read(0):
            phone.inbox.clear()
    assert alive(phone)
