"""calls.md §1: a PIN rule answers first, asks, takes digits, and lets in or hangs up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, until
from tests.wire.kit.sound import linear

pytestmark = pytest.mark.interop
SIP = {"answer": "subscribed"}
RELAY = [("Content-Type", "application/dtmf-relay")]
EVENTS = {"*": 10, "#": 11}
ROWS = dict(zip("123456789*0#", [697] * 3 + [770] * 3 + [852] * 3 + [941] * 3, strict=True))
COLUMNS = dict(zip("123456789*0#", [1209, 1336, 1477] * 4, strict=True))


def by_rtp(call: Call, digits: str) -> None:
    """Press keys by RFC 4733."""
    for digit in digits:
        call.sound.press(EVENTS.get(digit, -1) if digit in EVENTS else int(digit))


def by_info(call: Call, digits: str) -> None:
    """Press keys by SIP INFO."""
    for digit in digits:
        assert call.ask("INFO", RELAY, f"Signal={digit}\r\nDuration=100\r\n").status == 200


def by_tone(call: Call, digits: str) -> None:
    """Press keys by sound."""
    call.sound.listen()
    for digit in digits:
        for tones in ((float(ROWS[digit]), float(COLUMNS[digit])), ()):
            call.sound.tones, call.sound.playing = tones, True
            call.sound.clear()
            call.sound.heard(lambda seen: len(seen) >= 8, "160 ms")


def asked(
    exchange: Exchange, phone: Phone, codecs: str = "0 101", pin: str = "42"
) -> tuple[Call, str]:
    """A caller who was answered and hears the prompt, and the room that the PIN opens."""
    line = exchange.line(pin=pin)
    call = Call(phone, line.number)
    call.connect(body=call.sdp(codecs=codecs))
    call.sound.heard(
        lambda seen: bool(seen) and abs(linear(seen[-1].payload)).max() > 500, "the prompt"
    )
    assert not exchange.participants(line.room)
    return call, line.room


@pytest.mark.parametrize("way", [by_rtp, by_info])
def test_right_pin(exchange: Exchange, phone: Phone, way: Callable[[Call, str], None]) -> None:
    """Answers first, plays the prompt, takes digits until `#`; the caller is in the room."""
    call, room = asked(exchange, phone)
    way(call, "42#")
    until(lambda: exchange.participants(room), "the caller is in the room")
    assert exchange.attribute(room, "sip.callStatus") == "active"
    assert call.ask("OPTIONS").status == 200


def test_right_pin_by_sound(exchange: Exchange, phone: Phone) -> None:
    """§3: in-band detection where no telephone-event was negotiated."""
    call, room = asked(exchange, phone, "0")
    by_tone(call, "42#")
    until(lambda: exchange.participants(room), "the caller is in the room")


def test_three_attempts(exchange: Exchange, phone: Phone) -> None:
    """Allows 3 attempts, then BYE."""
    call, room = asked(exchange, phone)
    by_rtp(call, "1#")
    by_rtp(call, "2#")
    phone.none(lambda m: m.method == "BYE", 0.3)
    by_rtp(call, "3#")
    call.ended(15)
    assert not exchange.participants(room)


def test_third_attempt_is_right(exchange: Exchange, phone: Phone) -> None:
    """The third attempt may be right."""
    call, room = asked(exchange, phone)
    for digits in ("1#", "#", "42#"):
        by_rtp(call, digits)
    until(lambda: exchange.participants(room), "the caller is in the room")


def test_hang_up_in_the_prompt(exchange: Exchange, phone: Phone) -> None:
    """A caller who hangs up in the prompt leaves nothing behind."""
    call, _ = asked(exchange, phone)
    assert call.hang_up().status == 200
    until(lambda: exchange.metrics()["hookflash_calls_active"] == 0, "no call is left")
