"""`hookflash serve` and `hookflash carrier`, two processes: refused, switched on, transferred."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.wire.kit.server import Exchange, Line, until

CALLER, AGENT, TARGET = "+14155550100", "+14155550101", "+15105550123"
TONES = {CALLER: 330.0, AGENT: 550.0, TARGET: 1000.0}
Json = dict[str, Any]


@dataclass(slots=True)
class CarrierProcess:
    """One `hookflash carrier --json`."""

    process: subprocess.Popen[str]
    lines: Queue[Json]
    seen: list[Json]
    http: int = 0

    def event(self, name: str, wanted: Callable[[Json], bool] = lambda _: True) -> Json:
        """Wait for the next of this name."""
        while True:
            line = self.lines.get(timeout=10)
            self.seen.append(line)
            if line["event"] == name and wanted(line):
                return line

    def calls(self) -> list[Json]:
        """GET /calls."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=5)
        try:
            connection.request("GET", "/calls")
            return list(json.loads(connection.getresponse().read())["calls"])
        finally:
            connection.close()

    def hear(self, wanted: dict[str, set[str]]) -> None:
        """Wait until each of these telephones hears those, and nobody else."""

        def heard() -> bool:
            hears = {who: tones for call in self.calls() for who, tones in call["hears"].items()}
            names = {tone: number for number, tone in TONES.items()}
            return wanted == {who: {names[one] for one in tones} for who, tones in hears.items()}

        until(heard, f"they hear {wanted}")


@contextmanager
def carrier(folder: Path, exchange: Exchange, line: Line, **trunk: str) -> Iterator[CarrierProcess]:
    """Twilio, whose two telephones call that line."""
    host, port = exchange.sip
    at = f"sip:{host}:{port}"
    config = {
        "profile": "twilio",
        "trunks": [{"numbers": [line.number], "origination": at, **trunk}],
        "phones": [
            {"number": AGENT, "tone": TONES[AGENT], "calls": line.number, "calls_after": 0.1},
            {"number": CALLER, "tone": TONES[CALLER], "calls": line.number, "calls_after": 0.3},
            {"number": TARGET, "tone": TONES[TARGET], "after": 0.3},
        ],
    }
    file = folder / "carrier.yml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    command = [sys.executable, "-W", "error", "-m", "hookflash", "carrier", "--json"]
    command += ["--config", str(file), "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        made = CarrierProcess(process, Queue(), [])
        output = process.stdout
        assert output is not None

        def read() -> None:
            for one in output:
                made.lines.put(json.loads(one))

        reader = Thread(target=read)
        reader.start()
        try:
            made.http = made.event("ready")["http"]
            yield made
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            if process.poll() is None:
                process.kill()
            reader.join(10)


def transfer(exchange: Exchange, line: Line) -> Any:
    """TransferSIPParticipant of the caller."""
    return exchange.rpc(
        "SIP/TransferSIPParticipant",
        {
            "room_name": line.room,
            "participant_identity": f"sip_{CALLER}",
            "transfer_to": f"tel:{TARGET}",
        },
        line.room,
    )


def test_off_it_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    line = exchange.line()
    with carrier(tmp_path, exchange, line) as twilio:
        twilio.hear({CALLER: {AGENT}, AGENT: {CALLER}})
        answer = transfer(exchange, line)
        assert answer.status != 200
        assert answer.meta["sip_status_code"] == "603"
        assert answer.meta["sip_transfer_reason"] == "STR_REJECTED"
        refused = twilio.event("refer_refused")
        assert refused["why"] == "transfer_mode of the trunk is disable-all"
        twilio.hear({CALLER: {AGENT}, AGENT: {CALLER}})


@pytest.mark.parametrize("caller_id", ["from-transferee", "from-transferor"])
def test_on_the_target_is_called_and_hears_the_caller(
    exchange: Exchange, tmp_path: Path, caller_id: str
) -> None:
    line = exchange.line()
    mode = {"transfer_mode": "enable-all", "transfer_caller_id": caller_id}
    with carrier(tmp_path, exchange, line, **mode) as twilio:
        twilio.hear({CALLER: {AGENT}, AGENT: {CALLER}})
        answer = transfer(exchange, line)
        assert answer.status == 200
        assert answer.body["reason"] == "STR_COMPLETED"
        rings = twilio.event("phone_rings", lambda event: event["phone"] == TARGET)
        assert rings["caller"] == (CALLER if caller_id == "from-transferee" else line.number)
        twilio.event("transferred")
        twilio.hear({CALLER: {TARGET}, TARGET: {CALLER}, AGENT: set()})
        messages = [one["message"] for one in twilio.seen if one["event"] == "sip"]
        after = messages[messages.index("REFER") :]
        assert after[1] == "202 Accepted"
        assert "INVITE" in after, "Twilio puts the exchange on hold meanwhile"
        twilio.event("sip", lambda event: event["message"] == "NOTIFY 200 OK")
        # Whoever has asked for a transfer has to hang up, so the exchange does at once.
        bye = twilio.event("sip", lambda event: event["message"] == "BYE")
        assert bye["sender"] == f"{exchange.sip[0]}:{exchange.sip[1]}"
