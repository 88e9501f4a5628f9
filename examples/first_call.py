"""Make a trunk with one number and a rule that puts its callers into the room `lobby`."""

import asyncio
import sys

from livekit import api

NUMBER = "+15550100"


async def first_call() -> int:
    async with api.LiveKitAPI() as livekit:
        try:
            trunk = await livekit.sip.create_inbound_trunk(
                api.CreateSIPInboundTrunkRequest(
                    trunk=api.SIPInboundTrunkInfo(name="first", numbers=[NUMBER])
                )
            )
        except api.TwirpError as error:  # run twice, it meets its own trunk
            why = error.message or f"{error.status} (401: a wrong key or secret)"
            print(f"no trunk made: {why}")
            return 1
        rule = await livekit.sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(
                dispatch_rule=api.SIPDispatchRuleInfo(
                    name="first",
                    trunk_ids=[trunk.sip_trunk_id],
                    rule=api.SIPDispatchRule(
                        dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name="lobby")
                    ),
                )
            )
        )
    print(f"trunk {trunk.sip_trunk_id}, rule {rule.sip_dispatch_rule_id}")
    print(f"dial sip:{NUMBER}@127.0.0.1")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(first_call()))
    except (OSError, ValueError) as error:  # no server there; LIVEKIT_URL is not set
        variables = "LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET"
        sys.exit(f"no trunk made: {error} (whom it asks: {variables})")
