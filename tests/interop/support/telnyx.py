"""Telnyx's library in an environment of its own, and the simulated Telnyx."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hookflash.carrier.config import NetworkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.telnyx.account import (
    CONNECTION,
    FQDN,
    NUMBER,
    TelnyxHoldings,
    TelnyxThing,
)
from hookflash.carrier.telnyx.errors import BAD_REQUEST, TelnyxFaceError
from hookflash.carrier.telnyx.http import new_holdings, telnyx_routes

from .provider import SimulatedProvider, packages_of
from .sdks import CACHE, ROOT, installed

VERSION = "4.189.0"
FOLDER = ROOT / "tests" / "interop" / "telnyx"


async def telnyx_python() -> Path:
    """The Python of an environment with Telnyx's library, installed where it is missing."""
    return await installed(FOLDER / f"requirements-{VERSION}.txt", CACHE / f"telnyx-{VERSION}")


async def telnyx_packages() -> Path:
    """The folder with the library, for PYTHONPATH."""
    return packages_of(await telnyx_python())


@dataclass(kw_only=True)
class SimulatedTelnyx(SimulatedProvider):
    """A carrier with Telnyx's manners and REST."""

    account: TelnyxHoldings

    @property
    def environment(self) -> dict[str, str]:
        """The account's API key."""
        return {"TELNYX_API_KEY": self.account.key}

    @property
    def refusal(self) -> dict[str, Any]:
        """The body of an error."""
        return TelnyxFaceError(400, BAD_REQUEST, "not today").body

    def connection(self, number: str = "", at: tuple[str, int] | None = None, **given: Any) -> str:
        """The id of a new connection, with this number of the account, to this host and port."""
        sid = self.account.make(0.0, CONNECTION, given).sid
        if at is not None:
            values = {"connection_id": sid, "fqdn": at[0], "port": at[1], "dns_record_type": "a"}
            self.account.make(0.0, FQDN, values)
        if number:
            held = self.account.all(NUMBER)
            (found,) = [one for one in held if one.values["phone_number"] == number]
            self.account.change(0.0, found, {"connection_id": sid})
        self.carrier.serve(self.account.trunks())
        return sid

    def held(self, sid: str) -> TelnyxThing:
        """A connection."""
        found = self.account.find(CONNECTION, sid)
        assert found is not None
        return found


@asynccontextmanager
async def simulated_telnyx(
    network: NetworkConfig, *, refer: bool = True
) -> AsyncIterator[SimulatedTelnyx]:
    """The carrier while it is needed. `refer`: Telnyx's support has enabled REFER."""
    profile = load_profile("telnyx")
    if refer:
        profile = replace(profile, manners=replace(profile.manners, transfer_mode="enable-all"))
    async with CarrierService(profile, network) as carrier:
        telnyx = SimulatedTelnyx(carrier, account=new_holdings(carrier, network))
        async with telnyx.served(telnyx_routes(carrier, telnyx.account)):
            yield telnyx
