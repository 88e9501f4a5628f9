"""What telephones do in their calls, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support.carrier_rig import BUSY, CALLER, DECLINES, LINE, TARGET, Rig, network

from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.conversation import PhoneEnd, PressKeys, SaySound, voice_of
from hookflash.carrier.speech import Speech
from hookflash.sip.message import Request

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


def sent(rig: Rig) -> list[str]:
    """Methods of the carrier's requests."""
    return [one.method for ours, one in rig.wire if ours and isinstance(one, Request)]


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


def test_a_caller_gives_up_while_it_rings() -> None:
    """By CANCEL, and whoever rings is let go."""
    rig = Rig(config=config(gives_up_after=3.0), answers=False)
    rig.call()
    rig.advance(2.9)
    assert "CANCEL" not in sent(rig)
    rig.advance(0.2)
    assert "CANCEL" in sent(rig)
    assert rig.fields("phone_hangs_up") == {"phone": CALLER}
    assert over(rig)


def test_a_telephone_is_asked_to_hold() -> None:
    rig = Rig(config=config())
    rig.call()
    caller = end(rig, CALLER)
    rig.switch.handsets.hold(rig.now, caller, held=True)
    rig.carrier(rig.switch.take(rig.now, ()))
    assert rig.legs[0].held
    assert not rig.joined
    rig.switch.handsets.hold(rig.now, caller, held=False)
    rig.carrier(rig.switch.take(rig.now, ()))
    assert not rig.legs[0].held
    assert rig.hear_each_other(CALLER, LINE)


def test_who_has_not_been_answered_cannot_hold() -> None:
    rig = Rig(config=config(), answers=False)
    rig.call()
    rig.switch.handsets.hold(rig.now, end(rig, CALLER), held=True)
    rig.carrier(rig.switch.take(rig.now, ()))
    assert "phone_holds" not in rig.names()


def test_what_telephones_say() -> None:
    """Each its own, unless a call is begun with something else."""
    own, other = Speech(np.ones(160, np.int16)), Speech(np.ones(320, np.int16))
    rig = Rig()
    rig.switch.handsets.speeches[CALLER] = own
    phone = rig.switch.numbers.phone(CALLER)
    assert phone is not None
    for given, said in ((None, own), (other, other)):
        conversation, effects = rig.switch.call(rig.now, phone, LINE, given)
        rig.carrier(effects)
        assert isinstance(conversation.caller, PhoneEnd)
        assert conversation.caller.phone.speech is said
        voice = voice_of(conversation.caller)
        assert (voice.tone, voice.speech) == (0.0, said)


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
