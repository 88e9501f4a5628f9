"""The transfer itself: one API call, and in plain words why it failed."""

import aiohttp
from livekit import api, rtc
from livekit.agents import JobContext

NOT_THROUGH = "the call did not go through"
NO_ANSWER = "nobody answers"
WHY = {
    404: "the number does not exist",
    408: NO_ANSWER,
    480: NO_ANSWER,
    484: "the number does not exist",
    486: "the line is busy",
    487: NO_ANSWER,
    600: "the line is busy",
    603: "the call was declined",
}
"""By SIP status."""


def phones(room: rtc.Room) -> list[str]:
    """Identities of the telephones in the room."""
    sip = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    return [one.identity for one in room.remote_participants.values() if one.kind == sip]


async def hand_on(context: JobContext, identity: str, target: str) -> str:
    """Hand the caller on by SIP REFER. "" once the new party has answered: the caller has left the
    room then. Else why not, for the caller, who is still here."""
    request = api.TransferSIPParticipantRequest(
        room_name=context.room.name, participant_identity=identity, transfer_to=target
    )
    try:
        await context.api.sip.transfer_sip_participant(request)
    except api.SipCallError as error:
        if error.sip_transfer_reason == "STR_RINGING_TIMEOUT":
            return NO_ANSWER
        return WHY.get(error.sip_status_code or 0, NOT_THROUGH)
    except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
        print(f"not transferred: {error}", flush=True)
        return NOT_THROUGH
    return ""
