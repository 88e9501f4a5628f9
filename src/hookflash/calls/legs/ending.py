"""The end of a leg: BYE or the promise of one, out of the room, ports free; and what is still
waited for until the leg is forgotten."""

from __future__ import annotations

from ..effects import CloseMedia, ForgetDialog, LegEffect, LegEnded, LegFinished, LegLeft
from .activity import Activity
from .answering import Answering
from .core import OVER, End, LegCore, Phase, SendBye, Step, earlier, never, reason_of
from .dialing import Dialing
from .referee import Referee
from .requester import Purpose, Requester
from .transferring import Transferring

_HANGING_UP = frozenset({Purpose.BYE})


class Ending:
    """Ends one call. Its steps go back to the leg as those of any part do; the transfers of the
    call, if it has any, are told."""

    __slots__ = (
        "_activity",
        "_core",
        "_linger_ends",
        "_referee",
        "_requester",
        "_setup",
        "bye",
        "in_room",
        "media_open",
        "stored",
    )

    def __init__(
        self,
        core: LegCore,
        setup: Answering | Dialing,
        requester: Requester,
        activity: Activity,
        referee: Referee | None,
    ) -> None:
        self._core = core
        self._setup = setup
        self._requester = requester
        self._activity = activity
        self._referee = referee
        self._linger_ends: float | None = None
        self.bye: SendBye | None = None
        """What to send once the ACK has come."""
        self.in_room = False
        """The caller is in the room, and `LegLeft` is to be told."""
        self.media_open = False
        """A port was asked for, and is to be closed."""
        self.stored = False
        """The dialog is in the store, and to be forgotten there."""

    def hang_up(self, now: float, bye: SendBye, transfers: Transferring | None) -> list[Step]:
        """BYE, or the promise of one: it waits for the ACK of our first 200."""
        core = self._core
        if core.phase in OVER or (core.phase is Phase.LEAVING and core.unacked is not None):
            return []
        if self._setup.open:
            return self._setup.reject(480, bye.left, bye.reason, headers=bye.headers)
        if core.phase is Phase.ANSWERED and core.unacked is not None:
            core.enter(Phase.LEAVING)
            self.bye = bye
            self._stop_clocks()
            steps: list[Step] = [LegLeft(bye.left)]
            if transfers is not None:
                steps += transfers.call_ended(now, "local", None, None)
            return steps
        headers = (*core.attribute_headers, *bye.headers)
        sent = self._requester.send(Purpose.BYE, headers)[1]
        return [sent, End("local", bye.reason, bye.left, None, reason_of(bye.headers))]

    def unconfirmed(self) -> SendBye:
        """Nobody acknowledged our 2xx for 32 s (RFC 3261 §13.3.1.4): BYE without its ACK."""
        reason = ("Reason", 'SIP;cause=408;text="No ACK"')
        return self.bye or SendBye("no ACK", "dropped", (reason,))

    def end(self, now: float, end: End, transfers: Transferring | None) -> list[Step]:
        """The INVITE usage is over, and nothing is to be sent for it."""
        core = self._core
        core.enter(Phase.ENDED)
        core.unacked = None
        self._stop_clocks()
        steps: list[Step] = [
            LegLeft(end.left),
            LegEnded(end.by, end.reason, end.status, end.cause),
        ]
        if self.media_open:
            steps.append(CloseMedia())
        core.last_packet_at = never  # who waits for a late NOTIFY keeps no port
        if transfers is not None:
            self._linger_ends = now + core.timers.transaction
            gone = 481 if end.left == "dropped" else None
            steps += transfers.call_ended(now, end.by, gone, end.cseq)
        self.linger(now)
        return steps

    def linger(self, now: float) -> None:
        """Stay as long as a 2xx to an INVITE of ours may come again."""
        until = self._setup.remembers_until
        if until is not None and until > max(now, self._linger_ends or now):
            self._linger_ends = until

    def _stop_clocks(self) -> None:
        self._activity.ended()
        self._core.timer.stop()

    def next_deadline(self) -> float | None:
        """When there is no more need to stay."""
        return earlier(
            self._linger_ends, None if self._referee is None else self._referee.next_deadline()
        )

    def handle_deadline(self, now: float) -> None:
        """Stay no longer, if that is due."""
        if self._referee is not None:
            self._referee.handle_deadline(now)
        if self._linger_ends is not None and now >= self._linger_ends:
            self._linger_ends = None

    def finish(self, transfers: Transferring | None) -> list[LegEffect]:
        """Forget what need not be kept any more; in the end the leg itself."""
        out: list[LegEffect] = []
        if self.stored and not self._requester.open(_HANGING_UP):
            self.stored = False
            out.append(ForgetDialog())
        watching = transfers is not None and transfers.transferor.watching
        watching |= self._referee is not None and self._referee.subscribed
        if watching or not self._requester.idle or self._setup.busy:
            return out
        finished = LegFinished()
        if self._linger_ends is not None:
            dialog = self._core.dialog
            # A 2xx that comes again needs its ACK, and a report that means something this leg.
            concluded = transfers is not None and transfers.transferor.concluded
            if dialog is None or not concluded or self._setup.remembers_until is not None:
                return out
            finished = LegFinished(self._linger_ends, dialog.call_id, dialog.remote_tag)
            self._linger_ends = None
        self._core.enter(Phase.FINISHED)
        return [*out, finished]
