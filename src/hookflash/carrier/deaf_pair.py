"""One pair of ports for all calls of a carrier that is muted: an SDP has to name some."""

from __future__ import annotations

from collections.abc import Callable

from ..adapters.udp import UdpPair


class DeafPair(UdpPair):
    """Nobody reads what comes in, and no call that ends frees it: `free` does."""

    __slots__ = ()

    def watch(self, on_rtp: Callable[[], object], on_rtcp: Callable[[], object]) -> None:
        """Nothing: the system drops what is more than its buffer takes."""

    def close(self) -> None:
        """Nothing: other calls have it too."""

    def free(self) -> None:
        """Free both ports."""
        super().close()
