"""Twilio's library and its command in environments of their own, and the simulated Twilio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookflash.carrier.config import NetworkConfig
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

from .provider import SimulatedProvider, packages_of
from .sdks import CACHE, ROOT, installed

VERSION = "9.13.0"
FOLDER = ROOT / "tests" / "interop" / "twilio"


async def twilio_python() -> Path:
    """The Python of an environment with Twilio's library, installed where it is missing."""
    return await installed(FOLDER / f"requirements-{VERSION}.txt", CACHE / f"twilio-{VERSION}")


async def twilio_packages() -> Path:
    """The folder with the library, for PYTHONPATH."""
    return packages_of(await twilio_python())


@dataclass(kw_only=True)
class SimulatedTwilio(SimulatedProvider):
    """A carrier with Twilio's manners and REST."""

    account: Account

    @property
    def environment(self) -> dict[str, str]:
        """The account's credentials."""
        return {"TWILIO_ACCOUNT_SID": self.account.sid, "TWILIO_AUTH_TOKEN": self.account.token}

    @property
    def refusal(self) -> dict[str, Any]:
        """The body of an error."""
        return RestError(400, NOT_ALLOWED, "not today").body

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


@asynccontextmanager
async def simulated_twilio(network: NetworkConfig) -> AsyncIterator[SimulatedTwilio]:
    """The carrier while it is needed."""
    async with CarrierService(load_profile("twilio"), network) as carrier:
        twilio = SimulatedTwilio(carrier, account=new_account(carrier, network))
        async with twilio.served(twilio_routes(carrier, twilio.account)):
            yield twilio
