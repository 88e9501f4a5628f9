"""The oracle's own reading of messages."""

from __future__ import annotations

import pytest

from hookflash.sip.message import Message
from hookflash.testing.evidence import Answer, Ask, Asked, Challenge, Notified, Reader
from hookflash.testing.sip_messages import request_of, response_of


def read(message: Message, reader: Reader | None = None) -> object:
    return (reader or Reader()).read(message.encode())


def notify(
    event: str | None, state: str | None, body: bytes, cseq: int = 5, name: str = "Event"
) -> object:
    headers = [] if event is None else [(name, event)]
    headers += [] if state is None else [("Subscription-State", state)]
    return read(request_of("NOTIFY", to_tag="us", cseq=cseq, headers=headers, body=body))


@pytest.mark.parametrize(
    ("event", "state", "body", "expected"),
    [
        ("refer", "active", b"SIP/2.0 100 Trying\r\n", Notified(5, "", 100, False, False)),
        ("Refer ; ID=7", "active;x", b"sip/2.0 200", Notified(5, "7", 200, False, False)),
        ("refer", None, b"", Notified(5, "", 0, False, False)),
        ("refer", "pending", b"Trying", Notified(5, "", 0, False, False)),
        ("refer", "terminated", b"SIP/2.0 486\nTo: x", Notified(5, "", 486, True, False)),
        ("refer", "Terminated ; Reason=Timeout", b"", Notified(5, "", 0, True, True)),
        (None, "active", b"SIP/2.0 200 OK", Notified(5, "", 200, False, False)),
        (None, "active", b"", None),
        ("presence", "active", b"SIP/2.0 200 OK", None),
        ("refer", "active", b"SIP/2.0 2000", Notified(5, "", 0, False, False)),
    ],
)
def test_notify(event: str | None, state: str | None, body: bytes, expected: object) -> None:
    assert notify(event, state, body) == expected
    assert notify(event, state, body, name="o") == expected


def test_each_request_counts_once_and_a_late_one_only_if_it_is_notify() -> None:
    reader = Reader()
    bye = request_of("BYE", to_tag="us", cseq=3, branch="z9hG4bK3")
    assert read(bye, reader) == Asked("BYE", 3)
    assert read(bye, reader) is None
    assert read(request_of("INVITE", cseq=2, branch="z9hG4bK2"), reader) is None
    late = request_of("NOTIFY", cseq=1, branch="z9hG4bK1", headers=[("Event", "refer")])
    assert read(late, reader) == Notified(1, "", 0, False, False)
    ack = request_of("ACK", cseq=1)
    assert [read(ack, reader), read(ack, reader)] == [Asked("ACK", 1)] * 2
    assert read(request_of("INFO", cseq=9, branch="z9hG4bK9"), reader) is None
    assert reader.read(b"") is None


@pytest.mark.parametrize(
    ("overtaker", "number", "counts"),
    [("NOTIFY", 5, True), ("NOTIFY", 2, True), ("INFO", 5, False), ("INVITE", 5, False)],
)
def test_a_bye_that_only_notifys_overtook_counts(overtaker: str, number: int, counts: bool) -> None:
    reader = Reader()
    read(request_of("INVITE", cseq=2, branch="z9hG4bK2"), reader)
    read(request_of(overtaker, cseq=number, branch="z9hG4bK5"), reader)
    read(request_of("NOTIFY", cseq=9, branch="z9hG4bK9"), reader)
    bye = read(request_of("BYE", cseq=4, branch="z9hG4bK4"), reader)
    assert bye == (Asked("BYE", 4) if counts else None)


def test_answers() -> None:
    refer = request_of("REFER", to_tag="us", cseq=4).encode()
    challenges = [
        ("WWW-Authenticate", 'Digest realm="A", nonce="n", algorithm=SHA-512-256'),
        ("WWW-Authenticate", 'Digest realm="A", nonce="n", algorithm="MD5", stale=TRUE'),
        ("Proxy-Authenticate", 'Digest realm="b", nonce="n"'),
    ]
    assert read(response_of(refer, 401, headers=challenges)) == Answer(
        "REFER",
        4,
        401,
        False,
        (
            Challenge("WWW-Authenticate a", False, False),
            Challenge("WWW-Authenticate a", True, True),
            Challenge("Proxy-Authenticate b", True, False),
        ),
    )
    unreported = response_of(refer, 202, headers=[("Refer-Sub", "False ;x=y")])
    assert read(unreported) == Answer("REFER", 4, 202, True, ())


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
    assert Ask(1, target, 30.0).uri == uri
