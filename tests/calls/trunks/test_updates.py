from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
from livekit.protocol.models import ListUpdate
from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleInfo,
    SIPDispatchRuleUpdate,
    SIPInboundTrunkInfo,
    SIPInboundTrunkUpdate,
    SIPMediaConfig,
    SIPMediaEncryption,
    SIPOutboundTrunkInfo,
    SIPOutboundTrunkUpdate,
    SIPTransport,
)

from hookflash.base.errors import ApiError
from hookflash.calls.trunks.updates import (
    replace_rule,
    replace_trunk,
    update_inbound,
    update_list,
    update_outbound,
    update_rule,
)

ALLOW = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW
REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
INBOUND = SIPInboundTrunkInfo(sip_trunk_id="ST_a", name="n", metadata="m", numbers=["+1", "+2"])
OUTBOUND = SIPOutboundTrunkInfo(sip_trunk_id="ST_b", address="h", numbers=["+1"])
RULE = SIPDispatchRuleInfo(
    sip_dispatch_rule_id="SDR_a",
    rule=SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name="r")),
    attributes={"a": "1", "b": "2"},
    trunk_ids=["ST_a"],
)


@pytest.mark.parametrize(
    ("update", "after"),
    [
        (ListUpdate(clear=True), []),
        (ListUpdate(set=["c"]), ["c"]),
        (ListUpdate(add=["c", "a"]), ["a", "b", "a", "c"]),
        (ListUpdate(remove=["a", "x"]), ["b", "a"]),
        (ListUpdate(add=["a"], remove=["a", "a"]), ["b", "a"]),
    ],
)
def test_list_updates(update: ListUpdate, after: list[str]) -> None:
    assert update_list(["a", "b", "a"], update) == after


@pytest.mark.parametrize(
    ("update", "text"),
    [
        (ListUpdate(), "unsupported list update operation"),
        (ListUpdate(clear=True, add=["a"]), "cannot clear and change the list at the same time"),
        (ListUpdate(clear=True, set=["a"]), "cannot clear and change the list at the same time"),
        (ListUpdate(set=["a"], remove=["b"]), "cannot set and change the list at the same time"),
        (ListUpdate(add=["a", ""]), "empty element in the list"),
        (ListUpdate(set=[""]), "empty element in the list"),
        (ListUpdate(remove=[""]), "empty element in the list"),
    ],
)
def test_bad_list_updates(update: ListUpdate, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        update_list([], update)
    assert caught.value.msg == text


def test_a_list_update_takes_time_by_the_length_and_not_its_square() -> None:
    numbers = [f"+1{number:09}" for number in range(100_000)]
    began = perf_counter()
    assert update_list([], ListUpdate(add=numbers * 2)) == numbers
    assert update_list(numbers, ListUpdate(remove=numbers[:0:-1])) == numbers[:1]
    assert perf_counter() - began < 5


def test_only_what_is_present_changes() -> None:
    new = update_inbound(
        INBOUND, SIPInboundTrunkUpdate(metadata="", allowed_numbers=ListUpdate(set=["+3"]))
    )
    assert (new.name, new.metadata) == ("n", "")
    assert list(new.numbers) == ["+1", "+2"]
    assert list(new.allowed_numbers) == ["+3"]
    assert new.HasField("media")
    assert INBOUND.metadata == "m"
    assert not INBOUND.HasField("media")


def test_media_and_the_deprecated_field() -> None:
    new = update_inbound(INBOUND, SIPInboundTrunkUpdate(media_encryption=REQUIRE))
    assert (new.media.encryption, new.media_encryption) == (REQUIRE, REQUIRE)
    new = update_inbound(new, SIPInboundTrunkUpdate(media=SIPMediaConfig(encryption=ALLOW)))
    assert (new.media.encryption, new.media_encryption) == (ALLOW, ALLOW)
    both = SIPInboundTrunkUpdate(media_encryption=REQUIRE, media=SIPMediaConfig(encryption=ALLOW))
    assert update_inbound(new, both).media.encryption == ALLOW


def test_an_enum_takes_no_other_number() -> None:
    unknown = SIPMediaConfig(encryption=7)  # type: ignore[arg-type]
    number: Any = 7
    refused: list[Callable[[], object]] = [
        lambda: update_inbound(INBOUND, SIPInboundTrunkUpdate(media_encryption=number)),
        lambda: update_outbound(OUTBOUND, SIPOutboundTrunkUpdate(transport=number)),
        lambda: update_rule(RULE, SIPDispatchRuleUpdate(media=unknown)),
        lambda: replace_trunk("ST_a", SIPInboundTrunkInfo(numbers=["+9"], media=unknown)),
        lambda: replace_rule("SDR_a", SIPDispatchRuleInfo(rule=RULE.rule, media=unknown)),
    ]
    for change in refused:
        with pytest.raises(ApiError, match="has no value 7"):
            change()


def test_an_update_may_not_open_a_trunk() -> None:
    with pytest.raises(ApiError) as caught:
        update_inbound(INBOUND, SIPInboundTrunkUpdate(numbers=ListUpdate(clear=True)))
    assert caught.value.msg.startswith("twirp error unknown: for security")
    with pytest.raises(ApiError, match="invalid_argument: auth_username and"):
        update_inbound(INBOUND, SIPInboundTrunkUpdate(auth_username="u"))
    both = update_inbound(INBOUND, SIPInboundTrunkUpdate(auth_username="u", auth_password="p"))
    assert both.auth_password == "p"


def test_outbound() -> None:
    new = update_outbound(
        OUTBOUND,
        SIPOutboundTrunkUpdate(
            transport=SIPTransport.SIP_TRANSPORT_TLS, numbers=ListUpdate(add=["+2"]), from_host="f"
        ),
    )
    assert (new.from_host, new.address) == ("f", "h")
    assert new.transport == SIPTransport.SIP_TRANSPORT_TLS
    assert list(new.numbers) == ["+1", "+2"]
    with pytest.raises(ApiError, match="no outbound address specified"):
        update_outbound(OUTBOUND, SIPOutboundTrunkUpdate(address=""))


def test_rule() -> None:
    callee = SIPDispatchRule()
    callee.dispatch_rule_callee.room_prefix = "p"
    new = update_rule(
        RULE,
        SIPDispatchRuleUpdate(
            rule=callee,
            name="x",
            attributes={"a": "", "c": "3", "z": ""},
            trunk_ids=ListUpdate(clear=True),
        ),
    )
    assert dict(new.attributes) == {"b": "2", "c": "3"}
    assert new.rule == callee
    assert (new.name, len(new.trunk_ids)) == ("x", 0)
    assert dict(RULE.attributes) == {"a": "1", "b": "2"}


def test_replace_keeps_the_id() -> None:
    inbound = replace_trunk("ST_a", SIPInboundTrunkInfo(numbers=["+9"]))
    assert (inbound.sip_trunk_id, inbound.name) == ("ST_a", "")
    outbound = replace_trunk("ST_b", OUTBOUND)
    assert outbound == OUTBOUND
    assert outbound is not OUTBOUND
    assert replace_rule("SDR_a", RULE) == RULE


def test_replace_with_another_id_is_refused() -> None:
    trunk_text = "trunk id in the info must be empty or match the id in the update"
    rule_text = "rule id in the info must be empty or match the id in the update"
    with pytest.raises(ApiError, match=trunk_text):
        replace_trunk("ST_x", INBOUND)
    with pytest.raises(ApiError, match=trunk_text):
        replace_trunk("ST_x", OUTBOUND)
    with pytest.raises(ApiError, match=rule_text):
        replace_rule("SDR_x", RULE)
    with pytest.raises(ApiError, match="missing rule"):
        replace_rule("SDR_x", SIPDispatchRuleInfo())
