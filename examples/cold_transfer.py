"""Transfer a caller: `cold_transfer.py ROOM IDENTITY TARGET`."""

import asyncio
import sys

from livekit import api


async def transfer(room: str, identity: str, target: str) -> int:
    async with api.LiveKitAPI() as livekit:
        try:
            await livekit.sip.transfer_sip_participant(
                api.TransferSIPParticipantRequest(
                    room_name=room,
                    participant_identity=identity,
                    transfer_to=target,
                    play_dialtone=True,
                )
            )
        except api.SipCallError as error:
            print(f"not transferred: {error.sip_status_code} {error.sip_status} ({error.message})")
            return 1
    print(f"{identity} now talks to {target}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(asyncio.run(transfer(*sys.argv[1:])))
