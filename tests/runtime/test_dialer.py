"""Outbound calls through the real server to telephones on loopback (calls.md §4, facts §5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason
from tests.support.lab import Lab, run

from hookflash.carrier.phone import Behaviour, Phone

NUMBER, CALLEE, OTHER = "+15550000009", "+14150000001", "+14150000002"
LOW, HIGH = 330.0, 550.0
DIALTONE = 425.0


async def trunk_to(lab: Lab, phone: Phone, **fields: Any) -> str:
    """An outbound trunk whose carrier is that phone; its id."""
    host, port = phone.address
    info = api.SIPOutboundTrunkInfo(
        name="out", **{"address": f"{host}:{port}", "numbers": [NUMBER], **fields}
    )
    trunk = await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
    return trunk.sip_trunk_id


async def dial(lab: Lab, trunk: str, **fields: Any) -> api.SIPParticipantInfo:
    """CreateSIPParticipant to `CALLEE` in the lobby."""
    request = api.CreateSIPParticipantRequest(
        sip_trunk_id=trunk, **{"sip_call_to": CALLEE, "room_name": "lobby", **fields}
    )
    return await lab.api.sip.create_sip_participant(request)


async def status(lab: Lab, wanted: str) -> dict[str, str]:
    """Wait for sip.callStatus of the only participant; its attributes."""
    async with asyncio.timeout(5):
        while True:
            (one,) = await lab.participants()
            if one.attributes["sip.callStatus"] == wanted:
                return dict(one.attributes)
            await lab.events.wait_for("AttributesChanged", 1)
            await asyncio.sleep(0)


def test_a_call_is_placed_answered_and_heard() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=LOW)
        other = await lab.carrier.phone(OTHER, tone=HIGH)
        trunk = await trunk_to(lab, phone)
        info = await dial(lab, trunk, wait_until_answered=True)
        assert info.participant_identity == f"sip_{CALLEE}"
        assert (info.room_name, info.sip_call_id[:4]) == ("lobby", "SCL_")
        call = await phone.called()
        attributes = await status(lab, "active")
        assert attributes["sip.callID"] == info.sip_call_id
        assert attributes["sip.trunkID"] == trunk
        assert attributes["sip.phoneNumber"] == CALLEE
        assert attributes["sip.trunkPhoneNumber"] == NUMBER
        assert attributes["sip.hostname"] == "{}:{}".format(*phone.address)
        assert attributes["hookflash.codec"] == "PCMU"
        assert call.dialog is not None
        assert attributes["sip.callTag"] == call.dialog.local_tag
        assert attributes["sip.callIDFull"] == call.dialog.call_id
        await dial(
            lab,
            await trunk_to(lab, other),
            sip_call_to=OTHER,
            wait_until_answered=True,
        )
        second = await other.called()
        await asyncio.gather(call.hears(HIGH), second.hears(LOW))
        await call.hang_up()
        await lab.events.wait_for("call ended")
        record = lab.events.calls[0]
        assert (record.direction, record.caller, record.called) == ("outbound", NUMBER, CALLEE)
        assert (record.answer_status, record.ended_by, record.end_reason) == (200, "remote", "bye")
        assert (record.trunk_id, record.identity) == (trunk, f"sip_{CALLEE}")

    run(check)


def test_a_busy_phone() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=Behaviour(answer=486))
        trunk = await trunk_to(lab, phone)
        with pytest.raises(api.TwirpError) as caught:
            await dial(lab, trunk, wait_until_answered=True)
        error = caught.value
        assert (error.code, error.status) == ("resource_exhausted", 429)
        assert error.message.endswith("INVITE failed: sip status: 486: Busy Here")
        assert error.metadata["sip_status_code"] == "486"
        await lab.events.wait_for("call ended")
        (record,) = lab.events.calls
        assert (record.answer_status, record.end_reason) == (486, "refused with 486")
        assert not await lab.participants()

    run(check)
