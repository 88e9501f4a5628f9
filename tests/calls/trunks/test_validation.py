from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from livekit.protocol.sip import (
    SIPCodec,
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPOutboundConfig,
    SIPOutboundTrunkInfo,
)

from hookflash.base.errors import ApiError
from hookflash.calls.trunks.validation import (
    HALF_CREDENTIALS,
    MOST_COMBINATIONS,
    OPEN_TRUNK,
    check_inbound,
    check_new_rule,
    check_new_trunk,
    check_outbound,
    check_outbound_config,
    check_rule,
)

BAD_MEDIA = SIPMediaConfig(codecs=[SIPCodec()])
UNKNOWN = SIPMediaConfig(encryption=7)  # type: ignore[arg-type]


def refusal(check: Callable[[], object]) -> str:
    with pytest.raises(ApiError) as caught:
        check()
    assert caught.value.code == "invalid_argument"
    return caught.value.msg


def test_new_trunks() -> None:
    nothing: SIPInboundTrunkInfo | None = None
    assert refusal(lambda: check_new_trunk(nothing)) == "missing trunk"
    inbound = SIPInboundTrunkInfo(sip_trunk_id="ST_a", numbers=["+1"])
    assert refusal(lambda: check_new_trunk(inbound)) == "trunk id must not be set"
    outbound = SIPOutboundTrunkInfo(sip_trunk_id="ST_a")
    assert refusal(lambda: check_new_trunk(outbound)) == "trunk id must not be set"
    good = SIPInboundTrunkInfo(numbers=["+1"])
    assert check_new_trunk(good) is good


INBOUND_ORDER: list[tuple[SIPInboundTrunkInfo, str]] = [
    (SIPInboundTrunkInfo(), OPEN_TRUNK),
    (SIPInboundTrunkInfo(auth_username="u"), HALF_CREDENTIALS),
    (SIPInboundTrunkInfo(auth_password="p", numbers=["+1"]), HALF_CREDENTIALS),
    (
        SIPInboundTrunkInfo(numbers=["+1"], media=BAD_MEDIA, headers={"X Y": ""}),
        "missing codec name",
    ),
    (
        SIPInboundTrunkInfo(
            numbers=["+1"], headers={"via": "x"}, attributes_to_headers={"a": "X Y"}
        ),
        "invalid header name: header name via not supported",
    ),
    (
        SIPInboundTrunkInfo(
            numbers=["+1"], attributes_to_headers={"a": ""}, headers_to_attributes={"X Y": "a"}
        ),
        "invalid header name: header name cannot be empty",
    ),
    (
        SIPInboundTrunkInfo(numbers=["+1"], headers_to_attributes={"X Y": "a"}),
        "invalid header name: header name X Y contains invalid characters: char 32 not allowed",
    ),
    (
        SIPInboundTrunkInfo(numbers=["+1"], media_encryption=7),  # type: ignore[arg-type]
        "media_encryption has no value 7",
    ),
]


@pytest.mark.parametrize(("trunk", "text"), INBOUND_ORDER)
def test_inbound_in_order(trunk: SIPInboundTrunkInfo, text: str) -> None:
    assert refusal(lambda: check_inbound(trunk)) == text


def test_good_inbound_trunks() -> None:
    check_inbound(SIPInboundTrunkInfo(auth_username="u", auth_password="p"))
    check_inbound(SIPInboundTrunkInfo(allowed_addresses=["1.1.1.1"]))
    check_inbound(
        SIPInboundTrunkInfo(
            numbers=["+1"],
            headers={"X-A": "é", "Route": "<sip:a>"},
            headers_to_attributes={"From": "from"},
            attributes_to_headers={"a": "From"},
        )
    )


OUTBOUND = {"numbers": ["+1"], "address": "h"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"numbers": []}, "no trunk numbers specified"),
        ({"address": ""}, "no outbound address specified"),
        (
            {"address": "h;Transport=tcp"},
            "trunk address should not contain transport parameter",
        ),
        ({"address": "u@h"}, "trunk address should be a hostname or IP, not SIP URI"),
        ({"address": "SIPS:h"}, "trunk address should be a hostname or IP, not SIP URI"),
        ({"address": "h;x"}, "trunk address should be a hostname or IP, not SIP URI"),
        ({"from_host": "transport=tcp"}, "from_host should not contain transport parameter"),
        ({"from_host": "sip:h"}, "from_host should be a hostname or IP, not SIP URI"),
        ({"headers": {"": "x"}}, "invalid header name: header name cannot be empty"),
        ({"headers_to_attributes": {"": "x"}}, "invalid header name: header name cannot be empty"),
        ({"media": BAD_MEDIA}, "missing codec name"),
        ({"media": UNKNOWN}, "encryption has no value 7"),
        ({"transport": 9}, "transport has no value 9"),
    ],
)
def test_outbound(changes: dict[str, object], text: str) -> None:
    trunk = SIPOutboundTrunkInfo(**{**OUTBOUND, **changes})  # type: ignore[arg-type]
    assert refusal(lambda: check_outbound(trunk)) == text


def test_good_outbound_trunk() -> None:
    trunk = SIPOutboundTrunkInfo(numbers=["+1"], address="h:5070", from_host="f")
    assert check_new_trunk(trunk) is trunk


def test_inline_trunk() -> None:
    assert refusal(lambda: check_outbound_config(SIPOutboundConfig())) == (
        "no outbound hostname specified"
    )
    for host, text in (
        ("h;transport=udp", "trunk hostname should not contain transport parameter"),
        ("sip:h", "trunk hostname should be a hostname or IP, not SIP URI"),
    ):
        config = SIPOutboundConfig(hostname=host)
        assert refusal(partial(check_outbound_config, config)) == text
    mapped = SIPOutboundConfig(hostname="h", attributes_to_headers={"a": ""})
    assert refusal(lambda: check_outbound_config(mapped)).endswith("cannot be empty")
    unknown = SIPOutboundConfig(hostname="h", transport=9)  # type: ignore[arg-type]
    assert refusal(lambda: check_outbound_config(unknown)) == "transport has no value 9"
    check_outbound_config(SIPOutboundConfig(hostname="h", from_host="f"))


def test_rules() -> None:
    assert refusal(lambda: check_new_rule(SIPDispatchRuleInfo(sip_dispatch_rule_id="x"))) == (
        "rule id must not be set"
    )
    assert refusal(lambda: check_new_rule(SIPDispatchRuleInfo())) == "missing rule"
    bad = SIPDispatchRuleInfo(rule=SIPDispatchRule(), media=BAD_MEDIA)
    assert refusal(lambda: check_new_rule(bad)) == "missing codec name"
    bad = SIPDispatchRuleInfo(rule=SIPDispatchRule(), media_encryption=7)  # type: ignore[arg-type]
    assert refusal(lambda: check_new_rule(bad)) == "media_encryption has no value 7"
    check_new_rule(SIPDispatchRuleInfo(rule=SIPDispatchRule()))


def test_lists_of_trunks_and_rules_are_counted_before_they_are_walked() -> None:
    """The same number again and again makes no combination, and is walked for it."""
    numbers = ["+1"] * (MOST_COMBINATIONS + 1)
    rule = SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name="r"))
    for check, what in (
        (partial(check_inbound, SIPInboundTrunkInfo(numbers=numbers)), "numbers"),
        (
            partial(check_inbound, SIPInboundTrunkInfo(numbers=["+1"], allowed_numbers=numbers)),
            "allowed_numbers",
        ),
        (
            partial(check_inbound, SIPInboundTrunkInfo(numbers=["+1"], allowed_addresses=numbers)),
            "allowed_addresses",
        ),
        (partial(check_outbound, SIPOutboundTrunkInfo(numbers=numbers, address="a")), "numbers"),
        (partial(check_rule, SIPDispatchRuleInfo(rule=rule, trunk_ids=numbers)), "trunk_ids"),
        (partial(check_rule, SIPDispatchRuleInfo(rule=rule, numbers=numbers)), "numbers"),
        (
            partial(check_rule, SIPDispatchRuleInfo(rule=rule, inbound_numbers=numbers)),
            "inbound_numbers",
        ),
    ):
        assert refusal(check) == f"too many {what} (max {MOST_COMBINATIONS})"
    check_inbound(SIPInboundTrunkInfo(numbers=numbers[:-1]))


@pytest.mark.parametrize(("size", "refused"), [(500, False), (501, True)])
def test_what_is_kept_of_trunks_and_rules_has_an_end(size: int, refused: bool) -> None:
    """Their lists multiply: each combination is kept."""
    first, second = ([f"+{each}{number}" for number in range(size)] for each in (1, 2))
    trunk = SIPInboundTrunkInfo(numbers=first, allowed_numbers=second)
    rule = SIPDispatchRuleInfo(
        rule=SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name="r")),
        trunk_ids=first,
        numbers=second,
    )
    for check in (partial(check_inbound, trunk), partial(check_rule, rule)):
        if not refused:
            check()
            continue
        assert refusal(check) == (
            f"too many combinations of trunks and numbers: {size**2} (max {MOST_COMBINATIONS})"
        )
