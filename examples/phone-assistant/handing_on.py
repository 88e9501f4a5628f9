"""The transfer itself: one API call, and in plain words why it failed."""

from livekit import api
from livekit.agents import JobContext

WHY = {
    "486": "the line is busy",
    "480": "nobody answers",
    "408": "nobody answers",
    "603": "the call was declined",
    "404": "the number does not exist",
}


async def hand_on(context: JobContext, identity: str, target: str) -> str:
    """Hand the caller on by SIP REFER. "" once the new party has answered: the caller has left the
    room then. Else why not, for the caller, who is still here."""
    request = api.TransferSIPParticipantRequest(
        room_name=context.room.name, participant_identity=identity, transfer_to=target
    )
    try:
        await context.api.sip.transfer_sip_participant(request)
    except api.SipCallError as error:
        return WHY.get(str(error.sip_status_code or ""), "the call did not go through")
    except api.TwirpError as error:
        print(f"not transferred: {error.message}", flush=True)
        return "the call did not go through"
    return ""
