"""Speech without an account: espeak-ng makes it, the room hears it."""

import asyncio
import io
import wave

from livekit import rtc

RATE = 22050
"""Of what espeak-ng makes."""
FRAME = RATE // 50


class Voice:
    """One audio track in a room. `say` ends when it has been said, or stopped."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._source = rtc.AudioSource(RATE, 1)
        self._turn = asyncio.Lock()
        self._stopped = 0

    async def start(self) -> None:
        """Publish the track: a caller who rings is answered now."""
        track = rtc.LocalAudioTrack.create_audio_track("assistant", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)
        # The others are told of a track when its sound begins.
        await self._source.capture_frame(rtc.AudioFrame(bytes(2 * FRAME), RATE, 1, FRAME))

    async def say(self, text: str) -> None:
        """Say it, after what is being said already."""
        async with self._turn:
            began = self._stopped
            samples = await spoken(text)
            for at in range(0, len(samples), 2 * FRAME):
                if self._stopped != began:
                    return
                part = samples[at : at + 2 * FRAME].ljust(2 * FRAME, b"\0")
                await self._source.capture_frame(rtc.AudioFrame(part, RATE, 1, FRAME))
            await self._source.wait_for_playout()

    def stop(self) -> None:
        """Be silent at once."""
        self._stopped += 1
        self._source.clear_queue()


async def spoken(text: str) -> bytes:
    """The text as 16-bit samples at `RATE`."""
    process = await asyncio.create_subprocess_exec(
        "espeak-ng", "--stdout", "-s", "150", text, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"espeak-ng ended with {process.returncode}")
    with wave.open(io.BytesIO(output)) as sound:
        samples: bytes = sound.readframes(sound.getnframes())
    return samples
