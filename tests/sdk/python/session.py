"""A user's session on any release of livekit-api.

What to do comes as JSON in the first argument, what came of it is printed as one line of JSON a
step. An exception that is not one of the SDK's own, or one that nobody expects, ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.protocol import sip as proto

FIELDS = (
    *("code", "message", "status", "metadata"),
    *("sip_status_code", "sip_status", "sip_transfer_reason", "sip_transfer_id"),
)
"""What an error of some release has."""
OLD = not hasattr(api.TwirpError, "status")
"""Before 1.0: no updates, errors without metadata."""


def tell(step: str, **fields: Any) -> None:
    """One line."""
    print(json.dumps({"step": step, **fields}), flush=True)  # noqa: T201


def fault(error: api.TwirpError) -> dict[str, Any]:
    """Its class, what it is a kind of, and its fields."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    fields = {name: getattr(error, name) for name in FIELDS if hasattr(error, name)}
    return {"class": type(error).__name__, "kinds": kinds, "text": str(error), **fields}


class Session:
    """One client, one plan."""

    def __init__(self, lkapi: api.LiveKitAPI, plan: dict[str, str]) -> None:
        self.api = lkapi
        self.plan = plan

    async def trunks(self) -> tuple[str, str]:
        """Create, change and list; the ids of an inbound and an outbound one."""
        plan, sip = self.plan, self.api.sip
        trunk = proto.SIPInboundTrunkInfo(name=f"in of {plan['room']}", numbers=[plan["number"]])
        inbound = await sip.create_sip_inbound_trunk(
            proto.CreateSIPInboundTrunkRequest(trunk=trunk)
        )
        outbound = await sip.create_sip_outbound_trunk(
            proto.CreateSIPOutboundTrunkRequest(
                trunk=proto.SIPOutboundTrunkInfo(
                    name=f"out of {plan['room']}",
                    address=plan["callee_at"],
                    numbers=[plan["number"]],
                )
            )
        )
        updated = inbound
        if not OLD:
            updated = await sip.update_sip_inbound_trunk_fields(
                inbound.sip_trunk_id, name="renamed"
            )
        ins = await sip.list_sip_inbound_trunk(proto.ListSIPInboundTrunkRequest())
        outs = await sip.list_sip_outbound_trunk(proto.ListSIPOutboundTrunkRequest())
        tell(
            "trunks",
            inbound=inbound.sip_trunk_id,
            outbound=outbound.sip_trunk_id,
            listed=[
                *(item.sip_trunk_id for item in ins.items),
                *(item.sip_trunk_id for item in outs.items),
            ],
            name=inbound.name,
            numbers=list(updated.numbers),
            updated=None if OLD else updated.name,
        )
        return inbound.sip_trunk_id, outbound.sip_trunk_id

    async def rule(self, trunk: str) -> str:
        """Create, change and list; its id."""
        plan, sip = self.plan, self.api.sip
        direct = proto.SIPDispatchRuleDirect(room_name=plan["room"])
        rule = await sip.create_sip_dispatch_rule(
            proto.CreateSIPDispatchRuleRequest(
                name=f"rule of {plan['room']}",
                trunk_ids=[trunk],
                rule=proto.SIPDispatchRule(dispatch_rule_direct=direct),
            )
        )
        updated = rule
        if not OLD:
            updated = await sip.update_sip_dispatch_rule_fields(
                rule.sip_dispatch_rule_id, name="renamed"
            )
        listed = await sip.list_sip_dispatch_rule(proto.ListSIPDispatchRuleRequest())
        tell(
            "rule",
            rule=rule.sip_dispatch_rule_id,
            listed=[item.sip_dispatch_rule_id for item in listed.items],
            room=updated.rule.dispatch_rule_direct.room_name,
            updated=None if OLD else updated.name,
        )
        return rule.sip_dispatch_rule_id

    async def active(self, identity: str = "") -> Any:
        """Wait until a phone is up in the room, with only the list to go by."""
        for _ in range(200):
            request = api.ListParticipantsRequest(room=self.plan["room"])
            for one in (await self.api.room.list_participants(request)).participants:
                if identity in ("", one.identity) and one.attributes["sip.callStatus"] == "active":
                    return one
            await asyncio.sleep(0.05)
        raise AssertionError(f"nobody is active in {self.plan['room']}")

    async def transfer(self, identity: str, target: str, ring: int = 0) -> dict[str, Any]:
        """What came of it."""
        request = proto.TransferSIPParticipantRequest(
            room_name=self.plan["room"], participant_identity=identity, transfer_to=target
        )
        if ring:
            request.ringing_timeout.CopyFrom(Duration(seconds=ring))
        try:
            answer: Any = await self.api.sip.transfer_sip_participant(request)
        except api.TwirpError as error:
            return fault(error)
        # Releases before 1.2 read the answer as a SIPParticipantInfo.
        old = getattr(answer, "participant_id", "")
        return {"class": "", "transfer_id": getattr(answer, "transfer_id", old)}

    async def dial(self, callee: str, identity: str, **trunk: Any) -> proto.SIPParticipantInfo:
        """Place a call and wait for the answer."""
        return await self.api.sip.create_sip_participant(
            proto.CreateSIPParticipantRequest(
                sip_number=self.plan["number"],
                sip_call_to=callee,
                room_name=self.plan["room"],
                participant_identity=identity,
                wait_until_answered=True,
                ringing_timeout=Duration(seconds=8),
                **trunk,
            )
        )

    async def calls(self, trunk: str) -> None:
        """What is done with calls."""
        plan = self.plan
        caller = await self.active()
        kind = api.ParticipantInfo.Kind.Name(caller.kind)
        attributes = dict(caller.attributes)
        tell("participant", identity=caller.identity, kind=kind, attributes=attributes)
        tell("busy", **await self.transfer(caller.identity, plan["busy"]))
        tell("transferred", **await self.transfer(caller.identity, plan["free"]))
        inline = proto.SIPOutboundConfig(hostname=plan["busy_callee_at"])
        try:
            await self.dial(plan["busy_callee"], "busy", trunk=inline)
        except api.TwirpError as error:
            tell("dial_busy", **fault(error))
        info = await self.dial(plan["callee"], "callee", sip_trunk_id=trunk)
        tell(
            "dialled",
            sip_call_id=info.sip_call_id,
            identity=info.participant_identity,
            room=info.room_name,
        )
        callee = await self.active("callee")
        kind = api.ParticipantInfo.Kind.Name(callee.kind)
        tell("callee", kind=kind, attributes=dict(callee.attributes))
        tell("timeout", **await self.transfer("callee", plan["silent"], 1))
        await self.api.room.remove_participant(
            api.RoomParticipantIdentity(room=plan["room"], identity="callee")
        )

    async def clean(self, rule: str, *trunks: str) -> None:
        """Delete everything."""
        sip = self.api.sip
        deleted = await sip.delete_sip_dispatch_rule(
            proto.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule)
        )
        gone = [
            (await sip.delete_sip_trunk(proto.DeleteSIPTrunkRequest(sip_trunk_id=one))).sip_trunk_id
            for one in trunks
        ]
        left = await sip.list_sip_inbound_trunk(proto.ListSIPInboundTrunkRequest())
        still = trunks[0] in [item.sip_trunk_id for item in left.items]
        tell("deleted", rule=deleted.name, trunks=gone, left=still)


async def main(plan: dict[str, str]) -> None:
    """Everything, in order."""
    async with api.LiveKitAPI() as lkapi:
        session = Session(lkapi, plan)
        inbound, outbound = await session.trunks()
        rule = await session.rule(inbound)
        tell("ready")
        await session.calls(outbound)
        await session.clean(rule, inbound, outbound)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
