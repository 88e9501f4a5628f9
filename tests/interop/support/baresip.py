"""baresip phones: one in each namespace, playing a tone, recording both directions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from .certificates import Certificate
from .lab import Lab
from .network import Host
from .process import Process, need
from .tones import write_tone
from .waiting import wait_until

CONTROL = 4444
SIP_PORT = 5060
MODULES = ("g711", "sndfile", "aufile", "srtp")

CONFIG = """\
poll_method epoll
sip_listen {address}:5060
{tls}
call_local_timeout 60
call_max_calls 4
audio_path {folder}
audio_player nothing,default
audio_source aufile,{folder}/tone.wav
audio_alert nothing,default
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports 16000-16100
jitter_buffer_delay 1-5
net_interface eth0
module_path {modules}
{module_lines}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:4444
snd_path {folder}
"""


class Phone:
    """One baresip; its events arrive over its own control connection."""

    def __init__(self, process: Process, host: Host, folder: Path) -> None:
        self.process = process
        self.host = host
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self._writer: asyncio.StreamWriter
        self._task: asyncio.Task[None]

    @classmethod
    async def start(
        cls,
        lab: Lab,
        host: Host,
        user: str,
        tone: float,
        *,
        transport: str = "udp",
        certificate: Certificate | None = None,
        authority: Path | None = None,
        account: str = "",
        opus: bool = False,
    ) -> Phone:
        """Start it in `host`; it answers by itself. `account` adds parameters, as mediaenc; `opus`:
        it speaks Opus besides G.711."""
        folder = lab.path(f"baresip-{user}/config").parent
        write_tone(folder / "tone.wav", tone)
        tls = ""
        if certificate is not None:
            tls = f"sip_certificate {certificate.both}\nsip_cafile {authority}"
        modules = (*MODULES, "opus") if opus else MODULES
        text = CONFIG.format(
            address=host.address,
            folder=folder,
            tls=tls,
            modules=module_path(),
            module_lines="\n".join(f"module {name}.so" for name in modules),
        )
        (folder / "config").write_text(text, "utf-8")
        own = f"<sip:{user}@{host.address};transport={transport}>;regint=0;answermode=auto{account}"
        (folder / "accounts").write_text(own + "\n", "utf-8")
        command = host.command(need("baresip"), "-f", folder, "-s")
        process = await lab.start(f"baresip {user}", command, cwd=folder)
        phone = cls(process, host, folder)
        await process.line("baresip is ready", 10)
        await phone._connect(lab)
        return phone

    async def dial(self, uri: str) -> None:
        """Call `uri`."""
        await self._command("dial", uri)

    async def hang_up(self) -> None:
        """End the current call."""
        await self._command("hangup", "")

    async def transfer(self, uri: str) -> None:
        """Send the other side of the current call to `uri` (REFER)."""
        await self._command("transfer", uri)

    async def event(self, kind: str, count: int = 1, within: float = 10) -> dict[str, Any]:
        """Wait for the `count`th event of this type, as CALL_ESTABLISHED; it is returned."""

        def look() -> dict[str, Any] | None:
            found = [event for event in self.events if event.get("type") == kind]
            return found[count - 1] if len(found) >= count else None

        what = f"event {kind} number {count} at {self.process.name}"
        try:
            return await wait_until(look, what, within)
        except AssertionError as error:
            error.add_note(f"events: {self.events}")
            raise

    def recordings(self, direction: str) -> list[Path]:
        """Files of what it heard (`dec`) or said (`enc`), oldest first."""
        found = self.folder.glob(f"dump-*-{direction}.wav")
        return sorted(found, key=lambda file: file.stat().st_mtime_ns)

    async def quit(self) -> None:
        """End it in the orderly way, so that its recordings are complete."""
        await self.process.stop()

    async def _connect(self, lab: Lab) -> None:
        async def connected() -> bool:
            try:
                reader, self._writer = await asyncio.open_connection(self.host.address, CONTROL)
            except OSError:
                return False
            self._task = asyncio.create_task(self._read(reader))
            return True

        await wait_until(connected, "the control connection of baresip")
        lab.finally_do(self._disconnect)

    async def _disconnect(self) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, self._writer.wait_closed(), return_exceptions=True)

    async def _command(self, command: str, parameters: str) -> None:
        text = json.dumps({"command": command, "params": parameters, "token": command})
        self._writer.write(f"{len(text)}:{text},".encode())
        await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Netstrings: `length:json,`."""
        while True:
            size = int((await reader.readuntil(b":"))[:-1])
            text = await reader.readexactly(size + 1)
            self.events.append(json.loads(text[:-1]))


def module_path() -> Path:
    """Where Debian keeps baresip's modules; one that we use and that is missing fails the test."""
    path = Path("/usr/lib/baresip/modules")
    missing = [
        name for name in (*MODULES, "ctrl_tcp", "menu") if not (path / f"{name}.so").exists()
    ]
    assert not missing, f"baresip has no {missing}; run scripts/peers.sh"
    return path
