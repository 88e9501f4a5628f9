"""carrier.md §3: which trunk says whom a transfer is told to, and what the call adds."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from hookflash.adapters.presets import PRESETS
from hookflash.base.errors import ApiError
from hookflash.calls.admission import CallPlan
from hookflash.calls.dispatch import NOWHERE, CallParties
from hookflash.calls.transfers.request import TransferRequest
from hookflash.calls.trunks.table import TrunkTable
from hookflash.exchange.call import Call
from hookflash.exchange.provider_target import headers_for_provider, told_to_provider
from hookflash.sip.refer import parse_target

OURS, CALLER = "+14155550199", "+15105550111"
REQUEST = TransferRequest(
    room="lobby",
    identity="caller",
    target=parse_target("tel:+15105550100"),
    headers=(("X-Reason", "billing"),),
    play_dialtone=False,
    ringing_timeout=30.0,
    wait=None,
    api_key="key",
    request_id="",
)


def for_provider(trunks: TrunkTable, call: Call, request: TransferRequest) -> TransferRequest:
    """Target and headers, as the API asks for them one after another."""
    told = told_to_provider(trunks, call, request)
    headers = headers_for_provider(trunks, call, told.headers)
    return told if headers is told.headers else replace(told, headers=headers)


def call(
    trunk_id: str, caller: str = CALLER, called: str = OURS, host: str = "pbx.example"
) -> Call:
    """What is asked of a call: its plan."""
    plan = CallPlan(
        "SCL_1", None, CallParties(trunk_id, caller, called), host, NOWHERE, authenticated=False
    )
    return cast(Call, SimpleNamespace(plan=plan, trunk_id=trunk_id))


def trunks(**metadata: str) -> TrunkTable:
    """ST_in and ST_out, with this metadata."""
    made = TrunkTable(presets=PRESETS)
    text = json.dumps({f"hookflash.{key}": value for key, value in metadata.items()})
    made.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_in", numbers=[OURS], metadata=text))
    made.put_outbound(outbound("ST_out", "sip.carrier.example", text))
    return made


def outbound(ident: str, address: str, metadata: str = "", **more: Any) -> SIPOutboundTrunkInfo:
    return SIPOutboundTrunkInfo(
        sip_trunk_id=ident, numbers=["1 415 555 0199"], address=address, metadata=metadata, **more
    )


@pytest.mark.parametrize("trunk_id", ["ST_in", "ST_out", "", "ST_gone"])
def test_without_a_provider_nothing_changes(trunk_id: str) -> None:
    assert for_provider(trunks(), call(trunk_id), REQUEST) is REQUEST
    if trunk_id in {"", "ST_gone"}:
        assert for_provider(trunks(provider="telnyx"), call(trunk_id), REQUEST) is REQUEST


def test_target_and_headers_of_a_provider() -> None:
    told = for_provider(trunks(provider="telnyx"), call("ST_in"), REQUEST)
    assert told.target.uri == "sip:+15105550100@sip.telnyx.com"
    assert told.target.asked == "tel:+15105550100"
    assert told.provider == "telnyx"
    assert told.headers == (
        ("Diversion", f"<sip:{OURS}@sip.telnyx.com>"),
        ("X-Reason", "billing"),
    )


def test_the_number_of_ours_in_a_call_of_ours_is_the_one_that_we_show() -> None:
    out = call("ST_out", caller=OURS, called=CALLER)
    told = for_provider(trunks(provider="telnyx"), out, REQUEST)
    assert dict(told.headers)["Diversion"] == f"<sip:{OURS}@sip.telnyx.com>"


def test_the_domain_comes_from_the_outbound_trunk_that_has_the_number() -> None:
    made = trunks(provider="plivo")
    made.put_outbound(outbound("ST_z", "42.zt.plivo.com:5061"))
    told = for_provider(made, call("ST_in"), REQUEST)
    assert told.target.uri == "sip:+15105550100@42.zt.plivo.com"


def test_a_call_of_ours_has_the_domain_of_its_own_trunk() -> None:
    made = TrunkTable(presets=PRESETS)
    text = json.dumps({"hookflash.provider": "plivo"})
    made.put_outbound(outbound("ST_out", "42.zt.plivo.com", text, destination_country="de"))
    out = call("ST_out", caller="agent", called=CALLER, host="42.zt.plivo.com")
    national = replace(REQUEST, target=parse_target("tel:030-12345678"))
    told = for_provider(made, out, national)
    assert told.target.uri == "sip:+493012345678@42.zt.plivo.com"


def test_an_exchange_of_ones_own_is_told_its_own_name() -> None:
    made = TrunkTable(presets=PRESETS)
    text = json.dumps({"hookflash": {"provider": "asterisk"}})
    made.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_in", numbers=[OURS], metadata=text))
    assert for_provider(made, call("ST_in"), REQUEST).target.uri == "sip:+15105550100@pbx.example"


def test_a_refusal_is_told_as_others_of_the_sip_service() -> None:
    with pytest.raises(ApiError) as caught:
        for_provider(trunks(provider="exotel"), call("ST_in"), REQUEST)
    assert caught.value.code == "failed_precondition"
    assert caught.value.msg.startswith("twirp error unknown: exotel knows no REFER")


def test_the_trunk_counts_as_it_is_now() -> None:
    made = trunks(provider="telnyx")
    made.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_in", numbers=[OURS]))
    assert for_provider(made, call("ST_in"), REQUEST) is REQUEST
