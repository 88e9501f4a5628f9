"""calls.md §2, from the row INFO to "unknown method"."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver

from hookflash.calls.effects import LegDtmf
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.in_dialog import read_dtmf

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"
RELAY = "application/dtmf-relay"


# --- row "INFO" ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "digit", "duration"),
    [
        (RELAY, b"Signal=5\r\nDuration=200\r\n", "5", 200),
        (RELAY, b"Signal= 5\nDuration= 200", "5", 200),
        (RELAY, b"Signal=*", "*", 160),
        (RELAY, b"signal=#\r\nduration=0\r\n", "#", 160),
        (RELAY, b"Signal=A\r\nDuration=99999\r\n", "a", 5000),
        (RELAY, b"Signal=11\r\nDuration=long\r\n", "#", 160),
        (RELAY, b"Signal=12\r\nDuration=9999999\r\n", "a", 160),
        ("application/dtmf", b"7", "7", 160),
        ("application/dtmf", b"D\r\n", "d", 160),
        ("application/dtmf", b"Signal=3\r\nDuration=100", "3", 100),
        ("Application/DTMF-Relay;x=y", b"Signal=10", "*", 160),
    ],
)
def test_dtmf_by_info(kind: str, body: bytes, digit: str, duration: int) -> None:
    driver = LegDriver().established()
    driver.receive("INFO", (), body, content_type=kind)
    assert driver.statuses == [200]
    assert driver.all(LegDtmf) == [LegDtmf(digit, duration)]


@pytest.mark.parametrize("body", [b"Signal=\r\n", b"Signal=16", b"Tone=5", b"\xff"])
@pytest.mark.parametrize("kind", [RELAY, "application/dtmf"])
def test_bad_dtmf_is_400(kind: str, body: bytes) -> None:
    driver = LegDriver().established()
    driver.receive("INFO", (), body, content_type=kind)
    assert driver.statuses == [400]
    assert not driver.all(LegDtmf)


def test_info_digits_are_ignored_once_a_4733_event_has_come() -> None:
    driver = LegDriver().established()
    assert driver.leg.dtmf_by_rtp(driver.now) == []
    driver.receive("INFO", (), b"Signal=5", content_type=RELAY)
    assert driver.statuses == [200]
    assert not driver.all(LegDtmf)


def test_other_info_is_415_and_an_empty_one_200() -> None:
    driver = LegDriver().established()
    driver.receive("INFO", (), b"<xml/>", content_type="application/media_control+xml")
    assert driver.statuses == [415]
    accept = driver.response.header("Accept") or ""
    assert RELAY in accept
    assert "application/dtmf" in accept
    driver.receive("INFO")
    assert driver.statuses == [415, 200]


def test_info_with_unknown_require_is_420() -> None:
    driver = LegDriver().established()
    driver.receive("INFO", (("Require", "gin"),))
    assert driver.statuses == [420]
    assert driver.response.header("Unsupported") == "gin"


def test_read_dtmf_never_raises() -> None:
    assert read_dtmf(RELAY, bytes(range(256))) is None


# --- row "OPTIONS" -------------------------------------------------------------------------------


def test_options_is_200_with_allow_accept_supported() -> None:
    driver = LegDriver().established()
    driver.receive("OPTIONS")
    assert driver.statuses == [200]
    assert driver.response.header("Allow") == ALLOW
    assert driver.response.header("Accept") == "application/sdp"
    assert driver.response.header("Supported") == "100rel, timer"


def test_options_with_unknown_require_is_420() -> None:
    driver = LegDriver().established()
    driver.receive("OPTIONS", (("Require", "gin"),))
    assert driver.statuses == [420]
    assert driver.response.header("Unsupported") == "gin"


# --- rows "REFER", "MESSAGE …", "unknown method" -------------------------------------------------


@pytest.mark.parametrize("method", ["REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"])
def test_refused_methods_are_405_with_allow(method: str) -> None:
    driver = LegDriver().established()
    driver.receive(method)
    assert driver.statuses == [405]
    assert driver.response.header("Allow") == ALLOW


def test_unknown_method_is_501_with_allow() -> None:
    driver = LegDriver().established()
    driver.receive("DANCE")
    assert driver.statuses == [501]
    assert driver.response.header("Allow") == ALLOW


# --- row "NOTIFY, other events" ------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [(("Event", "presence"),), (("Event", "message-summary;x=y"),), (("o", "dialog"),), ()],
)
def test_notify_of_other_events_is_489(headers: tuple[tuple[str, str], ...]) -> None:
    driver = LegDriver().established()
    driver.receive("NOTIFY", headers)
    assert driver.statuses == [489]
    assert driver.response.header("Allow-Events") == "refer"


@pytest.mark.parametrize("event", ["refer", "refer;id=7", " REFER ; x=y"])
@pytest.mark.parametrize("name", ["Event", "o"])
def test_notify_in_a_dialog_without_any_refer_is_481(name: str, event: str) -> None:
    """transfer.md §4."""
    driver = LegDriver().established()
    driver.receive("NOTIFY", ((name, event),))
    assert driver.statuses == [481]


def test_sipfrag_without_event_is_of_a_refer_only_where_there_is_one() -> None:
    """transfer.md §4."""
    driver = LegDriver().established()
    driver.receive("NOTIFY", (), b"SIP/2.0 200 OK", content_type="message/sipfrag")
    assert driver.statuses == [489]


def test_low_cseq_of_notify_is_not_500() -> None:
    """§2 last row: except NOTIFY."""
    driver = LegDriver().established()
    driver.receive("OPTIONS", cseq=10)
    driver.receive("NOTIFY", (("Event", "presence"),), cseq=9)
    assert driver.statuses == [200, 489]


def test_requests_while_ringing_are_answered_too() -> None:
    driver = LegDriver()
    driver.invite()
    driver.receive("OPTIONS")
    driver.receive("INFO")
    assert driver.statuses == [180, 200, 200]
    assert driver.leg.state is Phase.RINGING
