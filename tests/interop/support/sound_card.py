"""A sound card in software: PulseAudio, whose clock is its own, as ALSA's devices. PortAudio finds
them as it does on a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from hookflash.audio.tone_bank import Pcm

from .process import Process, need
from .waiting import wait_until

MICROPHONE, LOUDSPEAKER = "headset_microphone", "headset_loudspeaker"
RATE = 8000
_DEVICES = f"""
pcm.!default {{ type pulse }}
pcm.{MICROPHONE} {{ type pulse; device microphone.monitor }}
pcm.{LOUDSPEAKER} {{ type pulse; device speaker }}
"""


class SoftwareCard:
    """A microphone that hears one tone, and a loudspeaker whose sound is kept."""

    def __init__(self, env: dict[str, str], server: Process, heard: Path) -> None:
        self.env = env
        """Of who is to use it."""
        self.server = server
        """Gone: the card is gone."""
        self._heard = heard

    def heard(self) -> Pcm:
        """All that the loudspeaker has played so far, int16 at 8 kHz."""
        octets = self._heard.read_bytes()
        return np.frombuffer(octets[: len(octets) // 2 * 2], "<i2").astype(np.int16)


@asynccontextmanager
async def software_card(folder: Path, tone: int) -> AsyncIterator[SoftwareCard]:
    """`tone`: what the microphone hears, in Hz. `folder`: an empty one."""
    socket, heard = folder / "pulse.socket", folder / "heard.raw"
    (folder / ".asoundrc").write_text(_DEVICES, "utf-8")
    env = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_SERVER": f"unix:{socket}"}
    env |= {"PULSE_SOURCE": "microphone.monitor", "PULSE_SINK": "speaker"}
    command = [
        need("pulseaudio"),
        *("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
        "--load=module-null-sink sink_name=microphone rate=48000 norewinds=1",
        "--load=module-null-sink sink_name=speaker rate=48000 norewinds=1",
        f"--load=module-sine sink=microphone frequency={tone}",
        f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}",
    ]
    server = await Process.start("pulseaudio", command, env=env)
    try:
        await wait_until(socket.is_socket, "pulseaudio listens")
        kept = [
            need("parec"),
            "--raw",
            f"--rate={RATE}",
            "--channels=1",
            "--format=s16le",
            "--latency-msec=20",
        ]
        recorder = await Process.start("parec", [*kept, "--device=speaker.monitor", heard], env=env)
        try:
            await wait_until(lambda: heard.exists() and heard.stat().st_size, "a recording")
            yield SoftwareCard(env, server, heard)
        finally:
            await recorder.stop()
    finally:
        await server.stop()
