"""What is left of a call after a crash: it is hung up, and its late NOTIFYs are answered.

It is made from a stored dialog (calls.md §5). It takes the place of a leg at the switchboard.
"""

from __future__ import annotations

from ..sip.dialog import Dialog
from ..sip.subscription import Notify
from .effects import ForgetDialog, LateNotify, LegEffect, SendRequest
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

    def _notified(self, notify: Notify) -> list[LegEffect]:
        """The outcome of an interrupted transfer is told."""
        fragment = notify.fragment
        if fragment is None or not is_outcome(fragment.status, notify) or self._decided:
            return []
        self._decided = True
        return [LateNotify(fragment.status, fragment.reason)]
