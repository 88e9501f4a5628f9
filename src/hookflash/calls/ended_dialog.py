"""What is left of a transferred call when nothing that comes can change anything any more: for half
a minute its late NOTIFYs are answered (transfer.md §4).

It takes the place of the leg at the switchboard. A leg is some fifty objects, and calls are often
transferred, so that most of what a busy server would hold are legs that wait for nothing.
"""

from __future__ import annotations

from ..sip.effects import FailureReason
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.subscription import Notify, read_notify
from .effects import LegEffect, LegFinished, Respond


class EndedDialog:
    """One call that is over (`switchboard.BoardLeg`)."""

    __slots__ = ("_remote_tag", "_sip_call_id", "_until", "call_id")

    def __init__(
        self, call_id: str, sip_call_id: str, remote_tag: str, until: float | None
    ) -> None:
        """`call_id`: SCL_ id, our tag; `until`: when it ends, None while that is not known."""
        self.call_id = call_id
        self._sip_call_id = sip_call_id
        self._remote_tag = remote_tag
        self._until = until

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        """A request with our tag; `key` is "" for ACK. NOTIFYs of a REFER and BYEs of the dialog
        get 200, everything else 481."""
        if not key:
            return []
        known = (request.call_id, request.from_tag) == (self._sip_call_id, self._remote_tag)
        if not known or request.method not in {"NOTIFY", "BYE"}:
            return [Respond(key, Response.reply(request, 481))]
        if request.method == "BYE":
            return [Respond(key, Response.reply(request, 200))]
        notify = read_notify(request)
        if notify.package != "refer" and not notify.unnamed:
            refused = Response.reply(request, 489, headers=(("Allow-Events", "refer"),))
            return [Respond(key, refused)]
        return [Respond(key, Response.reply(request, 200)), *self._notified(notify)]

    def _notified(self, notify: Notify) -> list[LegEffect]:
        """What it means: nothing any more."""
        return []

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        """There is no INVITE to cancel."""
        return []

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        """No request is open."""
        return []

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]:
        """No request is open."""
        return []

    def next_deadline(self) -> float | None:
        """The end."""
        return self._until

    def handle_deadline(self, now: float) -> list[LegEffect]:
        """Nobody asks any more."""
        if self._until is None or now < self._until:
            return []
        self._until = None
        return [LegFinished()]

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        """There is no call to end."""
        return [LegFinished()] if due else []
