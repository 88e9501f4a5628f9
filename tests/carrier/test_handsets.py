"""What telephones do in their calls, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.carrier_rig import BUSY, CALLER, DECLINES, LINE, TARGET, Rig, network

from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.conversation import PhoneEnd, PressKeys, SaySound

MENU = "+15105550130"


def config(number: str = CALLER, **phone: Any) -> NetworkConfig:
    """The rig's network, with a telephone that has changed or is new."""
    plain = network()
    others = tuple(one for one in plain.phones if one.number != number)
    return replace(plain, phones=(*others, PhoneConfig(number, **phone)))


def end(rig: Rig, number: str) -> PhoneEnd:
    return next(
        one
        for one in rig.switch.ends.values()
        if isinstance(one, PhoneEnd) and one.number == number
    )


def over(rig: Rig) -> bool:
    rig.advance(40)
    switch = rig.switch
    return not (switch.conversations or switch.ends or rig.joined or rig.open)


def test_what_it_says_and_presses() -> None:
    rig = Rig(config=config(TARGET, does="voicemail", presses="5", presses_after=1.0))
    rig.dial(TARGET)
    rig.advance(1.1)
    voicemail = end(rig, TARGET).id
    rig.advance(5)
    assert rig.sounds == [
        PressKeys(voicemail, "5"),
        SaySound(voicemail, 1400.0),
        SaySound(voicemail, 0.0),
    ]


def test_a_phone_holds_the_exchange() -> None:
    rig = Rig(config=config(holds_after=1.0, holds_for=2.0))
    rig.call()
    rig.advance(1.1)
    assert rig.legs[0].held
    assert not rig.joined
    rig.advance(2)
    assert not rig.legs[0].held
    assert rig.hear_each_other(CALLER, LINE)
    assert {"phone_holds", "phone_resumes"} <= set(rig.names())


def test_a_menu_puts_its_caller_through() -> None:
    rig = Rig(config=config(MENU, after=0.1, menu=(("1", TARGET), ("2", "+1999"))))
    rig.dial(MENU)
    rig.advance(0.2)
    assert rig.hear_each_other(LINE, MENU)
    rig.carrier(rig.switch.key(rig.now, end(rig, MENU).id, "2"))
    assert rig.hear_each_other(LINE, MENU), "nobody has that number"
    rig.carrier(rig.switch.key(rig.now, end(rig, MENU).id, "1"))
    assert not rig.joined
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": LINE}
    rig.advance(2.1)
    assert rig.hear_each_other(LINE, TARGET)
    rig.hangup()
    assert over(rig)


@pytest.mark.parametrize("number", [BUSY, DECLINES])
def test_a_menu_whose_number_does_not_answer(number: str) -> None:
    rig = Rig(config=config(MENU, after=0.1, menu=(("1", number),)))
    rig.dial(MENU)
    rig.advance(0.2)
    rig.carrier(rig.switch.key(rig.now, end(rig, MENU).id, "1"))
    rig.advance(3)
    assert rig.left == ["remote"]
    assert over(rig)


def test_a_menu_is_the_target_of_a_transfer() -> None:
    rig = Rig(config=config(MENU, after=0.1, menu=(("1", TARGET),)))
    rig.call()
    rig.transfer(f"tel:{MENU}")
    rig.advance(0.2)
    assert rig.hear_each_other(CALLER, MENU)
    rig.carrier(rig.switch.key(rig.now, end(rig, MENU).id, "1"))
    rig.advance(2.1)
    assert rig.hear_each_other(CALLER, TARGET)


def test_a_key_by_info() -> None:
    rig = Rig(config=config(MENU, after=0.1, menu=(("1", TARGET),)))
    rig.dial(MENU)
    rig.advance(0.2)
    rig.raw("INFO", ("Content-Type", "application/dtmf"), body=b"1")
    assert rig.fields("phone_hears_key") == {"phone": MENU, "digit": "1"}
    assert rig.fields("phone_forwards") == {"phone": MENU, "target": TARGET}
    rig.carrier(rig.switch.key(rig.now, "PH_unknown", "1"))
    rig.advance(3)
    assert rig.hear_each_other(LINE, TARGET)
