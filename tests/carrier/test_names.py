"""Names that are found, or not."""

from __future__ import annotations

import asyncio
import random

from hookflash.base.ids import Ids
from hookflash.carrier.names import CarrierResolver
from hookflash.sip.location import ALL_TRANSPORTS
from hookflash.sip.uri import Uri

NAME, ADDRESS = Uri.parse("sip:localhost:5070"), Uri.parse("sip:192.0.2.1:5070")


def test_without_dns_only_addresses_are_found() -> None:
    fails = False

    async def found(uri: Uri) -> set[str]:
        resolver = CarrierResolver(Ids(random.Random(1)), lambda: fails)
        return {target.ip for target in await resolver.locate(uri, ALL_TRANSPORTS)}

    assert "127.0.0.1" in asyncio.run(found(NAME))
    fails = True
    assert asyncio.run(found(NAME)) == set()
    assert asyncio.run(found(ADDRESS)) == {"192.0.2.1"}
