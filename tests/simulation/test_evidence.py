"""The oracle's own reading of a log: messages, and what became of requests of ours."""

from __future__ import annotations

import pytest
from tests.simulation import evidence as ev
from tests.support.sip_messages import request_of, response_of

from hookflash.sip.message import Message


def wire(at: float, message: Message) -> ev.Seen:
    return ev.Seen(at, "wire", message.encode())


def sent(at: float, method: str = "REFER", cseq: int = 4) -> ev.Seen:
    return ev.Seen(at, "sent", cseq=cseq, method=method)


def answer(at: float, status: int, method: str = "REFER", **more: object) -> ev.Seen:
    request = request_of(method, to_tag="us", cseq=4).encode()
    return wire(at, response_of(request, status, **more))  # type: ignore[arg-type]


def read(*log: ev.Seen) -> list[object]:
    """The events without their times."""
    return [event for _, event in ev.read(log)]


def notify(
    event: str | None, state: str | None, body: bytes, name: str = "Event"
) -> ev.Notified | None:
    headers = [] if event is None else [(name, event)]
    headers += [] if state is None else [("Subscription-State", state)]
    request = request_of("NOTIFY", to_tag="us", cseq=5, headers=headers, body=body)
    found = read(wire(0.0, request))
    assert all(isinstance(each, ev.Notified) for each in found)
    return found[0] if found else None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("event", "state", "body", "expected"),
    [
        ("refer", "active", b"SIP/2.0 100 Trying\r\n", ev.Notified("", 100, False)),
        ("Refer ; ID=7", "active;x", b"sip/2.0 200", ev.Notified("7", 200, False, ids=True)),
        ("refer", None, b"", ev.Notified("", 0, False)),
        ("refer", "pending", b"Trying", ev.Notified("", 0, False)),
        ("refer", "terminated", b"SIP/2.0 486\nTo: x", ev.Notified("", 486, True)),
        ("refer", "Terminated ; Reason=Timeout", b"", ev.Notified("", 0, True, expired=True)),
        (None, "active", b"SIP/2.0 200 OK", ev.Notified("", 200, False)),
        (None, "active", b"", None),
        ("presence", "active", b"SIP/2.0 200 OK", None),
        ("refer", "active", b"SIP/2.0 2000", ev.Notified("", 0, False)),
    ],
)
def test_notify(event: str | None, state: str | None, body: bytes, expected: object) -> None:
    assert notify(event, state, body) == expected
    assert notify(event, state, body, name="o") == expected


def test_each_request_counts_once_and_a_late_one_only_if_it_is_notify() -> None:
    bye = wire(1.0, request_of("BYE", to_tag="us", cseq=3, branch="z9hG4bK3"))
    late = request_of("NOTIFY", cseq=1, branch="z9hG4bK1", headers=[("Event", "refer")])
    info = request_of("INFO", cseq=9, branch="z9hG4bK9")
    other = request_of("BYE", cseq=8, branch="z9hG4bK8")
    ended = ev.Ended(by_peer=True)
    assert read(bye, bye) == [ended]
    assert read(bye, wire(2.0, late)) == [ended, ev.Notified("", 0, False, late=True)]
    assert read(wire(1.0, info), wire(2.0, other)) == []


@pytest.mark.parametrize(
    ("overtaker", "number", "counts"),
    [("NOTIFY", 5, True), ("NOTIFY", 2, True), ("INFO", 5, False), ("INVITE", 5, False)],
)
def test_a_bye_that_only_notifys_overtook_counts(overtaker: str, number: int, counts: bool) -> None:
    log = [
        request_of("INVITE", cseq=2, branch="z9hG4bK2"),
        request_of(overtaker, cseq=number, branch="z9hG4bK5"),
        request_of("NOTIFY", cseq=9, branch="z9hG4bK9"),
        request_of("BYE", cseq=4, branch="z9hG4bK4"),
    ]
    found = read(*(wire(1.0, message) for message in log))
    assert found == ([ev.Ended(by_peer=True)] if counts else [])


def test_a_request_of_ours_has_one_outcome() -> None:
    refer = ev.Sent(4, across=False)
    assert read(sent(0.0), answer(1.0, 100), answer(2.0, 486), answer(3.0, 486)) == [
        refer,
        ev.Answer("REFER", 4, 486),
    ]
    assert list(ev.read([sent(0.0)])) == [
        (0.0, refer),
        (32.0, ev.Answer("REFER", 4, ev.UNANSWERED)),
    ]
    assert read(sent(0.0), answer(32.5, 202))[1:] == [ev.Answer("REFER", 4, ev.UNANSWERED)]
    lost = ev.Seen(1.0, "unconnected", cseq=4, method="REFER")
    assert read(sent(0.0), lost, lost) == [refer, ev.Answer("REFER", 4, ev.UNCONNECTED)]
    assert read(sent(0.0), answer(0.5, 100), lost, answer(2.0, 202))[1:] == [
        ev.Answer("REFER", 4, 202)
    ]


def test_challenges_that_can_be_answered() -> None:
    challenges = [
        ("WWW-Authenticate", 'Digest realm="A", nonce="n", algorithm=SHA-512-256'),
        ("WWW-Authenticate", 'Digest realm="A", nonce="n", algorithm="MD5", stale=TRUE'),
        ("WWW-Authenticate", 'Digest realm="A", nonce="n", algorithm="MD5"'),
        ("WWW-Authenticate", 'Digest realm="c", nonce="n", algorithm="X"'),
        ("Proxy-Authenticate", 'Digest realm="b", nonce="n"'),
    ]
    assert read(sent(0.0), answer(1.0, 401, headers=challenges))[1] == ev.Answer(
        "REFER", 4, 401, (("WWW-Authenticate a", True), ("Proxy-Authenticate b", False))
    )


def test_a_2xx_that_says_so_stands_for_the_notify() -> None:
    unreported = answer(1.0, 202, headers=[("Refer-Sub", "False ;x=y")])
    assert read(sent(0.0), unreported)[1:] == [
        ev.Answer("REFER", 4, 202),
        ev.Notified("4", 202, True, unreported=True),
    ]


@pytest.mark.parametrize(("method", "across"), [("INVITE", True), ("UPDATE", True), ("BYE", False)])
def test_an_offer_of_ours_that_crosses_a_refer_is_told(method: str, across: bool) -> None:
    log = [sent(0.0), sent(1.0, method, 5)]
    assert (ev.Sent(5, across=True) in read(*log)) is across
    assert ev.Sent(5, across=True) not in read(log[0], answer(0.5, 202), log[1])


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_of_ours_is_open_until_it_is_answered(method: str) -> None:
    offer = sent(0.0, method)
    assert read(offer, sent(1.0, cseq=5))[0] == ev.Sent(5, across=True)
    assert read(offer, answer(0.5, 200, method), sent(1.0, cseq=5))[0] == ev.Sent(5, False)
    assert read(offer, answer(0.5, 491, method)) == []
    assert read(offer, answer(0.5, 481, method)) == [ev.Ended()]
    assert read(offer, ev.Seen(0.5, "unconnected", cseq=4, method=method)) == [ev.Ended()]
    assert list(ev.read([offer])) == [(32.0, ev.Ended())]
    ringing = [offer, answer(0.5, 180, method), answer(40.0, 200, method)]
    assert read(*ringing) == ([] if method == "INVITE" else [ev.Ended()])


def test_a_2xx_of_ours_waits_for_its_ack() -> None:
    accepted = ev.Seen(0.0, "answer", cseq=2)
    ack = wire(0.5, request_of("ACK", cseq=2))
    assert read(accepted, sent(1.0))[0] == ev.Sent(4, across=True)
    assert read(accepted, ack, sent(1.0))[0] == ev.Sent(4, across=False)
    assert list(ev.read([accepted])) == [(32.0, ev.Ended())]
    assert read(accepted, wire(0.5, request_of("ACK", cseq=1))) == [ev.Ended()]
    again = ev.Seen(0.2, "answer", cseq=3)
    assert read(accepted, again, wire(0.5, request_of("ACK", cseq=3))) == []


def test_a_call_is_established_by_a_2xx_of_either_side() -> None:
    ask = ev.Seen(1.0, "request", ask=ev.Ask(1, "sip:a@b", 30.0))
    assert read(ask) == [ev.Ask(1, "sip:a@b", 30.0)]
    ours, theirs = ev.Seen(0.0, "answer", cseq=1), [sent(0.0, "INVITE"), answer(0.5, 200, "INVITE")]
    for log in ([ours], theirs):
        assert read(*log, ask)[0] == ev.Ask(1, "sip:a@b", 30.0, established=True)


def test_what_we_do_ourselves() -> None:
    log = [ev.Seen(0.0, "canceled"), ev.Seen(1.0, "interrupted"), ev.Seen(1.0, "hangup")]
    assert read(*log) == [ev.Order("canceled"), ev.Order("interrupted"), ev.Ended()]


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("sip:a@b", "sip:a@b"),
        ("<SIP:a@b>", "sip:a@b"),
        ("Tel:+1", "tel:+1"),
        ("+1", ""),
        ("mailto:a@b", ""),
    ],
)
def test_targets(target: str, uri: str) -> None:
    assert ev.Ask(1, target, 30.0).uri == uri


def test_what_a_request_was_told() -> None:
    judged = ev.Judgement()
    fate, other = ev.Fate("sip:a@b"), ev.Fate(verdict="invalid_argument", at=1.0)
    fate.decide(5.0, "timed out", 0, 185.0)
    judged.fates.append(fate)
    judged.waits = {1: (fate, 5.0), 2: (fate, 4.9), 3: (other, 9.0)}
    assert judged.told == {
        1: ev.Told("timed out", 0),
        2: ev.Told("wait over", 0),
        3: ev.Told("invalid_argument", -1),
    }


def test_for_whom_a_success_counts() -> None:
    refer = ev.Refer("sip:a@b", riders=[ev.Fate(), ev.Fate(), ev.Fate()])
    refer.riders[0].decide(5.0, "timed out", 0, 185.0)
    refer.riders[1].decide(6.0, "subscription ended", 0, 6.0)
    assert refer.watched(7.0) == [refer.riders[0], refer.riders[2]]
