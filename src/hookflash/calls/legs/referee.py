"""REFER of the peer, and the NOTIFYs that we send for it (RFC 3515 §2.4).

Only legs whose settings accept REFER have this part. What a REFER means, and what becomes of it, is
its owner's: it is told by `ReferReceived`, answers by `Leg.answer_refer`, and says by
`Leg.notify_refer` how it goes. Each accepted REFER is a subscription, which may outlive the call.
"""

from __future__ import annotations

from ...sip.message import Request, Response
from ..effects import ReferReceived, Respond
from .core import LegCore, Step
from .requester import Purpose, Requester
from .settings import HeaderItems

LIFETIME = 300.0
"""Seconds after which a subscription is over, whoever forgot to end it."""


class Referee:
    """Receives the REFERs of one leg, and keeps account of their subscriptions."""

    __slots__ = ("_core", "_requester", "_until")

    def __init__(self, core: LegCore, requester: Requester) -> None:
        self._core = core
        self._requester = requester
        self._until: dict[int, float] = {}
        """When each subscription is over at the latest, by the CSeq of its REFER."""

    @property
    def subscribed(self) -> bool:
        """A NOTIFY of ours is to come."""
        return bool(self._until)

    def received(self, key: str, request: Request) -> list[Step]:
        """A REFER in its order."""
        lacking = self._core.lacking(request)
        if lacking:
            return [Respond(key, self._core.reply(request, 420, (("Unsupported", lacking),)))]
        return [ReferReceived(key, request)]

    def answer(
        self,
        now: float,
        refer: ReferReceived,
        response: Response,
        *,
        subscribe: bool,
    ) -> list[Step]:
        """Our answer; `subscribe`: NOTIFYs follow, and the leg stays for them."""
        if subscribe:
            self._until[refer.request.cseq.number] = now + LIFETIME
        return [Respond(refer.key, response)]

    def notify(self, refer: ReferReceived, headers: HeaderItems, body: bytes) -> list[Step]:
        """A NOTIFY; `Subscription-State: terminated` among its headers is the last one."""
        state = next((value for name, value in headers if name == "Subscription-State"), "")
        if state.startswith("terminated"):
            self._until.pop(refer.request.cseq.number, None)
        if self._core.dialog is None:
            return []
        return [self._requester.send(Purpose.NOTIFY, headers, body)[1]]

    def next_deadline(self) -> float | None:
        """The end of the first subscription that is over by itself."""
        return min(self._until.values(), default=None)

    def handle_deadline(self, now: float) -> None:
        """Forget those that are over."""
        self._until = {cseq: until for cseq, until in self._until.items() if now < until}
