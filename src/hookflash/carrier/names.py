"""Host names as a carrier finds them, or does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..adapters.dns import Resolver
from ..base.ids import Ids
from ..sip.flow import Transport
from ..sip.location import Target, numeric_host
from ..sip.uri import Uri


class CarrierResolver(Resolver):
    """Finds no name while the carrier's DNS fails: neither that of an exchange nor that of a
    Refer-To. Addresses need no DNS."""

    def __init__(self, ids: Ids, fails: Callable[[], bool]) -> None:
        """`fails`: asked before each look-up."""
        super().__init__(ids)
        self._fails = fails

    async def locate(self, uri: Uri, transports: Sequence[Transport]) -> list[Target]:
        """As `Resolver.locate`."""
        if self._fails() and numeric_host(uri) is None:
            return []
        return await super().locate(uri, transports)
