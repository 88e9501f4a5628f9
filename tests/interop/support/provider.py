"""What a simulated provider has by which its set-up is judged, whoever it is."""

from __future__ import annotations

import asyncio
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.support.cli import Ran
from tests.support.lab import KEY, SECRET, Lab

from hookflash.adapters.http import AsgiApp, HttpServers, Receive, Scope, Send
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.service import CarrierService

from .sdks import ROOT

CALLER, TARGET, LINE = "+14155550100", "+15105550123", "+15550000001"
PHONES = (PhoneConfig(CALLER, tone=330.0), PhoneConfig(TARGET, tone=1000.0, after=0.2))


@dataclass
class SimulatedProvider(ABC):
    """A carrier with a provider's manners and REST; `url` is for `--api`."""

    carrier: CarrierService
    url: str = ""
    port: int = 0
    changes: list[str] = field(default_factory=list)
    """Paths of requests that change something."""
    fail_at: str = ""
    """One whose path ends so is answered 400."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The account's credentials."""

    @property
    @abstractmethod
    def refusal(self) -> dict[str, Any]:
        """The body of an error."""

    @asynccontextmanager
    async def served(self, routes: Sequence[Route]) -> AsyncIterator[None]:
        """With its REST."""
        servers = HttpServers()
        app = self._watched(http_app(self.carrier, routes))
        await servers.start(app, ["127.0.0.1"], 0)
        self.port, self.url = servers.port, f"http://127.0.0.1:{servers.port}"
        try:
            yield
        finally:
            await servers.stop()

    def _watched(self, app: AsgiApp) -> AsgiApp:
        """The same, but that it is seen what is changed."""

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            path = str(scope.get("path"))
            if scope.get("method") in {"POST", "PATCH"}:
                self.changes.append(path)
                if self.fail_at and path.endswith(self.fail_at):
                    await JSONResponse(self.refusal, 400)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return answered

    async def command(self, name: str, packages: Path, *words: str, **variables: str) -> Ran:
        """`hookflash provider NAME WORDS`, with the library and the account's credentials."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "hookflash", "provider", name, *words),
            *("--api", self.url),
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'src'}:{packages}",
                **self.environment,
                "LIVEKIT_API_KEY": KEY,
                "LIVEKIT_API_SECRET": SECRET,
                "COLUMNS": "250",
                **variables,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    async def transferred(self, lab: Lab, seen: str) -> None:
        """A transfer works: the new party saw this number, and hears the caller."""
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        assert (await self.carrier.happened("phone_rings"))["caller"] == seen
        await self.carrier.hears(TARGET, 330)
        await self.carrier.hears(CALLER, 1000)


def packages_of(python: Path) -> Path:
    """The folder with what an environment has installed, for PYTHONPATH."""
    (packages,) = python.parent.parent.glob("lib/python3*/site-packages")
    return packages


async def refused(lab: Lab) -> None:
    """The transfer of the caller fails as at a provider where transfers are off."""
    with pytest.raises(api.TwirpError) as caught:
        await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
    assert caught.value.metadata["sip_status_code"] == "603"
