"""Transfer a caller: `cold_transfer.py ROOM TARGET [IDENTITY]`.

TARGET is a `tel:` or `sip:` address. Without IDENTITY it takes the only phone in the room.
"""

import asyncio
import sys

from livekit import api


async def only_phone(livekit: api.LiveKitAPI, room: str) -> str:
    """The identity of the one phone in the room."""
    answer = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
    phones = [p.identity for p in answer.participants if p.kind == api.ParticipantInfo.Kind.SIP]
    if len(phones) != 1:
        sys.exit(f"phones in {room}: {', '.join(phones) or 'none'}; say which one to transfer")
    return phones[0]


async def transfer(room: str, target: str, identity: str = "") -> int:
    async with api.LiveKitAPI() as livekit:
        try:
            caller = identity or await only_phone(livekit, room)
            print(f"transferring {caller} to {target} ...")
            await livekit.sip.transfer_sip_participant(
                api.TransferSIPParticipantRequest(
                    room_name=room,
                    participant_identity=caller,
                    transfer_to=target,
                    play_dialtone=True,
                )
            )
        except api.SipCallError as error:  # somebody on the telephone side said no, or nothing
            why = f"{error.sip_status_code} {error.sip_status}" if error.sip_status_code else ""
            print(f"not transferred: {why or error.sip_transfer_reason} ({error.message})")
            return 1
        except api.TwirpError as error:  # the request itself was wrong
            why = error.message or f"{error.status} (401: a wrong key or secret)"
            print(f"not transferred: {why}")
            return 1
    print(f"{caller} now talks to {target}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(transfer(*sys.argv[1:])))
    except (OSError, ValueError) as error:  # no server there; LIVEKIT_URL is not set
        variables = "LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET"
        sys.exit(f"not transferred: {error} (whom it asks: {variables})")
