from __future__ import annotations

import pytest
from livekit.protocol.sip import SIPDispatchRule, SIPDispatchRuleInfo

from hookflash.base.errors import ApiError
from hookflash.calls.trunks.rule_index import RuleEntry, RuleShelf, rule_shape


def direct(room: str, pin: str = "") -> SIPDispatchRule:
    rule = SIPDispatchRule()
    rule.dispatch_rule_direct.room_name = room
    rule.dispatch_rule_direct.pin = pin
    return rule


def individual(prefix: str, pin: str = "") -> SIPDispatchRule:
    rule = SIPDispatchRule()
    rule.dispatch_rule_individual.room_prefix = prefix
    rule.dispatch_rule_individual.pin = pin
    return rule


def callee(prefix: str, pin: str = "") -> SIPDispatchRule:
    rule = SIPDispatchRule()
    rule.dispatch_rule_callee.room_prefix = prefix
    rule.dispatch_rule_callee.pin = pin
    return rule


def put(
    table: RuleShelf,
    ident: str,
    rule: SIPDispatchRule,
    *,
    trunks: tuple[str, ...] = (),
    callers: tuple[str, ...] = (),
    called: tuple[str, ...] = (),
    name: str = "",
) -> None:
    info = SIPDispatchRuleInfo(
        sip_dispatch_rule_id=ident,
        rule=rule,
        trunk_ids=trunks,
        inbound_numbers=callers,
        numbers=called,
        name=name,
    )
    table.settle(table.put(ident, RuleEntry(info)))


def chosen(
    table: RuleShelf, trunk: str, caller: str, called: str, pin: str | None = None
) -> str | None:
    entry = table.choose(trunk, caller, called, pin)
    return entry.rule.sip_dispatch_rule_id if entry is not None else None


def test_shapes() -> None:
    rule = SIPDispatchRuleInfo()
    rule.rule.dispatch_rule_individual.no_randomness = True
    assert rule_shape(rule).random is False
    rule.rule.dispatch_rule_callee.randomize = True
    assert (rule_shape(rule).kind, rule_shape(rule).random) == ("callee", True)
    with pytest.raises(ApiError, match="unsupported SIP Dispatch Rule: <nil>"):
        rule_shape(SIPDispatchRuleInfo(rule=SIPDispatchRule()))


def test_a_rule_of_the_trunk_beats_a_rule_for_all() -> None:
    table = RuleShelf()
    put(table, "SDR_all", direct("all"), called=("+1",), callers=("+2",))
    put(table, "SDR_own", callee("own"), trunks=("ST_a", "ST_b"))
    assert chosen(table, "ST_a", "+2", "+1") == "SDR_own"
    assert chosen(table, "ST_c", "+2", "+1") == "SDR_all"
    assert chosen(table, "", "+2", "+1") == "SDR_all"
    assert chosen(table, "", "+3", "+1") is None


def test_priorities() -> None:
    table = RuleShelf()
    put(table, "SDR_callee", callee("a"), called=("+1",), callers=("+2",))
    assert chosen(table, "", "+2", "+1") == "SDR_callee"
    put(table, "SDR_direct_any", direct("a"), called=("+1",))
    assert chosen(table, "", "+2", "+1") == "SDR_callee"
    put(table, "SDR_pin_any", direct("a", "12"), called=("+1",))
    assert chosen(table, "", "+3", "+1") == "SDR_pin_any"
    put(table, "SDR_individual", individual("a", "9"), called=("+1",), callers=("+2",))
    assert chosen(table, "", "+2", "+1") == "SDR_individual"
    put(table, "SDR_direct", direct("a", "8"), called=("+1",), callers=("+2",))
    assert chosen(table, "", "+2", "+1") == "SDR_direct"


def test_a_tie_goes_to_the_smaller_room_name() -> None:
    table = RuleShelf()
    put(table, "SDR_a", direct("b", "1"))
    put(table, "SDR_b", direct("a", "2"))
    assert chosen(table, "", "+1", "+2") == "SDR_b"


def test_numbers_are_compared_normalised() -> None:
    table = RuleShelf()
    put(table, "SDR_a", direct("a"), called=("+1 (5) 5",), callers=("2-2",))
    assert chosen(table, "", "+22", "155") == "SDR_a"


def test_pin_logic() -> None:
    table = RuleShelf()
    put(table, "SDR_open", direct("open"))
    put(table, "SDR_pin", direct("pin", "12"))
    put(table, "SDR_other", direct("other", "34"), trunks=("ST_a",))
    assert chosen(table, "", "+1", "+2") == "SDR_pin"
    assert chosen(table, "ST_a", "+1", "+2") == "SDR_other"
    assert chosen(table, "ST_a", "+1", "+2", "12") == "SDR_pin"
    assert chosen(table, "ST_a", "+1", "+2", "34") == "SDR_other"
    assert chosen(table, "", "+1", "+2", "34") is None
    assert chosen(table, "", "+1", "+2", "99") is None
    assert chosen(table, "", "+1", "+2", "") == "SDR_open"


def test_conflicts() -> None:
    table = RuleShelf()
    put(table, "SDR_a", direct("lobby", "1"), trunks=("ST_a", "ST_b"), called=("+1",), name="n")
    put(table, "SDR_b", direct("lobby", "2"), trunks=("ST_a",), called=("+1",))
    put(table, "SDR_c", direct("lobby", "1"), called=("+1",))
    with pytest.raises(ApiError) as caught:
        put(table, "SDR_d", callee("m", "1"), trunks=("ST_b",), called=("1",))
    assert (caught.value.code, caught.value.msg) == (
        "invalid_argument",
        "Dispatch rule for the same trunk, inbound number, number, and PIN combination already "
        'exists in dispatch rule "SDR_a" "n"',
    )
    with pytest.raises(ApiError, match='"<new>" "<blank name>"'):
        put(table, "SDR_d", callee("a", "1"), trunks=("ST_b",), called=("1",))
    with pytest.raises(ApiError, match='"SDR_b" "<blank name>"'):
        put(table, "SDR_b", direct("a", "1"), called=("1",))


def test_a_rule_may_conflict_with_itself() -> None:
    table = RuleShelf()
    with pytest.raises(ApiError, match='"<new>" "x"'):
        put(table, "SDR_a", direct("a"), called=("+1", "1"), name="x")
    put(table, "SDR_a", direct("a"), called=("+1", "2"))


def test_a_removed_rule_is_gone_from_every_index() -> None:
    table = RuleShelf()
    put(table, "SDR_a", direct("a"), trunks=("ST_a",), called=("+1",))
    put(table, "SDR_b", direct("b", "1"), trunks=("ST_a",), called=("+1",))
    table.settle(table.remove("SDR_b"))
    assert chosen(table, "ST_a", "", "+1") == "SDR_a"
    table.settle(table.remove("SDR_a"))
    assert chosen(table, "ST_a", "", "+1") is None
    assert table.of_trunks(["ST_a"]) == []
    assert "+1" not in table.numbers
    put(table, "SDR_c", direct("c"), trunks=("ST_a",), called=("+1",))


def test_a_change_under_way_still_holds_its_cell() -> None:
    table = RuleShelf()
    put(table, "SDR_a", direct("b"), trunks=("ST_a",))
    removal = table.remove("SDR_a")
    with pytest.raises(ApiError, match='"SDR_a" "<blank name>"'):
        put(table, "SDR_b", direct("a"), trunks=("ST_a",))
    table.settle(removal)
    put(table, "SDR_b", direct("a"), trunks=("ST_a",))
