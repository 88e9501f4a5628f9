"""Every profile with every sort of telephone: what the exchange is told, and who talks to whom."""

from __future__ import annotations

import pytest
from tests.support.carrier_rig import (
    BUSY,
    CALLER,
    DECLINES,
    GONE,
    LINE,
    SILENT,
    TARGET,
    Rig,
    network,
)

from hookflash.base.errors import ApiError
from hookflash.calls.legs.settings import Credential
from hookflash.carrier.profile_files import load_profile, profile_names

OUTCOMES = {TARGET: 200, BUSY: 486, DECLINES: 603, SILENT: 480, GONE: 480, "+1999": 404}


def transferred(profile: str, number: str) -> Rig:
    """A call that the exchange transfers as this carrier wants it, until nothing more comes."""
    manners = load_profile(profile).manners
    trunk = network(transfer_mode="enable-all", username="me", password="secret")
    rig = Rig(manners, trunk, credential=Credential("me", "secret"))
    rig.call()
    tel = "tel" in manners.target_forms
    target = f"tel:{number}" if tel else f"sip:{number}@mine.{manners.domain}"
    headers = [(name, f"<sip:{LINE}@192.0.2.2>") for name in manners.headers_required]
    rig.transfer(target, *(one for one in headers if one[0] != "Referred-By"))
    rig.advance(150)
    return rig


def told(error: ApiError | None) -> str:
    """What the API is told, in short."""
    return "" if error is None else f"{error.code}: {error.msg}"


@pytest.mark.parametrize("number", OUTCOMES)
@pytest.mark.parametrize("profile", profile_names())
def test_one_verdict_and_nothing_left(profile: str, number: str) -> None:
    rig, manners = transferred(profile, number), load_profile(profile).manners
    status = OUTCOMES[number]
    (verdict,) = rig.verdicts
    answered = status == 200
    if manners.refer == "never":
        assert str(manners.refused_status) in told(verdict)
        assert rig.hear_each_other(CALLER, LINE)
    elif manners.notify in {"all", "final"}:
        assert told(verdict) == "" if answered else str(status) in told(verdict)
        assert rig.hear_each_other(CALLER, TARGET if answered else LINE)
    else:
        # Who asked is hung up on at once: the outcome is never known, or guessed by the BYE.
        assert told(verdict).partition(":")[0] == ("aborted" if manners.notify == "none" else "")
        assert rig.left == ["remote"]
        assert rig.hear_each_other(CALLER, TARGET) is answered
    assert len(rig.switch.conversations) <= 1
    for conversation in list(rig.switch.conversations.values()):
        rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(400)
    switch = rig.switch
    left = (*switch.conversations, *switch.ends, *rig.joined, *rig.open, *switch.board.legs())
    assert left == ()
