"""One REFER that the carrier carries out, as its manners have it (RFC 3515 §2.4). Pure.

It says what is to be answered, notified, called, joined and ended, and when; who does it is the
switch. Nothing here knows a dialog.

    refused
    accepted → placed → joined
                      ↘ failed
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Final

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..sip.fields import NameAddr, Replaces
from ..sip.message import Request
from ..sip.phrases import reason_phrase
from .config import TransferMode
from .manners import CarrierManners, refusal
from .routing import TransferTarget, read_target

LINE_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}
GONE: Final = 487
"""What the transferor is told where the caller hung up before the target answered."""
NO_ANSWER: Final = 480


@light_dataclass(frozen=True, slots=True)
class AnswerRefer:
    """The answer to the REFER; `subscribe`: a NOTIFY will follow."""

    status: int
    phrase: str
    subscribe: bool = False


@light_dataclass(frozen=True, slots=True)
class NotifyReferrer:
    """A NOTIFY to who asked."""

    event: str
    state: str
    body: bytes


@light_dataclass(frozen=True, slots=True)
class CallTarget:
    """Call whom the REFER names; how that goes comes back by `progress`."""

    target: TransferTarget


@light_dataclass(frozen=True, slots=True)
class TakeOver:
    """Give the caller the place that the REFER names; how that goes comes back by `progress`."""

    replaces: Replaces


@light_dataclass(frozen=True, slots=True)
class DropTarget:
    """Call the target no longer."""


@light_dataclass(frozen=True, slots=True)
class JoinTarget:
    """Caller and target hear each other, and the transferor neither."""


@light_dataclass(frozen=True, slots=True)
class HoldTransferor:
    """Put the transferor on hold, or take it back."""

    held: bool


@light_dataclass(frozen=True, slots=True)
class EndTransferor:
    """Hang up on who asked."""


ReferralEffect = (
    AnswerRefer
    | NotifyReferrer
    | CallTarget
    | TakeOver
    | DropTarget
    | JoinTarget
    | HoldTransferor
    | EndTransferor
)


class ReferralState(Enum):
    """Where a REFER stands."""

    RECEIVED = "received"
    REFUSED = "refused"
    PLACED = "placed"
    """Accepted; the target is called."""
    JOINED = "joined"
    FAILED = "failed"


REFERRAL_STEPS: Final[dict[ReferralState, frozenset[ReferralState]]] = {
    ReferralState.RECEIVED: frozenset({ReferralState.REFUSED, ReferralState.PLACED}),
    ReferralState.PLACED: frozenset({ReferralState.JOINED, ReferralState.FAILED}),
    ReferralState.REFUSED: frozenset(),
    ReferralState.JOINED: frozenset(),
    ReferralState.FAILED: frozenset(),
}
"""Every legal step. Only `Referral._enter` changes a state."""


class Referral:
    """Made with a REFER; `receive` begins."""

    def __init__(
        self,
        manners: CarrierManners,
        transfer_mode: TransferMode,
        request: Request,
        *,
        first: bool,
        busy: bool = False,
        own_hosts: Sequence[str] = (),
    ) -> None:
        """`first`: the first REFER of its call. `busy`: another one is not done yet."""
        self.request = request
        self.state = ReferralState.RECEIVED
        self.why = ""
        """In words, why it was refused, or failed."""
        self.status = 0
        """The last one that the target gave."""
        self._manners = manners
        self._mode = transfer_mode
        self._busy = busy
        self._own_hosts = own_hosts
        # Later ones must name the REFER by its CSeq (RFC 3515 §2.4.6).
        plain = first and not manners.notify_id
        self._event = "refer" if plain else f"refer;id={request.cseq.number}"
        self._messages: deque[tuple[float, ReferralEffect]] = deque()
        """What is to be said, in this order and not before these times."""
        self._acts: deque[tuple[float, ReferralEffect]] = deque()
        """What is to be done."""
        self._holds = manners.hold
        self._gives_up_at: float | None = None
        self._hangs_up_at: float | None = None

    @property
    def open(self) -> bool:
        """The target is being called."""
        return self.state is ReferralState.PLACED

    # --- inputs ---------------------------------------------------------------------------------

    def receive(self, now: float) -> list[ReferralEffect]:
        """Judge the REFER; begin to carry it out, or refuse it."""
        manners = self._manners
        judged = self._judge()
        answer_at = now + manners.refer_answer_delay
        if isinstance(judged, AnswerRefer):
            self._enter(ReferralState.REFUSED)
            self._say(answer_at, judged)
            return self._due(now)
        self._enter(ReferralState.PLACED)
        trying = manners.notify in {"all", "100-terminated"}
        if trying and manners.notify_before_answer:
            self._notify(now, 100)
        subscribe = manners.notify != "none"
        self._say(answer_at, AnswerRefer(202, reason_phrase(202), subscribe))
        if trying and not manners.notify_before_answer:
            self._notify(answer_at, 100)
        if isinstance(judged, Replaces):  # nobody is called, so there is nothing to wait for
            self._holds = False
            self._acts.append((answer_at, TakeOver(judged)))
        else:
            if self._holds:
                self._acts.append((answer_at, HoldTransferor(held=True)))
            self._acts.append((answer_at, CallTarget(judged)))
        self._gives_up_at = answer_at + manners.no_answer_after
        if manners.hang_up_at == "refer-accepted":
            self._hang_up(answer_at)
        return self._due(now)

    def progress(self, now: float, status: int) -> list[ReferralEffect]:
        """The target's phone rings (180), is answered (2xx) or is not (300 and more)."""
        if self.state is not ReferralState.PLACED:
            return []
        self.status = status
        if status < 200:
            if self._manners.notify == "all":
                self._notify(now, status)
            return self._due(now)
        self._gives_up_at = None
        if self._manners.notify in {"all", "final"}:
            self._notify(now, status)
        if status < 300:
            self._enter(ReferralState.JOINED)
            if self._manners.hang_up_at == "target-answered":
                self._hang_up(now)
            return [JoinTarget(), *self._due(now)]
        self._fail()
        if self._holds:
            self._acts.append((now, HoldTransferor(held=False)))
        return self._due(now)

    def caller_left(self, now: float) -> list[ReferralEffect]:
        """Who was to be transferred has hung up."""
        if self.state is not ReferralState.PLACED:
            return []
        self.status = GONE
        if self._manners.abandoned_for:
            self._hangs_up_at = now + self._manners.abandoned_for
        elif self._manners.notify in {"all", "final"}:
            self._notify(now, GONE)
        self._fail()
        return [DropTarget(), *self._due(now)]

    def transferor_left(self) -> None:
        """Who asked has hung up; the transfer goes on, and the NOTIFYs too (RFC 5057)."""
        self._hangs_up_at = None

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        times = [queue[0][0] for queue in (self._messages, self._acts) if queue]
        times += [at for at in (self._gives_up_at, self._hangs_up_at) if at is not None]
        return min(times, default=None)

    def handle_deadline(self, now: float) -> list[ReferralEffect]:
        """What is due at `now`."""
        effects = self._due(now)
        if self._gives_up_at is not None and now >= self._gives_up_at:
            effects += [DropTarget(), *self.progress(now, NO_ANSWER)]
        if self._hangs_up_at is not None and now >= self._hangs_up_at:
            self._hangs_up_at = None
            effects.append(EndTransferor())
        return effects

    # --- inside ---------------------------------------------------------------------------------

    def _judge(self) -> TransferTarget | Replaces | AnswerRefer:
        """The target, the dialog that the REFER names for one, or why there is none, in the order
        in which a carrier finds it out."""
        manners = self._manners
        refused = refusal(manners.refused_status, manners.refused_phrase)
        if manners.refer == "never":
            return self._no(refused, "this carrier carries out no REFER")
        if self._off():
            return self._no(refused, "transfer_mode of the trunk is disable-all")
        if self._busy:
            return self._no((491, reason_phrase(491)), "another REFER of this call is not done")
        missing = [name for name in manners.headers_required if name not in self.request.headers]
        if missing:
            return self._no(refused, f"the header {missing[0]} is missing")
        try:
            text = self.request.header("Refer-To")
            if text is None:
                raise SipError("Refer-To is missing")
            target = read_target(NameAddr.parse(text).uri, manners.domain, self._own_hosts)
            named = target.uri.header("Replaces")
            replaces = None if named is None else Replaces.parse(named)
        except SipError as error:
            return self._no((400, reason_phrase(400)), error.text)
        if replaces is not None and manners.replaces != "supported":
            answer = refusal(manners.replaces_status, manners.replaces_phrase)
            return self._no(answer, "this carrier carries out no attended transfer (Replaces)")
        if replaces is None and target.form not in manners.target_forms:
            allowed = ", ".join(manners.target_forms)
            wrong = f"a target of the form {target.form} is not taken, only {allowed}"
            return self._no(refusal(manners.target_status, manners.target_phrase), wrong)
        if self._sip_only() and target.number:
            return self._no(refused, "transfer_mode of the trunk is sip-only, the target a number")
        return replaces or target

    def _off(self) -> bool:
        return self._manners.refer == "trunk-setting" and self._mode == "disable-all"

    def _sip_only(self) -> bool:
        return self._manners.refer == "trunk-setting" and self._mode == "sip-only"

    def _no(self, answer: tuple[int, str], why: str) -> AnswerRefer:
        self.why = why
        return AnswerRefer(*answer)

    def _fail(self) -> None:
        self._enter(ReferralState.FAILED)
        self._gives_up_at = None

    def _hang_up(self, since: float) -> None:
        if self._manners.hang_up_after is not None:
            self._hangs_up_at = since + self._manners.hang_up_after

    def _notify(self, now: float, status: int) -> None:
        over = status >= 200 or self._manners.notify == "100-terminated"
        state = "terminated;reason=noresource" if over else "active;expires=60"
        phrase = f" {reason_phrase(status)}" if self._manners.sipfrag_phrase else ""
        body = f"SIP/2.0 {status}{phrase}{LINE_ENDS[self._manners.sipfrag_line_end]}"
        notify = NotifyReferrer(self._event, state, body.encode("ascii"))
        self._say(now + self._manners.notify_delay, notify)

    def _say(self, at: float, effect: ReferralEffect) -> None:
        """At that time, and not before what waits already: only the first is looked at."""
        self._messages.append((at, effect))

    def _due(self, now: float) -> list[ReferralEffect]:
        effects = []
        for queue in (self._messages, self._acts):
            while queue and queue[0][0] <= now:
                effects.append(queue.popleft()[1])
        return effects

    def _enter(self, state: ReferralState) -> None:
        if state not in REFERRAL_STEPS[self.state]:
            raise AssertionError(f"{self.state.value} -> {state.value}")
        self.state = state
