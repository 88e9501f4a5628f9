"""What a NOTIFY says, however it is written (transfer.md §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sip_messages import request_of

from hookflash.sip.refer import Fragment
from hookflash.sip.subscription import Notify, read_notify


def read(*headers: tuple[str, str], body: bytes = b"SIP/2.0 200 OK\r\n", cseq: int = 7) -> Notify:
    return read_notify(request_of("NOTIFY", cseq=cseq, headers=headers, body=body))


@pytest.mark.parametrize(
    ("value", "event_id"),
    [
        ("refer", None),
        ("REFER", None),
        ("refer;id=2", "2"),
        ("refer ; id=2 ;x=y", "2"),
        ("Refer;x=y", None),
        ("refer; ID = 002", "2"),
        ("refer;id=0", "0"),
        ('refer;id="2"', "2"),
        ("refer;id=abc", "abc"),
        ("refer;id", ""),
        ("refer;id=2;id=3", "2"),
        ("refer;;id=²", "²"),
        ("refer;;id=2", "2"),
        ("refer id=2", "2"),
        ("refer\t id=2;x", "2"),
    ],
)
@pytest.mark.parametrize("name", ["Event", "event", "o"])
def test_the_event_is_matched_whatever_its_case_and_parameters(
    name: str, value: str, event_id: str | None
) -> None:
    notify = read((name, value))
    assert (notify.package, notify.event_id) == ("refer", event_id)


def test_a_missing_event_and_another_one() -> None:
    assert read().package == ""
    assert read(("Event", "presence;id=1")).package == "presence"


@pytest.mark.parametrize(
    ("value", "terminated", "reason", "expired"),
    [
        (None, False, "", False),
        ("active;expires=60", False, "", False),
        ("active;expires=0", False, "", False),
        ("pending", False, "", False),
        ("nonsense", False, "", False),
        ("terminated", True, "", False),
        ("Terminated ; reason=NoResource", True, "noresource", False),
        ("terminated;reason=rejected;retry-after=5", True, "rejected", False),
        ("terminated;reason=timeout", True, "timeout", True),
        ("terminated;reason=Deactivated", True, "deactivated", True),
        ("terminated; reason=probation", True, "probation", True),
        ("terminated;reason=giveup", True, "giveup", True),
        ("active;reason=timeout", False, "timeout", False),
        ("terminated reason=timeout", True, "timeout", True),
    ],
)
def test_subscription_state_is_read_leniently(
    value: str | None, terminated: bool, reason: str, expired: bool
) -> None:
    notify = read(*([("Subscription-State", value)] if value is not None else []))
    assert (notify.terminated, notify.reason, notify.expired) == (terminated, reason, expired)


def test_the_body_counts_whatever_the_content_type_says() -> None:
    notify = read(("Content-Type", "text/plain"), cseq=9)
    assert (notify.fragment, notify.unreadable, notify.cseq) == (Fragment(200, "OK"), False, 9)


def test_a_part_of_a_multipart_counts() -> None:
    parts = b"--b\r\nContent-Type: %s\r\n\r\n%s\r\n"
    body = parts % (b"text/plain", b"Busy") + parts % (b"message/sipfrag", b"SIP/2.0 486 Busy")
    mixed = ("Content-Type", 'multipart/mixed; boundary="b"')
    assert read(mixed, body=body + b"--b--").fragment == Fragment(486, "Busy")
    assert read(mixed, body=body + b"--b--").unreadable is False
    assert read(mixed, body=parts % (b"text/plain", b"Busy")).unreadable
    assert read(("Content-Type", "multipart/mixed"), body=body).unreadable


def test_no_body_is_not_unreadable_and_garbage_is() -> None:
    assert (read(body=b"").fragment, read(body=b"").unreadable) == (None, False)
    assert not read(body=b"\r\n").unreadable
    assert (read(body=b"garbage").fragment, read(body=b"garbage").unreadable) == (None, True)


TEXT = st.text(st.characters(blacklist_characters="\r\n\x00", blacklist_categories=["Cs"]))


@given(TEXT, TEXT, st.binary())
def test_nothing_raises(event: str, state: str, body: bytes) -> None:
    for kind in ("message/sipfrag", "multipart/mixed;boundary=b", f"multipart/{event};{state}"):
        whole = (("Event", event), ("Subscription-State", state), ("Content-Type", kind))
        assert read(*whole, body=body).cseq == 7


def test_what_is_no_utf_8_becomes_text() -> None:
    """Id and reason go into errors, the log and the store."""
    latin = b"\xe9".decode("utf-8", "surrogateescape")
    notify = read(
        ("Event", f"refer;id={latin}"), ("Subscription-State", f"terminated;reason={latin}")
    )
    assert (notify.event_id, notify.reason) == ("\ufffd", "\ufffd")
