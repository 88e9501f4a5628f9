"""espeak-ng as a TTS of livekit-agents: speech without an account."""

import asyncio
import io
import uuid
import wave

from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

RATE = 22050
"""Of what espeak-ng makes."""


class EspeakTTS(tts.TTS[str]):
    """It needs the program `espeak-ng`."""

    def __init__(self) -> None:
        capabilities = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=capabilities, sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """One piece of speech."""
        return _Speech(tts=self, input_text=text, conn_options=conn_options)


class _Speech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=uuid.uuid4().hex, sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        output_emitter.push(await spoken(self.input_text))
        output_emitter.flush()


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
