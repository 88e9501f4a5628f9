"""How a NOTIFY of the dialog is answered, and which REFER it is handed to (transfer.md §4).

A NOTIFY is read whenever it comes: before the 2xx of its REFER, after the BYE, with a CSeq that a
later one overtook, and up to 3 minutes after the verdict. What it means for its REFER is
`refer_usage.ReferUsage.notified`'s to say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from ...sip.subscription import Notify
from ..effects import Note
from .attempt import Effects
from .refer_usage import ReferUsage, select

REMEMBERED: Final = 128
"""NOTIFYs of a dialog; a transfer has a handful."""


class NotifyReader:
    """What is known of all NOTIFYs of one dialog."""

    __slots__ = ("_read", "_writes_ids")

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[int, str | None], None] = OrderedDict()
        """CSeq and branch of the last `REMEMBERED`: on a stream, a peer that repeats one by a new
        connection finds its transaction gone."""
        self._writes_ids = False
        """One of them carried an `id`."""

    def read(
        self, usages: Sequence[ReferUsage], notify: Notify, branch: str | None
    ) -> tuple[int, ReferUsage | None, Effects]:
        """The status to answer it with at once, and the REFER that it speaks of, if there is one
        to be told. `usages`: those of the dialog, oldest first; `branch`: of its topmost Via."""
        sent = any(usage.standing != "unsent" for usage in usages)
        if notify.package != "refer" and not (sent and notify.unnamed):
            return 489, None, []
        if not sent:
            return 481, None, []
        if (notify.cseq, branch) in self._read:
            return 200, None, []
        self._read[notify.cseq, branch] = None
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)
        self._writes_ids |= notify.event_id is not None
        usage = select(usages, notify, writes_ids=self._writes_ids)
        if usage is None:
            return 200, None, [Note("notify_ignored", (("event_id", notify.event_id),))]
        return 200, usage, []
