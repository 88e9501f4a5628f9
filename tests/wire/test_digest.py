"""calls.md §1: authentication of a caller whose trunk has user and password."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.digest import Client, fields
from tests.wire.kit.message import Message
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange

pytestmark = pytest.mark.interop
SIP = {"auth_algorithms": ["MD5", "SHA-256"]}
AUTH: dict[str, Any] = {"auth_username": "user", "auth_password": "pass"}


def challenged(exchange: Exchange, phone: Phone) -> tuple[Call, Message]:
    """A call whose INVITE got its 407."""
    call = Call(phone, exchange.line(**AUTH).number)
    call.invite()
    answer = call.refuse()
    assert answer.status == 407
    return call, answer


def md5(answer: Message) -> str:
    """The MD5 challenge."""
    return next(v for v in answer.all("Proxy-Authenticate") if "MD5" in v)


def test_challenge(exchange: Exchange, phone: Phone) -> None:
    """407, qop=auth, opaque, nonce; `sip.auth_algorithms` adds SHA-256, which then comes first."""
    _, answer = challenged(exchange, phone)
    challenges = [fields(value) for value in answer.all("Proxy-Authenticate")]
    assert [challenge["algorithm"] for challenge in challenges] == ["SHA-256", "MD5"]
    for challenge in challenges:
        assert challenge["qop"] == "auth"
        assert challenge["opaque"]
        assert challenge["nonce"]
        assert challenge["realm"]
        assert challenge.get("stale", "false").lower() == "false"


@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
@pytest.mark.parametrize("index", [0, 1])
def test_right_credentials(exchange: Exchange, phone: Phone, header: str, index: int) -> None:
    """`Authorization` and `Proxy-Authorization` are both read, with either algorithm."""
    call, answer = challenged(exchange, phone)
    challenge = answer.all("Proxy-Authenticate")[index]
    call.connect([(header, Client().answer(challenge, call.target))])


def test_nonce_count(exchange: Exchange, phone: Phone) -> None:
    """Nonce count checked (not higher: 407 with stale=true, not a failed try)."""
    line = exchange.line(**AUTH)
    first = Call(phone, line.number)
    first.invite()
    challenge = md5(first.refuse())
    first.connect([("Proxy-Authorization", Client().answer(challenge, first.target, nc=1))])
    again = Call(phone, line.number)
    for _ in range(4):
        again.invite([("Proxy-Authorization", Client().answer(challenge, again.target, nc=1))])
        answer = again.refuse()
        assert answer.status == 407
        assert fields(md5(answer))["stale"].lower() == "true"
    again.connect([("Proxy-Authorization", Client().answer(md5(answer), again.target))])


def test_higher_nonce_count(exchange: Exchange, phone: Phone) -> None:
    """A nonce is good for 5 minutes: the next call may use it with a higher count."""
    line = exchange.line(**AUTH)
    first = Call(phone, line.number)
    first.invite()
    challenge = md5(first.refuse())
    client = Client()
    first.connect([("Proxy-Authorization", client.answer(challenge, first.target))])
    again = Call(phone, line.number)
    again.connect([("Proxy-Authorization", client.answer(challenge, again.target))])


def test_foreign_nonce(exchange: Exchange, phone: Phone) -> None:
    """The nonce is signed: one that is not ours lets nobody in."""
    call, answer = challenged(exchange, phone)
    credentials = Client().answer(md5(answer), call.target, nonce="0123456789abcdef")
    call.invite([("Proxy-Authorization", credentials)])
    assert call.refuse().status == 407


def test_wrong_credentials(exchange: Exchange, phone: Phone) -> None:
    """Wrong credentials: 407 again, 403 after three tries."""
    call, answer = challenged(exchange, phone)
    statuses = []
    for _ in range(3):
        challenge = md5(answer)
        wrong = Client(password="wrong").answer(challenge, call.target)
        call.invite([("Proxy-Authorization", wrong)])
        answer = call.refuse()
        statuses.append(answer.status)
    assert statuses == [407, 407, 403]


def test_a_nonce_that_met_ten_wrong_answers_is_good_no_more(
    exchange: Exchange, phone: Phone
) -> None:
    """One INVITE a guess, each with a Call-ID of its own and the nonce of one challenge."""
    line = exchange.line(**AUTH)
    first = Call(phone, line.number)
    first.invite()
    challenge = md5(first.refuse())
    stale = []
    for password in [*(f"guess {i}" for i in range(10)), "another", "pass"]:
        call = Call(phone, line.number)
        credentials = Client(password=password).answer(challenge, call.target)
        call.invite([("Proxy-Authorization", credentials)])
        answer = call.refuse()
        assert answer.status == 407
        stale.append("stale" in fields(md5(answer)))
    assert stale == [False] * 10 + [True, True]
    call.connect([("Proxy-Authorization", Client().answer(md5(answer), call.target))])


def test_one_alone_is_refused(exchange: Exchange) -> None:
    """User and password: one alone is refused when the trunk is made."""
    for field in AUTH:
        trunk = {"numbers": [exchange.number()], field: "x"}
        answer = exchange.rpc("SIP/CreateSIPInboundTrunk", {"trunk": trunk})
        assert answer.status == 400


def test_asserted_identity_after_digest(exchange: Exchange, phone: Phone) -> None:
    """Anonymous: P-Asserted-Identity of a peer that passed digest."""
    line = exchange.line(**AUTH)
    call = Call(phone, line.number, from_="<sip:anonymous@anonymous.invalid>")
    identity = ("P-Asserted-Identity", '"X" <sip:+15557654321@carrier.example>')
    call.invite([identity])
    credentials = Client().answer(md5(call.refuse()), call.target)
    call.connect([identity, ("Proxy-Authorization", credentials)])
    assert exchange.participant(line.room)["identity"] == "sip_+15557654321"


def test_tag_stays(exchange: Exchange, phone: Phone) -> None:
    """Higher CSeq after a 407: the same leg tried again (the same SCL id)."""
    call, answer = challenged(exchange, phone)
    call.connect([("Proxy-Authorization", Client().answer(md5(answer), call.target))])
    assert call.to_tag == answer.tag("To")
