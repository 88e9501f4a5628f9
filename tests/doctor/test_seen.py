"""Messages as the API gives them, read again."""

from __future__ import annotations

from typing import Any

import pytest

from hookflash.doctor.seen import seen_from
from hookflash.sip.pcap import CapturedMessage


def entry(text: str, **other: Any) -> dict[str, Any]:
    return {
        **{"at": 1.5, "direction": "received", "transport": "udp"},
        **{"local": "192.0.2.10:5060", "remote": "[2001:db8::7]:5061"},
        "text": text,
        **other,
    }


HEAD = "Via: SIP/2.0/UDP h\r\nCSeq: 7 REFER\r\n"


@pytest.mark.parametrize(
    ("text", "label", "method", "status"),
    [
        (
            f"REFER sip:a@b SIP/2.0\r\nRefer-To: <tel:+1>\r\n{HEAD}\r\n",
            "REFER to tel:+1",
            "REFER",
            0,
        ),
        (f"SIP/2.0 603 Decline\r\n{HEAD}\r\n", "603 Decline", "REFER", 603),
        (f"SIP/2.0 200\r\n{HEAD}\r\n", "200", "REFER", 200),
        ("SIP/2.0 200 OK\r\n\r\n", "200 OK", "", 200),
        (
            f"NOTIFY sip:a@b SIP/2.0\r\n{HEAD}\r\nSIP/2.0 486 Busy Here",
            "NOTIFY 486 Busy Here",
            "NOTIFY",
            0,
        ),
        (f"NOTIFY sip:a@b SIP/2.0\r\n{HEAD}\r\nnothing", "NOTIFY", "NOTIFY", 0),
        ("BYE sip:a@b SIP/2.0\r\n\r\n", "BYE", "BYE", 0),
        ("no message at all\r\n\r\n", "no message at all", "", 0),
        (f"BYE sip:a@b SIP/2.0\r\n{HEAD}Content-Length: 9\r\n\r\n", "BYE", "BYE", 0),
    ],
)
def test_what_a_ladder_says(text: str, label: str, method: str, status: int) -> None:
    (seen,) = seen_from([entry(text)])
    assert (seen.label, seen.method, seen.status) == (label, method, status)


def test_what_went_by_twice() -> None:
    text = "BYE sip:a@b SIP/2.0\r\n\r\n"
    seen = seen_from([entry(text), entry(text, direction="sent"), entry(text)])
    assert [one.label for one in seen] == ["BYE", "BYE", "BYE (again)"]


def test_octets_and_addresses_and_who_sent_it() -> None:
    received, sent = seen_from([entry("?", data="/w=="), entry("x", direction="sent")])
    assert received.data == b"\xff"
    here, there = ("192.0.2.10", 5060), ("2001:db8::7", 5061)
    assert received.captured() == CapturedMessage(1.5, "udp", there, here, b"\xff")
    assert sent.captured() == CapturedMessage(1.5, "udp", here, there, b"x")
    assert received.header("Reason") == ""


@pytest.mark.parametrize("change", [{"local": "nowhere"}, {"at": "x"}, {"data": "x"}])
def test_what_is_no_message_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        seen_from([entry("x", **change)])
