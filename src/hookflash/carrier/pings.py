"""OPTIONS of the carrier to the exchange of a trunk, again and again (RFC 3261 §11). Pure.

Such a ping stands at the switchboard like a leg, so that transactions and ways are those of calls.
"""

from __future__ import annotations

from typing import Final, Protocol

from ..base.ids import Ids
from ..calls.effects import LegAnswered, LegEffect, Respond, SendRequest
from ..sip.effects import FailureReason
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.routing import Hop
from ..sip.uri import Uri
from .config import TrunkConfig
from .invites import origination
from .manners import CarrierManners
from .routing import Numbers

FIRST: Final = 0.5
"""Seconds to the first of them."""


class PingHost(Protocol):
    """What a ping needs of the switch (`switch.Switch`)."""

    ids: Ids
    manners: CarrierManners
    numbers: Numbers


class TrunkPing:
    """Of one trunk; a `calls.switchboard.BoardLeg`."""

    def __init__(
        self,
        host: PingHost,
        now: float,
        trunk: TrunkConfig,
        every: float,
        domain: str,
        contact: Uri,
    ) -> None:
        ids = host.ids
        self.call_id = ids.new("PING_")
        self.trunk = trunk.name
        self._every = every
        self._from = f"<sip:{domain}>;tag={self.call_id}"
        self._sip_call_id = f"{ids.token(20)}@{domain}"
        self._contact = contact
        self._host = host
        self._count = 0
        self._due = now + FIRST
        self.status: int | None = None
        """Of the last answer; 0: none came. None: not known yet."""

    def next_deadline(self) -> float | None:
        """When the next one is to go."""
        return self._due

    def handle_deadline(self, now: float) -> list[LegEffect]:
        """It goes."""
        if now < self._due:
            return []
        self._due = now + self._every
        self._count += 1
        trunk = next((one for one in self._host.numbers.trunks if one.name == self.trunk), None)
        place = None if trunk is None else origination(self._host.manners, trunk)
        if place is None:
            return []  # it has none at the moment
        headers = [
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", f"<{place}>"),
            ("Call-ID", self._sip_call_id),
            ("CSeq", f"{self._count} OPTIONS"),
            ("Contact", f"<{self._contact}>"),
        ]
        return [SendRequest(self._count, Request("OPTIONS", place, headers), Hop(place))]

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        """The exchange is there, whatever it says."""
        return self._heard(response.status) if response.status >= 200 else []

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]:
        """Nobody is."""
        return self._heard(0)

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        """There is no call to talk in."""
        return [Respond(key, Response.reply(request, 481))] if key else []

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        """There is nothing to cancel."""
        return []

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        """The next one may go better."""
        return []

    def _heard(self, status: int) -> list[LegEffect]:
        """What changes is the owner's to tell: the status, 0 where no answer came."""
        if status == self.status:
            return []
        self.status = status
        return [LegAnswered(status)]
