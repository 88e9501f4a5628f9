"""The server under test as a process of its own, configured as a user would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from .client import Client
from .lab import Lab
from .process import Process
from .waiting import wait_until
from .webhook_receiver import KEY, SECRET


class Exchange:
    """`hookflash serve`; `restart` runs it again on the same data and ports."""

    def __init__(self, lab: Lab, settings: dict[str, Any]) -> None:
        self._lab = lab
        self.settings = settings
        self.file = lab.path("hookflash.yaml")
        self.process: Process
        self.client = Client(f"http://127.0.0.1:{settings['port']}", KEY, SECRET)

    @classmethod
    async def start(
        cls,
        lab: Lab,
        *,
        hooks: str = "",
        ip: str = "127.0.0.1",
        answer: str = "immediately",
        rtp_ports: int = 400,
        **sip: Any,
    ) -> Exchange:
        """Start it on free ports and wait until it answers; `sip` are settings of that section."""
        sip_settings = {
            "listen_ip": ip,
            "sip_port": lab.ports.take(2),
            "rtp_port": lab.ports.range(rtp_ports),
            "answer": answer,
            **sip,
        }
        settings: dict[str, Any] = {
            "port": lab.ports.take(),
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "data_dir": str(lab.path("data")),
            "sip": sip_settings,
            "rtc": {"udp_port": 0, "tcp_port": 0},
            "metrics": {"bind": f"127.0.0.1:{lab.ports.take()}"},
            "log": {"format": "text"},
        }
        if hooks:
            settings["webhook"] = {"api_key": KEY, "urls": [hooks]}
        exchange = cls(lab, settings)
        lab.finally_do(exchange.client.close)
        await exchange.launch()
        return exchange

    @property
    def ip(self) -> str:
        """Where SIP listens."""
        return str(self.settings["sip"]["listen_ip"])

    @property
    def port(self) -> int:
        """Port of SIP over UDP and TCP."""
        return int(self.settings["sip"]["sip_port"])

    @property
    def address(self) -> str:
        """ip:port of SIP."""
        return f"{self.ip}:{self.port}"

    @property
    def url(self) -> str:
        """Base of the API."""
        return f"http://127.0.0.1:{self.settings['port']}"

    async def launch(self) -> None:
        """Run the process and wait for its API."""
        self.file.write_text(yaml.safe_dump(self.settings), "utf-8")
        command: list[str | Path] = [sys.executable, "-m", "hookflash", "serve"]
        self.process = await self._lab.start("hookflash", [*command, "--config", self.file])

        async def answers() -> bool:
            if self.process.code is not None:
                raise AssertionError(f"hookflash ended with {self.process.code}")
            try:
                async with aiohttp.ClientSession() as session, session.get(self.url) as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await wait_until(answers, "the API answers", 15)

    async def metrics(self) -> dict[str, float]:
        """/metrics as name (labels included) to value."""
        url = f"http://{self.settings['metrics']['bind']}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    async def wait_calls_ended(self, within: float = 10) -> None:
        """Wait until no call is up and every RTP port is back."""
        low, high = str(self.settings["sip"]["rtp_port"]).split("-")
        pairs = (int(high) - int(low) + 1) // 2
        await self._wait_metrics(
            lambda seen: (
                seen["hookflash_calls_active"] == 0 and seen["hookflash_rtp_ports_free"] >= pairs
            ),
            "every call has ended",
            within,
        )

    async def wait_idle(self, within: float = 80) -> None:
        """Wait until no leg and no transaction is left (timers of 32 s included)."""
        await self.wait_calls_ended(within)
        names = ("hookflash_legs", "hookflash_transactions")
        await self._wait_metrics(
            lambda seen: not any(seen[name] for name in names), "no leg is left", within
        )

    async def _wait_metrics(
        self, good: Callable[[dict[str, float]], bool], what: str, within: float
    ) -> None:
        seen: dict[str, float] = {}

        async def look() -> bool:
            seen.update(await self.metrics())
            return good(seen)

        try:
            await wait_until(look, what, within)
        except AssertionError as error:
            error.add_note(f"{seen}")
            raise

    def complaints(self) -> list[str]:
        """Lines of the log that tell of our own mistakes."""
        marks = ("Traceback", "[error", "[critical", "exception")
        return [line for line in self.process.lines if any(mark in line for mark in marks)]
