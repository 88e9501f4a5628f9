"""A user's program on any release of livekit-api; run by test_sdks.py in that release's venv.

    user.py prepare URL KEY SECRET NUMBER ROOM      makes trunk and rule, lists both
    user.py transfer URL KEY SECRET ROOM IDENTITY   lists the room, transfers the caller
    user.py verify KEY SECRET FILE                  verifies webhooks, one JSON a line

Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from livekit import api
from livekit.protocol import sip as proto


async def prepare(url: str, key: str, secret: str, number: str, room: str) -> dict[str, Any]:
    """Trunk and rule by the names that every release has."""
    async with api.LiveKitAPI(url, key, secret) as lkapi:
        trunk = await lkapi.sip.create_sip_inbound_trunk(
            proto.CreateSIPInboundTrunkRequest(
                trunk=proto.SIPInboundTrunkInfo(
                    name=f"trunk of {room}", numbers=[number], headers_to_attributes={"X-A": "a"}
                )
            )
        )
        rule = await lkapi.sip.create_sip_dispatch_rule(
            proto.CreateSIPDispatchRuleRequest(
                trunk_ids=[trunk.sip_trunk_id],
                rule=proto.SIPDispatchRule(
                    dispatch_rule_direct=proto.SIPDispatchRuleDirect(room_name=room)
                ),
            )
        )
        trunks = await lkapi.sip.list_sip_inbound_trunk(proto.ListSIPInboundTrunkRequest())
        rules = await lkapi.sip.list_sip_dispatch_rule(proto.ListSIPDispatchRuleRequest())
        return {
            "trunk": trunk.sip_trunk_id,
            "rule": rule.sip_dispatch_rule_id,
            "trunks": [item.sip_trunk_id for item in trunks.items],
            "rules": [item.sip_dispatch_rule_id for item in rules.items],
            "name": next(
                item.name for item in trunks.items if item.sip_trunk_id == trunk.sip_trunk_id
            ),
        }


async def transfer(url: str, key: str, secret: str, room: str, identity: str) -> dict[str, Any]:
    """Transfer the caller, as the examples of LiveKit's documentation do."""
    async with api.LiveKitAPI(url, key, secret) as lkapi:
        listed = await lkapi.room.list_participants(api.ListParticipantsRequest(room=room))
        assert identity in [one.identity for one in listed.participants], listed
        request = proto.TransferSIPParticipantRequest(
            room_name=room, participant_identity=identity, transfer_to="tel:+15105550100"
        )
        try:
            answer: Any = await lkapi.sip.transfer_sip_participant(request)
        except api.TwirpError as error:
            return {
                "error": type(error).__name__,
                "code": error.code,
                "message": error.message,
                "metadata": dict(getattr(error, "metadata", {})),
            }
        # Releases before 1.2 read the answer as a SIPParticipantInfo.
        old = getattr(answer, "participant_id", "")
        return {"transfer_id": getattr(answer, "transfer_id", old)}


def verify(key: str, secret: str, file: str) -> dict[str, Any]:
    """Receive each webhook; an exception of the SDK ends the program."""
    receiver = api.WebhookReceiver(api.TokenVerifier(key, secret))
    lines = Path(file).read_text("utf-8").splitlines()
    hooks = [json.loads(line) for line in lines]
    return {"events": [receiver.receive(hook["body"], hook["token"]).event for hook in hooks]}


def main() -> None:
    """One command."""
    command, *rest = sys.argv[1:]
    if command == "verify":
        result = verify(*rest)
    else:
        result = asyncio.run({"prepare": prepare, "transfer": transfer}[command](*rest))
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
