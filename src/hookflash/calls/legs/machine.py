"""A leg's parts, and what it does with the steps that they return; its inputs are in `leg`.

Here a phase ends, a BYE goes out or is promised, and in the end the leg is forgotten.
"""

from __future__ import annotations

from ...base.ids import Ids
from ...sip.dialog import Dialog
from ...sip.timers import Timers
from ..effects import (
    CloseMedia,
    ForgetDialog,
    LegAnswered,
    LegEffect,
    LegEnded,
    LegFinished,
    LegHeld,
    LegLeft,
    LegRinging,
    OpenMedia,
)
from ..transfers.transferor import Transferor
from .activity import Activity
from .answering import Answering
from .core import OVER, End, LegCore, Phase, SendBye, Step
from .dialing import Dialing
from .offers import Offers
from .refreshing import Refreshing, may_start
from .requester import Purpose, Requester
from .settings import LegSettings
from .transferring import Transferring

_HANGING_UP = frozenset({Purpose.BYE})
_NOTED = frozenset({LegLeft, OpenMedia, LegRinging, LegHeld, LegAnswered})
"""Effects of the parts that the leg itself takes note of."""


class LegMachine:
    """Everything of a leg but its inputs (`leg.Leg`)."""

    __slots__ = (
        "_activity",
        "_bye",
        "_core",
        "_deaf",
        "_dialing",
        "_left",
        "_linger_ends",
        "_media_open",
        "_offers",
        "_refreshing",
        "_requester",
        "_setup",
        "_stored",
        "_transfers",
        "call_id",
    )

    def __init__(self, call_id: str, settings: LegSettings, ids: Ids, timers: Timers) -> None:
        """`call_id` is the SCL_ id and our tag in every dialog of this leg."""
        core = LegCore(call_id, settings, ids, timers)
        self.call_id = call_id
        """SCL_ id, at hand here too: a call asks for it some fifty times."""
        self._core = core
        self._offers = Offers(core)
        self._requester = Requester(core)
        self._dialing: Dialing | None = None
        if settings.direction == "outbound":
            self._dialing = Dialing(core, self._offers, self._requester)
        self._setup = self._dialing or Answering(core, self._offers)
        """What makes the call; of no use once it is confirmed."""
        self._refreshing = Refreshing(core, self._offers, self._requester)
        self._transfers: Transferring | None = None
        self._activity = Activity(settings)
        self._bye: SendBye | None = None
        """What to send once the ACK has come."""
        self._deaf = False
        self._left = True
        """The caller is not in the room: not yet, or no more."""
        self._media_open = False
        self._stored = False
        self._linger_ends: float | None = None

    # --- what others may know -------------------------------------------------------------------

    @property
    def state(self) -> Phase:
        """Where the call stands."""
        return self._core.phase

    @property
    def dialog(self) -> Dialog | None:
        """From the first 180 on."""
        return self._core.dialog

    @property
    def finished(self) -> bool:
        """Nothing more will come of this leg."""
        return self._core.phase is Phase.FINISHED

    @property
    def held(self) -> bool:
        """The peer put us on hold."""
        return self._offers.held

    @property
    def transferor(self) -> Transferor | None:
        """The transfers of this call, if there was one."""
        return self._transfers.transferor if self._transfers is not None else None

    # --- carrying out what the parts return -----------------------------------------------------

    def _carry_out(self, now: float, steps: list[Step]) -> list[LegEffect]:
        out = self._resolve(now, steps)
        core = self._core
        if self._refreshing.wanted:
            transferor = self.transferor
            refer_open = transferor is not None and transferor.refer_open
            if may_start(core, self._requester, refer_open=refer_open):
                out += self._resolve(now, self._refreshing.start())
        if self._transfers is not None:
            self._settle_transfers(now, self._transfers, out)
        if core.target_moved and self._stored:
            out.append(core.store())
        if core.phase is Phase.ENDED:
            self._finish(out)
        return out

    def _resolve(self, now: float, steps: list[Step]) -> list[LegEffect]:
        """Turn the parts' own steps into effects, and keep account of a few of the others."""
        out: list[LegEffect] = []
        for step in steps:
            if isinstance(step, End):
                out += self._end(now, step)
            elif isinstance(step, SendBye):
                out += self._hang_up(now, step)
            elif type(step) not in _NOTED:
                out.append(step)
            elif not isinstance(step, LegLeft):
                out.append(step)
                out += self._noted(now, step)
            elif not self._left:
                self._left = True
                out.append(step)
        return out

    def _confirmed(self, now: float) -> list[Step]:
        self._core.enter(Phase.CONFIRMED)
        self._activity.confirmed(now)
        self._stored = True
        return [self._core.store()]

    def _noted(self, now: float, step: LegEffect) -> list[LegEffect]:
        if isinstance(step, OpenMedia):
            self._media_open = True
        elif isinstance(step, LegRinging):
            self._left = False
        elif isinstance(step, LegHeld):
            self._activity.hold(now, step.held)
        elif self._dialing is None:
            return self._resolve(now, self._activity.answered(now))
        else:  # the ACK of ours is out
            return self._resolve(now, [*self._confirmed(now), *self._activity.answered(now)])
        return []

    def _settle_transfers(self, now: float, transfers: Transferring, out: list[LegEffect]) -> None:
        out += self._resolve(now, transfers.settle(now))
        if self._core.phase not in (*OVER, Phase.LEAVING):  # no clock starts again then
            self._activity.transfer(now, transfers.suspends)

    def _hang_up(self, now: float, bye: SendBye) -> list[LegEffect]:
        """BYE, or the promise of one: it waits for the ACK of our first 200."""
        core = self._core
        if core.phase in OVER or (core.phase is Phase.LEAVING and core.unacked is not None):
            return []
        if self._setup.open:
            return self._resolve(now, self._setup.reject(480, bye.left, bye.reason))
        if core.phase is Phase.ANSWERED and core.unacked is not None:
            core.enter(Phase.LEAVING)
            self._bye = bye
            self._stop_clocks()
            steps: list[Step] = [LegLeft(bye.left)]
            if self._transfers is not None:
                steps += self._transfers.call_ended(now, "local", None, None)
            return self._resolve(now, steps)
        headers = (*core.attribute_headers, *bye.headers)
        sent = self._requester.send(Purpose.BYE, headers)[1]
        cause = next((value for name, value in bye.headers if name == "Reason"), "")
        return [sent, *self._end(now, End("local", bye.reason, bye.left, None, cause))]

    def _end(self, now: float, end: End) -> list[LegEffect]:
        core = self._core
        core.enter(Phase.ENDED)
        core.unacked = None
        self._stop_clocks()
        steps: list[Step] = [
            LegLeft(end.left),
            LegEnded(end.by, end.reason, end.status, end.cause),
        ]
        if self._media_open:
            self._media_open = False
            steps.append(CloseMedia())
        if self._transfers is not None:
            self._linger_ends = now + core.timers.transaction
            gone = 481 if end.left == "dropped" else None
            steps += self._transfers.call_ended(now, end.by, gone, end.cseq)
        self._linger(now)
        return self._resolve(now, steps)

    def _linger(self, now: float) -> None:
        """Stay as long as a 2xx to an INVITE of ours may come again."""
        until = self._setup.remembers_until
        if until is not None and until > max(now, self._linger_ends or now):
            self._linger_ends = until

    def _stop_clocks(self) -> None:
        self._activity.ended()
        self._core.timer.stop()

    def _finish(self, out: list[LegEffect]) -> None:
        """Forget what need not be kept any more; in the end the leg itself."""
        if self._stored and not self._requester.open(_HANGING_UP):
            self._stored = False
            out.append(ForgetDialog())
        watching = self._transfers is not None and self._transfers.transferor.watching
        idle = self._requester.idle and not self._setup.busy
        if idle and self._linger_ends is None and not watching:
            self._core.enter(Phase.FINISHED)
            out.append(LegFinished())
