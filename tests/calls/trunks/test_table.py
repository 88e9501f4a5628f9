from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from livekit.protocol.models import Pagination
from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
)

from hookflash.adapters.presets import load_preset, preset_names
from hookflash.base.errors import ApiError
from hookflash.calls.trunks.index import AddressRule, NumberIndex
from hookflash.calls.trunks.table import EXPLAINED, TrunkTable, host_of, quoted
from hookflash.providers.preset import Preset
from hookflash.providers.trunk_metadata import Presets


def inbound(
    ident: str, *numbers: str, callers: tuple[str, ...] = (), **more: object
) -> SIPInboundTrunkInfo:
    return SIPInboundTrunkInfo(
        sip_trunk_id=ident,
        name=ident.lower(),
        numbers=numbers,
        allowed_numbers=callers,
        **more,  # type: ignore[arg-type]
    )


def outbound(
    ident: str, *numbers: str, address: str = "sip.example.com", metadata: str = ""
) -> SIPOutboundTrunkInfo:
    return SIPOutboundTrunkInfo(
        sip_trunk_id=ident, numbers=numbers, address=address, metadata=metadata
    )


def rule(ident: str, *numbers: str, trunks: tuple[str, ...] = ()) -> SIPDispatchRuleInfo:
    direct = SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name=ident))
    return SIPDispatchRuleInfo(
        sip_dispatch_rule_id=ident, rule=direct, numbers=numbers, trunk_ids=trunks
    )


def table(*trunks: SIPInboundTrunkInfo) -> TrunkTable:
    made = TrunkTable()
    made.load(trunks, [], [])
    return made


def matched(
    trunks: TrunkTable, caller: str, called: str, ip: str = "9.9.9.9", host: str = ""
) -> str:
    found = trunks.match(caller, called, ip, host)
    return found.trunk.sip_trunk_id if found.trunk is not None else found.outcome


# --- conflicts (facts §2.5) ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "new", "text"),
    [
        (
            inbound("ST_a", "+1 5"),
            inbound("ST_b", "15"),
            'Conflicting inbound SIP Trunks: "<new>" and "ST_a", '
            'using the same number(s) ["15"] without AllowedNumbers set',
        ),
        (
            inbound("ST_a", "+15", callers=("+2",)),
            inbound("ST_b", "+15", callers=("+3", "2")),
            'Conflicting inbound SIP Trunks: "<new>" and "ST_a", '
            'using the same number(s) ["+15"] and AllowedNumber "2"',
        ),
        (
            inbound("ST_a"),
            inbound("ST_b", allowed_addresses=["1.1.1.1"]),
            'Conflicting inbound SIP Trunks: "<new>" and "ST_a", '
            "using the same number(s) <any> without AllowedNumbers set",
        ),
    ],
)
def test_conflicting_trunks(held: SIPInboundTrunkInfo, new: SIPInboundTrunkInfo, text: str) -> None:
    trunks = table(held)
    with pytest.raises(ApiError) as caught:
        trunks.put_inbound(new)
    assert (caught.value.code, caught.value.msg) == ("invalid_argument", text)
    assert list(trunks.inbound.ids()) == ["ST_a"]


def test_no_conflict_between_trunks_of_different_cells() -> None:
    trunks = table(
        inbound("ST_a", "+15"),
        inbound("ST_b", "+15", callers=("+2",)),
        inbound("ST_c"),
        inbound("ST_d", callers=("+2",)),
        inbound("ST_e", "+16", "1 6"),
    )
    assert len(trunks.inbound) == 5


def test_an_update_conflicts_under_its_own_name_and_not_with_itself() -> None:
    trunks = table(inbound("ST_a", "+15"), inbound("ST_b", "+16"))
    trunks.inbound.settle(trunks.put_inbound(inbound("ST_b", "+16", "+17")))
    with pytest.raises(ApiError, match='"ST_b" and "ST_a"'):
        trunks.put_inbound(inbound("ST_b", "+15"))


def test_a_number_is_free_only_when_its_release_is_stored() -> None:
    trunks = table(inbound("ST_a", "+15"))
    removal = trunks.inbound.remove("ST_a")
    with pytest.raises(ApiError):
        trunks.put_inbound(inbound("ST_b", "+15"))
    trunks.inbound.settle(removal)
    trunks.put_inbound(inbound("ST_b", "+15"))


# --- providers (carrier.md §3) ------------------------------------------------------------------


def named(provider: str) -> str:
    return json.dumps({"hookflash.provider": provider})


def test_the_provider_of_a_trunk_is_read_when_it_changes_and_not_with_each_call() -> None:
    asked = []

    def load(name: str) -> Preset | None:
        asked.append(name)
        return load_preset(name)

    trunks = TrunkTable(presets=Presets(preset_names, load))
    trunks.put_inbound(inbound("ST_a", "+15", metadata=named("twilio")))
    trunks.put_outbound(outbound("ST_o", "+15", metadata=named("plivo")))
    trunks.put_inbound(inbound("ST_b", "+16"))
    assert asked == ["twilio", "plivo"]
    for ident, name in (("ST_a", "twilio"), ("ST_o", "plivo")):
        found = trunks.provider(ident)
        assert found is not None
        assert found.preset.name == name
    assert trunks.match("+2", "+15", "192.0.2.1", "").outcome == "matched"
    assert trunks.provider("ST_b") is None
    assert trunks.provider("ST_none") is None
    assert asked == ["twilio", "plivo"]


def test_a_trunk_of_an_unknown_provider_is_refused_and_what_was_there_stays() -> None:
    trunks = TrunkTable(presets=Presets(preset_names, load_preset))
    trunks.put_inbound(inbound("ST_a", "+15", metadata=named("twilio")))
    with pytest.raises(ApiError, match=r'unknown hookflash.provider "acme"; known: 3cx, '):
        trunks.put_inbound(inbound("ST_a", "+15", metadata=named("acme")))
    with pytest.raises(ApiError, match=r'unknown hookflash.provider "acme"; known: 3cx, '):
        trunks.put_outbound(outbound("ST_o", metadata=named("acme")))
    found = trunks.provider("ST_a")
    assert found is not None
    assert found.preset.name == "twilio"
    assert trunks.outbound_trunk("ST_o") is None


def test_a_stored_trunk_of_an_unknown_provider_is_a_trunk_without_one() -> None:
    trunks = TrunkTable(presets=Presets(preset_names, load_preset))
    strange = trunks.load(
        [inbound("ST_a", "+15", metadata=named("acme")), inbound("ST_b", metadata="no JSON")],
        [outbound("ST_o", metadata='{"hookflash.provider": 5}')],
        [],
    )
    assert [ident for ident, _ in strange] == ["ST_a", "ST_o"]
    assert "known: 3cx" in strange[0][1]
    assert trunks.match("+2", "+15", "192.0.2.1", "").outcome == "matched"
    assert trunks.provider("ST_a") is None


def test_the_hosts_of_the_outbound_trunks_that_have_a_number() -> None:
    trunks = table()
    trunks.put_outbound(outbound("ST_2", "+15", address="B.example:5070"))
    trunks.put_outbound(outbound("ST_1", "1 5", address="a.example"))
    trunks.put_outbound(outbound("ST_3", "+16", address="c.example"))
    assert trunks.outbound_hosts("15") == ["a.example", "b.example"]


# --- matching (facts §4.3, calls.md §1) ---------------------------------------------------------


def test_a_trunk_with_the_number_beats_one_without() -> None:
    trunks = table(inbound("ST_any"), inbound("ST_a", "+1 (5) 5"))
    assert matched(trunks, "+2", "155") == "ST_a"
    assert matched(trunks, "+2", "+156") == "ST_any"
    assert matched(trunks, "", "") == "ST_any"


def test_caller_and_source_decide() -> None:
    trunks = table(
        inbound("ST_a", "+15", callers=("+1 2",)),
        inbound("ST_b", "+15", callers=("+3",), allowed_addresses=["10.0.0.0/8", "pbx.example"]),
    )
    assert matched(trunks, "12", "15") == "ST_a"
    assert matched(trunks, "+3", "15", ip="10.1.1.1") == "ST_b"
    assert matched(trunks, "+3", "15", host="PBX.example") == "ST_b"
    assert matched(trunks, "+3", "15") == "none"
    assert matched(trunks, "+4", "15") == "none"


def test_several_trunks_are_named() -> None:
    trunks = table(inbound("ST_b", "+15", callers=("+2",)), inbound("ST_a", "+15"))
    found = trunks.match("+2", "+15", "9.9.9.9", "")
    assert found.outcome == "several"
    assert found.trunk is None
    assert found.several == (("ST_a", "st_a"), ("ST_b", "st_b"))
    assert found.text == ('Multiple SIP Trunks matched for "+15": ST_a "st_a" and ST_b "st_b"')
    defaults = table(inbound("ST_a"), inbound("ST_b", callers=("+2",)))
    several = defaults.match("+2", "+1", "9.9.9.9", "")
    assert several.text.startswith('Multiple default SIP Trunks matched for "+1"')


def test_a_refused_call_says_what_failed_for_each_trunk() -> None:
    trunks = table(
        inbound("ST_a", "+15", callers=("+2",)),
        inbound("ST_b", allowed_addresses=["10.0.0.0/8"]),
        inbound("ST_c", "+16"),
    )
    found = trunks.match("+3", "+15", "9.9.9.9", "")
    assert found.outcome == "none"
    assert [(f.trunk_id, f.check) for f in found.failed] == [
        ("ST_a", "allowed_numbers"),
        ("ST_b", "allowed_addresses"),
        ("ST_c", "numbers"),
    ]
    assert 'ST_a "st_a": allowed_numbers' in found.text
    assert TrunkTable().match("", "", "", "").text == (
        'No SIP Trunk matched for "": there is no inbound trunk'
    )


def test_a_refused_call_explains_a_bounded_number_of_trunks() -> None:
    trunks = table(*(inbound(f"ST_{n:03}", f"+1{n:03}") for n in range(50)))
    found = trunks.match("", "+2", "9.9.9.9", "")
    assert len(found.failed) == EXPLAINED
    assert found.others == 50 - EXPLAINED
    assert found.text.endswith("30 more")


def test_a_refused_call_looks_at_a_handful_of_trunks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    callers = (inbound(f"ST_{n:05}", callers=(f"+1{n:05}",)) for n in range(10_000))
    trunks = table(*callers)
    looked: list[str] = []
    ids = NumberIndex.ids

    def counting(self: NumberIndex, number: str) -> Iterator[str]:
        for ident in ids(self, number):
            looked.append(ident)
            yield ident

    monkeypatch.setattr(NumberIndex, "ids", counting)
    assert trunks.match("+2", "+3", "9.9.9.9", "").others == 10_000 - EXPLAINED
    assert len(looked) <= EXPLAINED


def test_a_match_looks_at_a_handful_of_trunks(monkeypatch: pytest.MonkeyPatch) -> None:
    trunks = table(*(inbound(f"ST_{n:05}", f"+1{n:05}") for n in range(10_000)))
    looked: list[object] = []
    admits = AddressRule.admits

    def counting(self: AddressRule, source: object, host: str) -> bool:
        looked.append(self)
        return admits(self, source, host)

    monkeypatch.setattr(AddressRule, "admits", counting)
    assert matched(trunks, "+7", "+104321") == "ST_04321"
    assert len(looked) <= 4


def test_a_trunk_in_the_middle_of_a_change_matches_as_it_is_now() -> None:
    trunks = table(inbound("ST_a", "+15"))
    change = trunks.put_inbound(inbound("ST_a", "+16"))
    assert matched(trunks, "", "+15") == "none"
    assert matched(trunks, "", "+16") == "ST_a"
    trunks.inbound.undo(change)
    assert matched(trunks, "", "+15") == "ST_a"


def test_called_number_falls_back_to_the_request_uri() -> None:
    trunks = table(inbound("ST_a", "+15"))
    trunks.put_rule(rule("SDR_a", "+1 6"))
    assert trunks.called_number("+15", "+16") == "+15"
    assert trunks.called_number("+17", "15") == "15"
    assert trunks.called_number("+17", "16") == "16"
    assert trunks.called_number("+17", "+18") == "+17"
    assert trunks.called_number("", "+18") == "+18"
    assert trunks.called_number("+17", "") == "+17"
    assert not trunks.names("")


# --- lists (facts §2.4) -------------------------------------------------------------------------


def ids(items: Iterable[SIPInboundTrunkInfo]) -> list[str]:
    return [item.sip_trunk_id for item in items]


def test_list_inbound() -> None:
    trunks = table(
        inbound("ST_c", "+1 5"), inbound("ST_a", "+16"), inbound("ST_b", callers=("+2",))
    )
    assert ids(trunks.list_inbound()) == ["ST_a", "ST_b", "ST_c"]
    assert ids(trunks.list_inbound(numbers=["15"])) == ["ST_b", "ST_c"]
    assert ids(trunks.list_inbound(trunk_ids=["ST_c", "ST_x", "ST_a"])) == ["ST_a", "ST_c"]
    assert ids(trunks.list_inbound(trunk_ids=["ST_c", "ST_a"], numbers=["16"])) == ["ST_a"]
    assert ids(trunks.list_inbound(page=Pagination(limit=2))) == ["ST_a", "ST_b"]
    assert ids(trunks.list_inbound(page=Pagination(after_id="ST_a", limit=1))) == ["ST_b"]
    assert ids(trunks.list_inbound(numbers=["15"], page=Pagination(after_id="ST_b"))) == ["ST_c"]
    assert ids(trunks.list_inbound(page=Pagination(limit=-3))) == ["ST_a", "ST_b", "ST_c"]


def test_a_page_without_a_limit_has_a_thousand() -> None:
    trunks = table(*(inbound(f"ST_{n:05}", f"+1{n:05}") for n in range(1001)))
    assert len(ids(trunks.list_inbound(page=Pagination()))) == 1000
    assert len(ids(trunks.list_inbound())) == 1001


def test_list_outbound_compares_numbers_literally() -> None:
    trunks = TrunkTable()
    trunks.load(
        [],
        [
            SIPOutboundTrunkInfo(sip_trunk_id="ST_a", numbers=["+1 5"], address="a"),
            SIPOutboundTrunkInfo(sip_trunk_id="ST_b", address="b"),
        ],
        [],
    )
    found = [t.sip_trunk_id for t in trunks.list_outbound(numbers=["+15"])]
    assert found == ["ST_b"]
    assert [t.sip_trunk_id for t in trunks.list_outbound(numbers=["+1 5"])] == ["ST_a", "ST_b"]
    assert [t.sip_trunk_id for t in trunks.list_outbound(["ST_a"])] == ["ST_a"]
    assert len(list(trunks.list_outbound())) == 2


def test_list_rules() -> None:
    trunks = TrunkTable()
    trunks.load([], [], [rule("SDR_b", trunks=("ST_1",)), rule("SDR_a"), rule("SDR_c", "+1")])
    assert [r.sip_dispatch_rule_id for r in trunks.list_rules(trunk_ids=["ST_2"])] == [
        "SDR_a",
        "SDR_c",
    ]
    assert len(list(trunks.list_rules(trunk_ids=["ST_1"]))) == 3
    assert len(list(trunks.list_rules(["SDR_b", "SDR_x"]))) == 1
    assert list(trunks.list_rules(["SDR_b"], ["ST_2"])) == []
    assert len(list(trunks.list_rules(page=Pagination(limit=1)))) == 1
    assert trunks.rule("SDR_b") is not None
    assert trunks.rule("SDR_x") is None


# --- outbound trunks of an inbound call ---------------------------------------------------------


def test_credentials_for_a_challenged_transfer() -> None:
    trunks = TrunkTable()
    trunks.load(
        [],
        [
            SIPOutboundTrunkInfo(sip_trunk_id="ST_1", numbers=["+1 5"], address="none.example"),
            SIPOutboundTrunkInfo(
                sip_trunk_id="ST_2",
                numbers=["15"],
                address="Sip.example:5070",
                auth_username="u",
                auth_password="p",
            ),
            SIPOutboundTrunkInfo(
                sip_trunk_id="ST_3",
                numbers=["16"],
                address="10.0.0.1",
                auth_username="u",
                auth_password="p",
            ),
        ],
        [],
    )

    def of(number: str, *hosts: str) -> str | None:
        found = trunks.outbound_for(number, hosts)
        return found.sip_trunk_id if found is not None else None

    assert of("+15") == "ST_2"
    assert of("+15", "10.0.0.1") == "ST_2"
    assert of("+17", "10.0.0.1") == "ST_3"
    assert of("", "x.example", "sip.example:5060") == "ST_2"
    assert of("", "none.example") is None
    assert trunks.outbound_trunk("ST_9") is None
    assert trunks.knows_address("10.0.0.1")
    assert not trunks.knows_address("10.0.0.2")
    trunks.load([inbound("ST_i", allowed_addresses=["10.0.0.0/24"])], [], [])
    assert trunks.knows_address("10.0.0.2")
    trunks.outbound.settle(trunks.outbound.remove("ST_3"))
    assert of("", "10.0.0.1") is None
    assert trunks.inbound_trunk("ST_i") is not None
    assert trunks.inbound_trunk("ST_x") is None


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("Sip.example.com", "sip.example.com"),
        ("sip.example.com:5070", "sip.example.com"),
        ("[2001:db8::1]:5060", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.1:5060", "10.0.0.1"),
        ("", ""),
    ],
)
def test_host_of(address: str, host: str) -> None:
    assert host_of(address) == host


def test_quoted() -> None:
    assert quoted('a"b') == '"a\\"b"'


PASSWORD: dict[str, Any] = {"auth_username": "u", "auth_password": "p"}


@pytest.mark.parametrize(
    ("trunk", "known"),
    [
        ({"allowed_addresses": ["192.0.2.1"]}, True),
        ({"allowed_addresses": ["192.0.0.0/16"]}, True),
        ({"allowed_addresses": ["192.0.0.0/15"]}, False),
        ({"allowed_addresses": ["0.0.0.0/0"]}, False),
        ({"allowed_addresses": ["::ffff:0.0.0.0/96"]}, False),
        ({"allowed_addresses": ["0.0.0.0/1", "128.0.0.0/1", "::/0"]}, False),
        ({"allowed_addresses": ["0.0.0.0/0", "192.0.2.0/24"]}, True),
        ({"allowed_addresses": ["192.0.2.1"], **PASSWORD}, False),
        ({"allowed_addresses": ["192.0.0.0/16", "198.51.0.0/16"], **PASSWORD}, False),
    ],
)
def test_whom_a_trunk_names(trunk: dict[str, Any], known: bool) -> None:
    """The shield and the rates know its callers; its calls are taken in any case."""
    trunks = table(inbound("ST_1", "+15", **trunk))
    assert trunks.knows_address("192.0.2.1") is known
    assert trunks.knows_address("::ffff:192.0.2.1") is known
    assert matched(trunks, "+2", "+15", "192.0.2.1") == "ST_1"
    trunks.inbound.settle(trunks.inbound.remove("ST_1"))
    assert not trunks.knows_address("192.0.2.1")


@pytest.mark.parametrize(
    ("network", "known"), [("2001:db8::/32", True), ("2001:db8::/31", False), ("::/0", False)]
)
def test_whom_an_ipv6_network_names(network: str, known: bool) -> None:
    trunks = table(inbound("ST_1", "+15", allowed_addresses=[network]))
    assert trunks.knows_address("2001:db8::1") is known


# --- host names in allowed_addresses --------------------------------------------------------------

NAMED: dict[str, Any] = {"allowed_addresses": ["Sip.Carrier.example", "198.51.100.0/24"]}


def resolving(*trunks: SIPInboundTrunkInfo, **answers: str) -> TrunkTable:
    """A table that knows where hosts are: `sip__carrier__example="192.0.2.1"`."""
    made = TrunkTable(resolves=True)
    made.load(trunks, [], [])
    for name, address in answers.items():
        made.hosts.add([name.replace("__", ".")])
        made.hosts.answered(0.0, name.replace("__", "."), [address], True)
    return made


def test_a_host_name_is_compared_with_the_source() -> None:
    trunks = resolving(inbound("ST_1", "+15", **NAMED), sip__carrier__example="192.0.2.1")
    assert matched(trunks, "+2", "+15", "192.0.2.1") == "ST_1"
    assert matched(trunks, "+2", "+15", "::ffff:192.0.2.1", "elsewhere.example") == "ST_1"
    assert matched(trunks, "+2", "+15", "198.51.100.9") == "ST_1"
    assert matched(trunks, "+2", "+15", "9.9.9.9", "sip.carrier.example") == "none"
    assert trunks.names_source("ST_1", "192.0.2.1")
    assert not trunks.names_source("ST_1", "9.9.9.9")
    assert trunks.knows_address("192.0.2.1")
    assert trunks.trusts_from(inbound("ST_1", **NAMED)) == []


def test_the_log_says_which_names_have_no_address() -> None:
    trunks = resolving(inbound("ST_1", "+15", **NAMED))
    found = trunks.match("+2", "+15", "9.9.9.9", "sip.carrier.example")
    assert found.outcome == "none"
    assert 'allowed_addresses; no address of "sip.carrier.example" is known' in found.text
    assert "no address" not in trunks.match("+2", "+16", "9.9.9.9", "").text


def test_the_name_in_from_counts_only_where_names_are_not_resolved() -> None:
    trunk = inbound("ST_1", "+15", **NAMED)
    trunks = table(trunk)
    assert matched(trunks, "+2", "+15", "9.9.9.9", "sip.carrier.example") == "ST_1"
    trunks.hosts.add(["sip.carrier.example"])
    trunks.hosts.answered(0.0, "sip.carrier.example", ["192.0.2.1"], True)
    assert matched(trunks, "+2", "+15", "192.0.2.1") == "none"
    assert not trunks.names_source("ST_1", "192.0.2.1")
    assert trunks.trusts_from(trunk) == ["sip.carrier.example"]


def test_an_outbound_trunks_name_is_known_by_its_addresses() -> None:
    trunks = resolving(inbound("ST_1", "+15", **NAMED, **PASSWORD))
    trunks.hosts.answered(0.0, "sip.carrier.example", ["192.0.2.1"], True)
    assert matched(trunks, "+2", "+15", "192.0.2.1") == "ST_1"
    assert not trunks.knows_address("192.0.2.1")
    out = SIPOutboundTrunkInfo(
        sip_trunk_id="ST_o",
        numbers=["+1"],
        address="sip.carrier.example:5080",
        auth_username="u",
        auth_password="p",
    )
    change = trunks.put_outbound(out)
    assert trunks.knows_address("192.0.2.1")
    assert trunks.outbound_for("", ["192.0.2.1"]) == out
    trunks.outbound.undo(change)
    assert not trunks.knows_address("192.0.2.1")


def test_names_are_asked_for_as_long_as_a_trunk_has_them() -> None:
    trunks = TrunkTable(resolves=True)
    trunks.put_inbound(inbound("ST_1", "+15", **NAMED))
    trunks.put_outbound(SIPOutboundTrunkInfo(sip_trunk_id="ST_o", numbers=["+1"], address="out.a"))
    trunks.put_outbound(
        SIPOutboundTrunkInfo(sip_trunk_id="ST_p", numbers=["+1"], address="1.2.3.4")
    )
    assert trunks.hosts.due(0.0, 9) == ["sip.carrier.example", "out.a"]
    trunks.inbound.settle(trunks.inbound.remove("ST_1"))
    trunks.outbound.settle(trunks.outbound.remove("ST_o"))
    trunks.put_inbound(inbound("ST_1", "+15", **NAMED))
    assert trunks.hosts.due(0.0, 9) == ["sip.carrier.example"]
