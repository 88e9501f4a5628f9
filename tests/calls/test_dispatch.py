from __future__ import annotations

import hashlib
import random
import re

import pytest
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.sip import SIPDispatchRule, SIPDispatchRuleInfo

from hookflash.base.ids import Ids
from hookflash.calls.dispatch import (
    CallParties,
    Placement,
    dispatch,
    distinct_identity,
    last_digits,
    no_rule_text,
)
from hookflash.calls.trunks.table import TrunkTable

CALLER = "+15105550199"
CALLED = "+15105550100"


def rule_of(kind: str, **fields: object) -> SIPDispatchRule:
    rule = SIPDispatchRule()
    part = getattr(rule, f"dispatch_rule_{kind}")
    part.SetInParent()
    for name, value in fields.items():
        setattr(part, name, value)
    return rule


def place(
    rule: SIPDispatchRule,
    caller: str = CALLER,
    *,
    hide: bool = False,
    pin: str | None = None,
) -> Placement:
    trunks = TrunkTable()
    trunks.put_rule(
        SIPDispatchRuleInfo(
            sip_dispatch_rule_id="SDR_a",
            rule=rule,
            hide_phone_number=hide,
            metadata="m",
            attributes={"a": "b"},
            room_preset="p",
        )
    )
    found = dispatch(trunks, Ids(random.Random(1)), CallParties("ST_a", caller, CALLED), pin)
    assert found is not None
    return found


def test_direct() -> None:
    found = place(rule_of("direct", room_name="lobby"))
    assert (found.room, found.identity, found.name) == (
        "lobby",
        "sip_" + CALLER,
        "Phone " + CALLER,
    )
    assert (found.hidden, found.pin_needed, found.rule_id) == (False, False, "SDR_a")
    assert (found.attributes, found.metadata, found.room_preset) == ({"a": "b"}, "m", "p")
    assert found.room_config is None


def test_room_config_is_handed_on() -> None:
    trunks = TrunkTable()
    trunks.put_rule(
        SIPDispatchRuleInfo(
            rule=rule_of("direct", room_name="r"), room_config=RoomConfiguration(empty_timeout=5)
        )
    )
    found = dispatch(trunks, Ids(random.Random(1)), CallParties("", CALLER, CALLED))
    assert found is not None
    assert found.room_config is not None
    assert found.room_config.empty_timeout == 5


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (rule_of("individual", room_prefix="call"), r"call_\+15105550199_[2-9A-Za-z]{12}"),
        (rule_of("individual"), r"\+15105550199_[2-9A-Za-z]{12}"),
        (rule_of("individual", room_prefix="call", no_randomness=True), r"call_\+15105550199"),
        (rule_of("callee", room_prefix="to-"), r"to-_\+15105550100"),
        (rule_of("callee", randomize=True), r"\+15105550100_[2-9A-Za-z]{12}"),
    ],
)
def test_room_names(rule: SIPDispatchRule, pattern: str) -> None:
    assert re.fullmatch(pattern, place(rule).room)


def test_hidden_number() -> None:
    found = place(rule_of("individual", room_prefix="c", no_randomness=True), hide=True)
    assert found.hidden
    assert found.room == "c_0199"
    assert found.name == "Phone 0199"
    assert found.identity == "sip_" + hashlib.sha256(CALLER.encode()).hexdigest()[:16]
    assert place(rule_of("callee"), hide=True).room == CALLED


def test_anonymous_caller_is_hidden() -> None:
    found = place(rule_of("individual", no_randomness=True), caller="")
    assert found.hidden
    assert (found.room, found.name) == ("anonymous", "Phone")
    assert re.fullmatch("sip_[0-9a-f]{16}", found.identity)


def test_short_numbers_show_one_digit() -> None:
    assert [last_digits(n) for n in ("12345", "1234", "1", "")] == ["2345", "4", "1", ""]


def test_pin() -> None:
    rule = rule_of("direct", room_name="lobby", pin="12")
    assert place(rule).pin_needed
    assert not place(rule, pin="12").pin_needed
    assert place(rule, pin="12").room == "lobby"


def test_no_rule() -> None:
    trunks = TrunkTable()
    parties = CallParties("ST_a", CALLER, CALLED)
    assert dispatch(trunks, Ids(random.Random(1)), parties) is None
    assert no_rule_text(trunks, parties) == "No SIP Dispatch Rule: there is none"
    trunks.put_rule(
        SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_a", rule=rule_of("direct", pin="1"))
    )
    assert dispatch(trunks, Ids(random.Random(1)), parties, "2") is None
    assert no_rule_text(trunks, parties, "2").endswith("and this PIN: 1 rules do not fit")
    assert "without a PIN" in no_rule_text(trunks, CallParties("", "", ""), "")
    assert "no trunk" in no_rule_text(trunks, CallParties("", "", ""))


def test_identity_of_a_second_call() -> None:
    assert distinct_identity("sip_+1", "SCL_abcdefghijkl") == "sip_+1_ghijkl"
