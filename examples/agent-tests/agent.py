"""A front desk: it speaks, and hands callers who press 1 on to the sales department.

It speaks in tones, so that it needs no account anywhere: 440 Hz is "press 1 for sales", 600 Hz is
"I am sorry". SALES_NUMBER is where sales is.
"""

import asyncio
import os

import numpy as np
from livekit import api, rtc
from livekit.agents import AgentServer, JobContext, cli

RATE = 48000
WELCOME, SORRY = 440, 600
GONE = ""

server = AgentServer(port=0, num_idle_processes=1)


@server.rtc_session()
async def front_desk(context: JobContext) -> None:
    """One call."""
    pressed: asyncio.Queue[str] = asyncio.Queue()
    context.room.on("sip_dtmf_received", lambda key: pressed.put_nowait(key.digit))
    context.room.on("participant_disconnected", lambda _: pressed.put_nowait(GONE))
    await context.connect()
    caller = await context.wait_for_participant(kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
    voice = asyncio.create_task(say(context.room, tone := [WELCOME]))
    while (key := await pressed.get()) != GONE:
        if key != "1" or not await transfer(context, caller.identity):
            tone[0] = SORRY
    voice.cancel()
    context.shutdown("the caller has gone")


async def transfer(context: JobContext, identity: str) -> bool:
    """Whether the caller now talks to sales; if not, the caller is still here."""
    request = api.TransferSIPParticipantRequest(
        room_name=context.room.name,
        participant_identity=identity,
        transfer_to=f"tel:{os.environ['SALES_NUMBER']}",
    )
    try:
        await context.api.sip.transfer_sip_participant(request)
    except api.SipCallError as error:
        print(f"not transferred: {error.sip_status_code} {error.sip_status}", flush=True)
        return False
    return True


async def say(room: rtc.Room, tone: list[int]) -> None:
    """Say this tone (Hz), which may change, until cancelled."""
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, microphone)
    size = RATE // 50
    for start in range(0, 1 << 40, size):
        wave = np.sin(2 * np.pi * tone[0] * np.arange(start, start + size) / RATE)
        samples = (8000 * wave).astype(np.int16).tobytes()
        await source.capture_frame(rtc.AudioFrame(samples, RATE, 1, size))


if __name__ == "__main__":
    cli.run_app(server)
