"""The server as a process of its own, watched through /proc; and what the API sets up in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from livekit.api import AccessToken, SIPGrants, VideoGrants
from livekit.protocol import sip as proto

KEY, SECRET = "bench", "bench-bench-bench-bench-bench-bench"
_HERTZ = os.sysconf("SC_CLK_TCK")
_LATE = 'hookflash_media_tick_late_seconds_bucket{le="'
_PORTS = "20000-29999"


def free_port() -> int:
    """A port that nobody has now, for datagrams nor for streams."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
        ):
            datagrams.bind(("127.0.0.1", 0))
            port: int = datagrams.getsockname()[1]
            with suppress(OSError):
                streams.bind(("127.0.0.1", port))
                return port


class Exchange:
    """`hookflash serve`. A context manager: stopped and its files gone at the end. `open_to_all`:
    with a trunk that takes every call and a rule that makes a room of each called number.
    `module`: what is run as `hookflash`."""

    def __init__(
        self,
        *,
        webhook: str = "",
        answer: str = "subscribed",
        open_to_all: bool = True,
        module: str = "hookflash",
    ) -> None:
        self._open_to_all = open_to_all
        self._module = module
        self._folder = Path(tempfile.mkdtemp(prefix="hookflash-bench-"))
        self.sip_port = free_port()
        self.http_port = free_port()
        self._metrics_port = free_port()
        settings: dict[str, object] = {
            "port": self.http_port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "data_dir": str(self._folder / "data"),
            "log": {"level": "warning"},
            "metrics": {"bind": f"127.0.0.1:{self._metrics_port}"},
            "drain": 0,
            "rtc": {"udp_port": 0, "tcp_port": 0},
            "sip": {
                "listen_ip": "127.0.0.1",
                "sip_port": self.sip_port,
                "rtp_port": _PORTS,
                "answer": answer,
            },
        }
        if webhook:
            settings["webhook"] = {"api_key": KEY, "urls": [webhook]}
        self._config = self._folder / "hookflash.yaml"
        self._config.write_text(json.dumps(settings))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Exchange:
        self.launch()
        self.wait()
        if self._open_to_all:
            self._furnish()
        return self

    def _furnish(self) -> None:
        self.call(
            "CreateSIPInboundTrunk",
            proto.CreateSIPInboundTrunkRequest(
                trunk=proto.SIPInboundTrunkInfo(name="bench", allowed_addresses=["127.0.0.1"])
            ),
        )
        rule = proto.SIPDispatchRule(
            dispatch_rule_callee=proto.SIPDispatchRuleCallee(room_prefix="r")
        )
        self.call(
            "CreateSIPDispatchRule",
            proto.CreateSIPDispatchRuleRequest(
                dispatch_rule=proto.SIPDispatchRuleInfo(rule=rule, name="bench")
            ),
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def launch(self) -> float:
        """Start the process; the time just before."""
        started = time.monotonic()
        command = [sys.executable, "-m", self._module, "serve", "--config", str(self._config)]
        self._process = subprocess.Popen(command)
        return started

    def wait(self) -> None:
        """Until it answers HTTP."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/"):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        """SIGTERM, twice if need be."""
        process = self._process
        if process is None:
            return
        self._process = None
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            process.send_signal(number)
            try:
                process.wait(10)
                return
            except subprocess.TimeoutExpired:
                continue

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process is not None
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of CPU that the process and all its threads have used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _HERTZ

    def resident_kb(self) -> int:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0

    @property
    def database(self) -> Path:
        """Its file."""
        return self._folder / "data" / "hookflash.db"

    def _metrics(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics") as answer:
            lines: list[str] = answer.read().decode().splitlines()
            return lines

    def gauges(self) -> dict[str, float]:
        """/metrics: name with labels to value."""
        found = (line.rpartition(" ") for line in self._metrics() if not line.startswith("#"))
        return {name: float(value) for name, _, value in found}

    def late(self) -> dict[str, int]:
        """Ticks of the media clock by how late they came at most, in seconds; `+Inf`: all."""
        lines = self._metrics()
        found = (line.partition(_LATE)[2].partition('"} ') for line in lines)
        return {limit: int(float(count)) for limit, _, count in found if limit}

    def call(self, method: str, request: Message) -> bytes:
        """One method of livekit.SIP."""
        order = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/twirp/livekit.SIP/{method}",
            data=request.SerializeToString(),
            headers={
                "Content-Type": "application/protobuf",
                "Authorization": f"Bearer {token()}",
            },
        )
        with urllib.request.urlopen(order) as answer:
            body: bytes = answer.read()
            return body


def token(room: str = "") -> str:
    """Grants for SIP, and for the administration of one room."""
    return (
        AccessToken(KEY, SECRET)
        .with_sip_grants(SIPGrants(admin=True, call=True))
        .with_grants(VideoGrants(room_admin=True, room=room))
        .with_ttl(timedelta(hours=6))
        .to_jwt()
    )


def http_request(method: str, request: Message, bearer: str, kind: str = "protobuf") -> bytes:
    """A whole HTTP request for a method of livekit.SIP, ready to be sent; `kind` is the answer's
    too: `protobuf` or `json`."""
    body = request.SerializeToString() if kind == "protobuf" else MessageToJson(request).encode()
    return (
        b"POST /twirp/livekit.SIP/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/%s\r\nAuthorization: Bearer %s\r\n"
        b"Content-Length: %d\r\n\r\n%s"
        % (method.encode(), kind.encode(), bearer.encode(), len(body), body)
    )


def transfer_request(room: str, identity: str) -> bytes:
    """A whole HTTP request for TransferSIPParticipant, ready to be sent."""
    request = proto.TransferSIPParticipantRequest(
        room_name=room, participant_identity=identity, transfer_to="tel:+15105550199"
    )
    return http_request("TransferSIPParticipant", request, token(room))
