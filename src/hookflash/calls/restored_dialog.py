"""What is left of a call after a crash: it is hung up, and its late NOTIFYs are answered.

It is made from a stored dialog (calls.md §5). It takes the place of a leg at the switchboard.
"""

from __future__ import annotations

from ..sip.dialog import Dialog
from ..sip.flow import Flow
from ..sip.message import Request
from ..sip.subscription import read_notify
from .effects import ForgetDialog, LateNotify, LegEffect, Respond, SendRequest
from .ended_dialog import EndedDialog
from .records import DialogRecord
from .transfers.refer_usage import is_outcome

WATCH = 180.0
"""Seconds for which NOTIFYs of an interrupted transfer are read (transfer.md §4)."""
_TOKEN = 1


class RestoredDialog(EndedDialog):
    """One call of an earlier run."""

    __slots__ = ("_decided", "_dialog")

    def __init__(self, record: DialogRecord) -> None:
        """Raises SipError where the record cannot be read."""
        dialog = self._dialog = Dialog.revive(record)
        super().__init__(record.call_id, dialog.call_id, dialog.remote_tag, None)
        self._decided = False
        """A final status came: later ones are ignored, as in a call."""

    def start(self, now: float) -> list[LegEffect]:
        """BYE at once, and no second try at the next restart."""
        self._until = now + WATCH
        request, hop = self._dialog.make_request(
            "BYE", (("Reason", 'SIP;cause=503;text="Server restarted"'),)
        )
        return [SendRequest(_TOKEN, request, hop), ForgetDialog()]

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        """As of any call that is over, but the outcome of an interrupted transfer is told."""
        out = super().request_received(now, key, request, flow)
        if request.method != "NOTIFY" or not any(_accepted(effect) for effect in out):
            return out
        notify = read_notify(request)
        fragment = notify.fragment
        if fragment is not None and is_outcome(fragment.status, notify) and not self._decided:
            self._decided = True
            out.append(LateNotify(fragment.status, fragment.reason))
        return out


def _accepted(effect: LegEffect) -> bool:
    return isinstance(effect, Respond) and effect.response.status == 200
