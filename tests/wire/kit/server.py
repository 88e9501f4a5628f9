"""The exchange as a process of its own, and its API by plain HTTP."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import jwt
import yaml
from tests.support.ports import PORTS

from .call import Call
from .callee import called
from .hooks import KEY, SECRET
from .message import token
from .phone import Phone

Json = dict[str, Any]
Found = TypeVar("Found")
RTP_PORTS = 300
ON_TERMINAL = """
import os, sys
os.login_tty(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""login_tty begins a session; a leader of a process group cannot, so a child does it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API."""

    status: int
    body: Json
    seconds: float = 0.0

    @property
    def meta(self) -> Json:
        """Twirp's meta."""
        return dict(self.body.get("meta", {}))

    @property
    def text(self) -> str:
        """The message without LiveKit's prefix."""
        return str(self.body.get("msg", "")).removeprefix("twirp error unknown: ")


@dataclass(frozen=True, slots=True)
class Line:
    """A number with its trunk, rule and room."""

    number: str
    room: str
    trunk_id: str
    rule_id: str


def until(look: Callable[[], Found], what: str, within: float = 8) -> Found:
    """Ask again and again until the answer is true."""
    end = time.monotonic() + within
    pause = threading.Event()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}; last: {found!r}")
        pause.wait(0.02)


def free_port(ip: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP."""
    return PORTS.take(ip=ip)


@dataclass(slots=True)
class Exchange:
    """`start` it; `line` makes a number; `phone` a telephone."""

    folder: Path
    settings: Json
    ip: str = "127.0.0.1"
    phones: list[Phone] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    terminal: int | None = None
    """The slave's end of a pty that is to be its terminal; the log goes there then."""
    files: int = 0
    """Most files that the process may open; 0: as many as we."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def configured(
        cls, folder: Path, *, ip: str = "127.0.0.1", hooks: str = "", top: Json | None = None,
        **sip: Any,
    ) -> Exchange:  # fmt: skip
        """One with free ports; `sip` and `top` are further settings."""
        settings: Json = {
            "port": free_port(),
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "data_dir": str(folder / "data"),
            "metrics": {"bind": f"127.0.0.1:{free_port()}"},
            "log": {"format": "json"},
            "rtc": {"udp_port": 0, "tcp_port": 0},
            "sip": {
                "listen_ip": ip,
                "sip_port": free_port(ip),
                "rtp_port": PORTS.range(RTP_PORTS),
                "answer": "immediately",
                **sip,
            },
            **(top or {}),
        }
        if hooks:
            settings["webhook"] = {"api_key": KEY, "urls": [hooks]}
        return cls(folder, settings, ip)

    # --- the process ----------------------------------------------------------------------------

    def start(self, *, healthy: bool = True) -> Exchange:
        """Run it and wait for its API, which may be to say that it is not well."""
        file = self.folder / "hookflash.yaml"
        file.write_text(yaml.safe_dump(self.settings), "utf-8")
        command = [sys.executable, "-m", "hookflash", "serve", "--config", str(file)]
        kept = []
        if self.terminal is not None:
            kept = [self.terminal]
            command = [sys.executable, "-c", ON_TERMINAL, str(self.terminal), *command]
        if self.files:
            command = ["sh", "-c", f'ulimit -n {self.files} && exec "$@"', "sh", *command]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, pass_fds=kept, start_new_session=True
            )
        wanted = 200 if healthy else 406
        until(lambda: self._answers(wanted), "the API answers", 15)
        return self

    def _answers(self, wanted: int) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text("utf-8")[-3000:]
        try:
            return self.get("/", raw=True).status == wanted
        except OSError:
            return False

    @property
    def log(self) -> Path:
        """What the process wrote."""
        return self.folder / "log"

    def logged(self, text: str) -> bool:
        """Whether a line of the log has this."""
        return text in self.log.read_text("utf-8", "replace")

    def stop(self, number: signal.Signals = signal.SIGKILL, within: float = 10) -> int:
        """Signal it and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within)

    def close(self) -> None:
        """The end of a module: everything goes."""
        for phone in self.phones:
            phone.close()
        if self.process is not None and self.process.poll() is None:
            self.stop()

    @property
    def sip(self) -> tuple[str, int]:
        """Where SIP listens."""
        return self.ip, int(self.settings["sip"]["sip_port"])

    def phone(self, kind: type[Phone] = Phone, ip: str = "") -> Phone:
        """A telephone."""
        phone = kind(self.sip, ip or self.ip)
        self.phones.append(phone)
        return phone

    # --- the API --------------------------------------------------------------------------------

    def token(self, room: str = "", **video: Any) -> str:
        """Every grant; roomAdmin for that room."""
        grants = {"roomCreate": True, "roomList": True, "roomAdmin": True, "room": room, **video}
        claims = {
            "iss": KEY,
            "exp": int(time.time()) + 600,
            "video": grants,
            "sip": {"admin": True, "call": True},
        }
        return jwt.encode(claims, SECRET, "HS256")

    def rpc(
        self, path: str, body: Json, room: str = "", headers: Json | None = None, within: float = 60
    ) -> Answer:
        """POST /twirp/livekit.<path> as JSON."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.settings["port"], timeout=within)
        try:
            connection.request(
                "POST",
                f"/twirp/livekit.{path}",
                json.dumps(body),
                {
                    "Content-Type": "application/json",
                    "Authorization": f"Bearer {self.token(room)}",
                    **(headers or {}),
                },
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return Answer(answer.status, json.loads(text or b"{}"), time.monotonic() - started)

    def get(self, path: str, room: str = "", *, raw: bool = False) -> Answer:
        """GET of the API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings["port"], timeout=10)
        headers = {} if raw else {"Authorization": f"Bearer {self.token(room)}"}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return Answer(answer.status, {} if raw else json.loads(text))

    def ok(self, path: str, body: Json, room: str = "") -> Json:
        """The same; anything but 200 fails."""
        answer = self.rpc(path, body, room)
        assert answer.status == 200, answer
        return answer.body

    def metrics(self) -> dict[str, float]:
        """/metrics: name with labels to value."""
        host, port = self.settings["metrics"]["bind"].rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def trunk(self, **fields: Any) -> str:
        """An inbound trunk; its id."""
        answer = self.ok("SIP/CreateSIPInboundTrunk", {"trunk": {"name": "wire", **fields}})
        return str(answer["sip_trunk_id"])

    def rule(self, trunks: list[str], room: str, pin: str = "", **fields: Any) -> str:
        """A direct dispatch rule; its id."""
        direct = {"room_name": room, "pin": pin}
        rule = {"trunk_ids": trunks, "rule": {"dispatch_rule_direct": direct}, **fields}
        answer = self.ok("SIP/CreateSIPDispatchRule", {"dispatch_rule": rule})
        return str(answer["sip_dispatch_rule_id"])

    def number(self) -> str:
        """A number that no other test uses."""
        return f"+1555{next(self._numbers):07d}"

    def line(
        self, *, pin: str = "", rule: Mapping[str, Any] | None = None, room: str = "", **trunk: Any
    ) -> Line:
        """A new number with its own trunk, rule and room."""
        number = self.number()
        room = room or token("room-")
        trunk_id = self.trunk(**{"numbers": [number], **trunk})
        return Line(number, room, trunk_id, self.rule([trunk_id], room, pin, **dict(rule or {})))

    def call(
        self,
        line: Line,
        phone: Phone | None = None,
        *,
        trunk: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Call:
        """A call that is up, of the phone or to it (`trunk`: by which one): the room and what may
        be done are alike."""
        if phone is not None and phone.is_called:
            answer = self.dial(phone, room=line.room, sip_number=line.number, trunk=trunk).answer
            taken = called(phone, **fields)
            taken.accept()
            assert answer.result(8).status == 200
            return taken
        call = Call(phone or self.phone(), line.number, **fields)
        call.connect()
        return call

    def dial(
        self,
        phone: Phone,
        *,
        room: str = "",
        trunk: Mapping[str, Any] | None = None,
        headers: Json | None = None,
        **fields: Any,
    ) -> Dialed:
        """CreateSIPParticipant with wait_until_answered, by a trunk that leads to `phone`, in a
        thread."""
        inline = {"hostname": f"{phone.host}:{phone.port}", **(trunk or {})}
        body = {
            "trunk": inline,
            "sip_number": "+15550199",
            "sip_call_to": "100",
            "room_name": room or token("room-"),
            "wait_until_answered": True,
            **fields,
        }
        return Dialed(self, body, headers or {})

    def participants(self, room: str) -> list[Json]:
        """Those in the room."""
        found = self.ok("RoomService/ListParticipants", {"room": room}, room)["participants"]
        return list(found)

    def participant(self, room: str, index: int = 0) -> Json:
        """One who is there, or comes soon."""
        return until(lambda: self.participants(room)[index : index + 1], f"somebody in {room}")[0]

    def attribute(self, room: str, name: str, index: int = 0) -> str:
        """An attribute of a participant."""
        return str(self.participant(room, index)["attributes"].get(name, ""))

    def gone(self, room: str, within: float = 8) -> None:
        """Wait until the room is empty."""
        until(lambda: not self.participants(room), f"{room} is empty", within)

    def transfer(
        self,
        line: Line,
        target: str = "sip:bob@example.com",
        *,
        headers: Json | None = None,
        identity: str = "",
        **fields: Any,
    ) -> Future[Answer]:
        """TransferSIPParticipant of the caller in a thread."""
        body = {
            "room_name": line.room,
            "participant_identity": identity or self.participant(line.room)["identity"],
            "transfer_to": target,
            **fields,
        }
        return background(lambda: self.rpc("SIP/TransferSIPParticipant", body, line.room, headers))

    def record(self, room: str, transfer_id: str) -> Json:
        """The stored transfer."""
        return self.get(f"/hookflash/transfers/{transfer_id}", room).body


class Dialed:
    """A CreateSIPParticipant whose answer is awaited in a thread."""

    def __init__(self, exchange: Exchange, body: Json, headers: Json) -> None:
        self.exchange, self.body, self.headers = exchange, body, headers
        self.room = str(body["room_name"])
        self.answer = self.again()

    def again(self) -> Future[Answer]:
        """The same request."""
        path, exchange = "SIP/CreateSIPParticipant", self.exchange
        return background(lambda: exchange.rpc(path, self.body, self.room, self.headers))


def background(work: Callable[[], Found]) -> Future[Found]:
    """Do it in a thread; its result or error comes by the future."""
    future: Future[Found] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def environment_ip() -> str:
    """An address of this machine that is not loopback, "" if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return os.environ.get("WIRE_IP", "")
        return str(probe.getsockname()[0])
