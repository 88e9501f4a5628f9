"""Twilio's library and its command in environments of their own, and the simulated Twilio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse

from hookflash.adapters.http import AsgiApp, HttpServers, Receive, Scope, Send
from hookflash.carrier.config import NetworkConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.twilio.account import (
    ACCESS_LIST,
    CREDENTIAL_LIST,
    NUMBER,
    ORIGINATION,
    TRUNK,
    Account,
    Kind,
    Thing,
)
from hookflash.carrier.twilio.errors import NOT_ALLOWED, RestError
from hookflash.carrier.twilio.http import new_account, twilio_routes

from .sdks import CACHE, ROOT, installed

VERSION = "9.13.0"
FOLDER = ROOT / "tests" / "interop" / "twilio"


async def twilio_python() -> Path:
    """The Python of an environment with Twilio's library, installed where it is missing."""
    return await installed(FOLDER / f"requirements-{VERSION}.txt", CACHE / f"twilio-{VERSION}")


async def twilio_packages() -> Path:
    """The folder with the library, for PYTHONPATH."""
    python = await twilio_python()
    (packages,) = python.parent.parent.glob("lib/python3*/site-packages")
    return packages


@dataclass
class SimulatedTwilio:
    """A carrier with Twilio's manners and REST; `url` is for `--api`."""

    carrier: CarrierService
    account: Account
    url: str = ""
    port: int = 0
    changes: list[str] = field(default_factory=list)
    """Paths of POST requests."""
    fail_at: str = ""
    """A POST whose path ends so is answered 400."""

    @property
    def environment(self) -> dict[str, str]:
        """The account's credentials."""
        return {"TWILIO_ACCOUNT_SID": self.account.sid, "TWILIO_AUTH_TOKEN": self.account.token}

    def trunk(self, number: str = "", **parameters: str) -> Thing:
        """Make one, by parameters of a POST, and put this number of the account on it."""
        made = self.account.make(0.0, TRUNK, "", parameters)
        if number:
            numbers = self.account.below(NUMBER, "")
            (found,) = [one for one in numbers if one.values["phone_number"] == number]
            self.account.put_number(0.0, made, found)
        return made

    def trunks(self) -> list[dict[str, Any]]:
        """What the account's trunks are set to."""
        return [trunk.values for trunk in self.account.below(TRUNK, "")]

    def urls(self, trunk: Thing) -> list[str]:
        """Where calls to a trunk go."""
        return [url.values["sip_url"] for url in self.account.below(ORIGINATION, trunk.sid)]

    def listed(self, kind: Kind, inner: Kind, key: str) -> list[str]:
        """What is in the account's only list of this kind."""
        (held,) = self.account.below(kind, "")
        return [one.values[key] for one in self.account.below(inner, held.sid)]

    def lists_on(self, trunk: Thing) -> int:
        """How many lists say who may call by a trunk."""
        return sum(
            len(self.account.lists_on(trunk, kind)) for kind in (ACCESS_LIST, CREDENTIAL_LIST)
        )

    def watched(self, app: AsgiApp) -> AsgiApp:
        """The same, but that it is seen what is changed."""

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            path = str(scope.get("path"))
            if scope.get("method") == "POST":
                self.changes.append(path)
                if self.fail_at and path.endswith(self.fail_at):
                    error = RestError(400, NOT_ALLOWED, "not today")
                    await JSONResponse(error.body, 400)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return answered


@asynccontextmanager
async def simulated_twilio(network: NetworkConfig) -> AsyncIterator[SimulatedTwilio]:
    """The carrier while it is needed."""
    servers = HttpServers()
    async with CarrierService(load_profile("twilio"), network) as carrier:
        twilio = SimulatedTwilio(carrier, new_account(carrier, network))
        app = http_app(carrier, twilio_routes(carrier, twilio.account))
        await servers.start(twilio.watched(app), ["127.0.0.1"], 0)
        twilio.port, twilio.url = servers.port, f"http://127.0.0.1:{servers.port}"
        try:
            yield twilio
        finally:
            await servers.stop()
