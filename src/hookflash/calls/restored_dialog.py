"""What is left of a call after a crash: it is hung up, and its late NOTIFYs are answered.

It is made from a stored dialog (calls.md §5). It takes the place of a leg at the switchboard.
"""

from __future__ import annotations

from ..sip.dialog import Dialog
from ..sip.effects import FailureReason
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.subscription import read_notify
from .effects import ForgetDialog, LateNotify, LegEffect, LegFinished, Respond, SendRequest
from .ended_dialog import answer_late
from .records import DialogRecord
from .transfers.refer_usage import is_outcome

WATCH = 180.0
"""Seconds for which NOTIFYs of an interrupted transfer are read (transfer.md §4)."""
_TOKEN = 1


class RestoredDialog:
    """One call of an earlier run."""

    __slots__ = ("_decided", "_dialog", "_ends", "call_id")

    def __init__(self, record: DialogRecord) -> None:
        """Raises SipError where the record cannot be read."""
        self.call_id = record.call_id
        self._dialog = Dialog.revive(record)
        self._ends: float | None = None
        self._decided = False
        """A final status came: later ones are ignored, as in a call."""

    def start(self, now: float) -> list[LegEffect]:
        """BYE at once, and no second try at the next restart."""
        self._ends = now + WATCH
        request, hop = self._dialog.make_request(
            "BYE", (("Reason", 'SIP;cause=503;text="Server restarted"'),)
        )
        return [SendRequest(_TOKEN, request, hop), ForgetDialog()]

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        """As of any call that is over, but the outcome of an interrupted transfer is told."""
        if not key:
            return []
        answer = answer_late(request, self._dialog.call_id, self._dialog.remote_tag)
        out: list[LegEffect] = [Respond(key, answer)]
        if answer.status != 200 or request.method != "NOTIFY":
            return out
        notify = read_notify(request)
        fragment = notify.fragment
        if fragment is not None and is_outcome(fragment.status, notify) and not self._decided:
            self._decided = True
            out.append(LateNotify(fragment.status, fragment.reason))
        return out

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        """There is no INVITE to cancel."""
        return []

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        """Whatever became of our BYE, the call is over."""
        return []

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]:
        """Nobody answered our BYE."""
        return []

    def next_deadline(self) -> float | None:
        """The end of the watch."""
        return self._ends

    def handle_deadline(self, now: float) -> list[LegEffect]:
        """Nothing more will come."""
        if self._ends is None or now < self._ends:
            return []
        self._ends = None
        return [LegFinished()]

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        """There is no call to end."""
        return [LegFinished()] if due else []
