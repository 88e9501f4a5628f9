"""Ends and calls, as data."""

from __future__ import annotations

from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.conversation import PhoneEnd, Voice, voice_of
from hookflash.carrier.telephone import Telephone


def test_the_voice_of_a_telephone_is_its_tone() -> None:
    end = PhoneEnd("PH_1", Telephone(PhoneConfig("+1510", tone=550.0)))
    assert end.number == "+1510"
    assert voice_of(end) == Voice("PH_1", 550.0)
