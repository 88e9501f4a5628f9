"""calls.md §4 over sockets: who is called by TLS, and what the room is told meanwhile."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.wire.kit.callee import Called, Desk, called
from tests.wire.kit.certificates import Authority
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, Line, until

pytestmark = pytest.mark.interop

TLS = {"transport": "SIP_TRANSPORT_TLS"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the exchange trusts."""
    return Authority.create(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def exchange(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, hooks: Hooks
) -> Iterator[Exchange]:
    """It has no certificate of its own: it only calls by TLS."""
    folder = tmp_path_factory.mktemp("exchange")
    tls = {"ca_file": str(authority.file)}
    made = Exchange.configured(folder, hooks=hooks.url, tls=tls).start()
    yield made
    made.close()
    assert not made.logged("Traceback"), made.log.read_text("utf-8")[-4000:]


Secure = Callable[[ssl.SSLContext], Desk]


@pytest.fixture
def secure(exchange: Exchange) -> Iterator[Secure]:
    """Makes telephones that listen on TLS with a certificate."""
    made: list[Desk] = []

    def make(context: ssl.SSLContext) -> Desk:
        kind = type("TlsDesk", (Desk,), {"context": context, "transport": "TLS"})
        phone = exchange.phone(kind)
        assert isinstance(phone, Desk)
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.close()


def test_a_call_by_tls(exchange: Exchange, authority: Authority, secure: Secure) -> None:
    """INVITE, transfer and BYE go by the one connection, whose certificate was checked."""
    phone = secure(authority.server("right", to="IP:127.0.0.1"))
    dialed = exchange.dial(phone, trunk=TLS)
    call = called(phone)
    assert call.invited.uri == f"sip:100@127.0.0.1:{phone.port};transport=tls"
    assert call.invited.get("Via").startswith("SIP/2.0/TLS ")
    assert "transport=tls" in call.invited.contact
    call.ring()
    call.accept()
    assert dialed.answer.result(5).status == 200
    pending = exchange.transfer(Line("", dialed.room, "", ""))
    phone.reply(call.request("REFER"), "202 Accepted")
    call.notify("SIP/2.0 200 OK", "terminated;reason=noresource")
    call.ended()
    assert pending.result(5).status == 200
    assert len(phone.streams) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_certificate(
    exchange: Exchange,
    authority: Authority,
    hooks: Hooks,
    secure: Secure,
    tmp_path: Path,
    known: bool,
) -> None:
    """No INVITE goes to a peer that is not the one called; the API says why."""
    if known:
        context = authority.server("wrong", to="IP:127.0.0.9")
        why = "IP address mismatch, certificate is not valid for '127.0.0.1'."
    else:
        stranger = Authority.create(tmp_path / "stranger")
        context = stranger.server("right", to="IP:127.0.0.1")
        why = "unable to get local issuer certificate"
    phone = secure(context)
    dialed = exchange.dial(phone, trunk=TLS)
    until(lambda: phone.read(0.05) and phone.refused, "TLS refused")
    answer = dialed.answer.result(5)
    assert (answer.status, answer.body["code"]) == (412, "failed_precondition")
    assert answer.text == f"connection to 127.0.0.1 failed: certificate refused: {why}"
    assert not answer.meta
    assert not phone.log
    hooks.event("participant_left", dialed.room)


def test_two_names_of_one_address(exchange: Exchange, authority: Authority, secure: Secure) -> None:
    """A connection whose peer showed one name does not serve for another one."""
    phone = secure(authority.server("named", to="DNS:localhost"))
    trunk = {**TLS, "hostname": f"localhost:{phone.port}"}
    dialed = exchange.dial(phone, trunk=trunk)
    call = called(phone)
    call.accept()
    assert dialed.answer.result(5).status == 200
    other = exchange.dial(phone, trunk=TLS)
    until(lambda: phone.read(0.05) and phone.refused, "TLS refused")
    assert "certificate refused" in other.answer.result(5).text
    assert call.hang_up().status == 200


def test_what_the_room_is_told(exchange: Exchange, hooks: Hooks, phone: Phone) -> None:
    """dialing, ringing, automation while keys are pressed, active; the answer of the API comes
    after all that, and the end is the callee's."""
    dialed = exchange.dial(phone, dtmf="1w#")

    def status() -> str:
        return exchange.attribute(dialed.room, "sip.callStatus")

    call = called(phone)
    assert status() == "dialing"
    call.ring()
    until(lambda: status() == "ringing", "ringing")
    call.accept()
    until(lambda: status() == "automation", "automation")
    assert not dialed.answer.done()
    call.sound.play(440)
    assert dialed.answer.result(5).status == 200
    assert status() == "active"
    pressed = [p for p in call.sound.packets if p.payload_type == 101 and p.payload[1] & 0x80]
    assert list(dict.fromkeys(p.payload[0] for p in pressed)) == [1, 11]
    call.hang_up()
    left = hooks.event("participant_left", dialed.room)["participant"]
    assert left["disconnectReason"] == "CLIENT_INITIATED"
    assert left["attributes"]["sip.callStatus"] == "hangup"


def test_it_is_active_when_the_api_answers(exchange: Exchange, phone: Phone) -> None:
    """As LiveKit §5.4: 200, ACK, `active`, and then the answer of the API; the callee is silent."""
    dialed = exchange.dial(phone)
    call = called(phone)
    call.accept()
    assert dialed.answer.result(5).status == 200
    assert exchange.attribute(dialed.room, "sip.callStatus") == "active"


def test_no_request_dials_twice(tmp_path: Path) -> None:
    """The same X-Livekit-Request-Id gets the same answer after a crash: of a call that was
    answered, of one that failed, and of one that was ringing when the process died."""
    made = Exchange.configured(tmp_path).start()
    phone = made.phone()
    answered, failed, ringing = (
        made.dial(phone, headers={"X-Livekit-Request-Id": name}, room=name)
        for name in ("answered", "failed", "ringing")
    )
    calls = {call.invited.get("Call-ID"): call for call in (called(phone) for _ in range(3))}

    def call_in(room: str) -> Called:
        return calls[made.attribute(room, "sip.callIDFull")]

    call_in("failed").decline("486 Busy Here")
    call_in("answered").accept()
    call_in("ringing").ring()
    first = [answered.answer.result(5), failed.answer.result(5)]
    again = ringing.again()
    until(lambda: made.attribute("ringing", "sip.callStatus") == "ringing", "ringing")
    made.stop()
    with pytest.raises(OSError):  # whichever way the connection died
        again.result(5)
    made.start()
    after = [dialed.again().result(5) for dialed in (answered, failed, ringing)]
    assert [(a.status, a.body) for a in after[:2]] == [(a.status, a.body) for a in first]
    assert (first[0].status, first[1].status) == (200, 429)
    assert (after[2].status, after[2].body["code"]) == (409, "aborted")
    assert after[2].text == "server restarted while the call was being made"
    phone.none(lambda m: m.method == "INVITE" and not m.status)
    made.close()
    assert not made.logged("Traceback"), made.log.read_text("utf-8")[-4000:]
