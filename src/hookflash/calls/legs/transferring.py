"""The leg's side of its transferor: performs the transferor's effects and hands it what happens.

The transferor (`transfers.transferor`) knows what a transfer is; this part knows when a REFER may
go out and how requests are sent. It is made with the first transfer of a call.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...sip.effects import FailureReason
from ...sip.message import Request, Response
from ..effects import LegEffect, LegLeft, Respond
from ..records import Side
from ..transfers.request import TransferRequest
from ..transfers.transferor import Transferor
from ..transfers.transferor_effects import (
    HangUp,
    LeaveRoom,
    SendProbe,
    SendSubscribe,
    TransferorEffect,
)
from .core import LegCore, Phase, SendBye, Step
from .requester import OFFERING, Pending, Purpose, Requester
from .settings import ALLOW, SUPPORTED

SUBSCRIBE_EXPIRES = 60
"""Seconds; one NOTIFY with the outcome is all that we want."""


class Referring:
    """Sends the REFERs of one leg (`ReferSender`). It is no part of `Transferring`, to which the
    transferor would lead back then."""

    __slots__ = ("_requester", "waiting")

    def __init__(self, requester: Requester) -> None:
        self._requester = requester
        self.waiting: Pending | None = None
        """A REFER that was answered 491: sent again, it keeps the credentials that it has."""

    def send_refer(
        self, transfer_id: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[int, LegEffect]:
        """The transferor sends its REFER, or sends it again after a 491."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None and waiting.transfer_id == transfer_id:
            again = self._requester.repeat(waiting)
            return waiting.cseq, again
        given = {name.lower() for name, _ in headers}
        ours = (("Allow", ALLOW), ("Supported", SUPPORTED))
        headers = tuple(item for item in ours if item[0].lower() not in given) + headers
        pending, send = self._requester.send(Purpose.REFER, headers, transfer_id=transfer_id)
        return pending.cseq, send


class Transferring:
    """Between one leg and its transferor."""

    __slots__ = ("_core", "_gate", "_met", "_referring", "_requester", "transferor")

    def __init__(self, core: LegCore, requester: Requester) -> None:
        self._core = core
        self._requester = requester
        self._gate = False
        self._met: tuple[Pending, Response] | None = None
        """A challenged REFER that goes out again as soon as one may."""
        self._referring = Referring(requester)
        assert core.dialog is not None
        self.transferor = Transferor(
            core.call_id,
            core.ids,
            core.timers,
            str(core.dialog.local_uri.uri),
            core.packet_came_at,
            self._referring,
            owns_call_id=core.settings.direction == "outbound",
        )

    @property
    def suspends(self) -> bool:
        """A transfer has no verdict, or is done and waits for the peer's BYE: media timeout and
        max_call_duration stand still."""
        return self.transferor.pending or self.transferor.leaving

    # --- from the API ---------------------------------------------------------------------------

    def request(self, now: float, ticket: int, request: TransferRequest) -> list[Step]:
        """An API request for a transfer of this call."""
        steps = self.settle(now)
        return steps + self._perform(now, self.transferor.request(now, ticket, request))

    def stored(self, now: float, transfer_id: str) -> list[Step]:
        """The record is safe."""
        return self._perform(now, self.transferor.stored(now, transfer_id))

    def not_stored(self, now: float, transfer_id: str) -> list[Step]:
        """The record could not be made safe."""
        return self._perform(now, self.transferor.not_stored(now, transfer_id))

    def cancel(self, now: float, transfer_id: str) -> list[Step]:
        """Cancelled inside the server."""
        return self._perform(now, self.transferor.cancel(now, transfer_id))

    def shutdown(self, now: float) -> list[Step]:
        """The process stops."""
        return self._perform(now, self.transferor.shutdown(now))

    # --- from the peer --------------------------------------------------------------------------

    def notify_received(
        self, now: float, key: str, request: Request, *, in_order: bool
    ) -> list[Step]:
        """A NOTIFY of the dialog: its answer first, then what it means."""
        core = self._core
        status, effects = self.transferor.notify_received(now, request)
        headers = (("Allow-Events", "refer"),) if status == 489 else ()
        steps: list[Step] = [Respond(key, core.reply(request, status, headers))]
        if status == 200 and in_order:
            core.refresh_target(request)
        return steps + self._perform(now, effects)

    def answered(self, now: float, pending: Pending, response: Response) -> list[Step]:
        """A final answer to REFER, SUBSCRIBE or OPTIONS; a challenge is met if it can be. Not that
        of an OPTIONS: it is an answer, and says that the peer lives."""
        transferor, transfer_id = self.transferor, pending.transfer_id
        if response.status in {401, 407} and pending.purpose is not Purpose.PROBE:
            again = self._challenged(now, pending, response)
            if again is not None:
                return again
        effects: list[LegEffect | TransferorEffect]
        if pending.purpose is Purpose.REFER:
            explain, digest = "", pending.digest
            if response.status in {401, 407}:
                explain = "no credentials for this call" if digest is None else digest.refusal
            elif digest is not None:
                digest.passed()
            self._referring.waiting = pending if response.status == 491 else None
            effects = transferor.refer_answered(now, transfer_id, response, explain)
        elif pending.purpose is Purpose.SUBSCRIBE:
            effects = transferor.subscribe_answered(now, transfer_id, response.status)
        else:
            effects = transferor.probe_answered(now, response.status)
        return self._perform(now, effects)

    def unanswered(self, now: float, pending: Pending, reason: FailureReason) -> list[Step]:
        """No answer to REFER, SUBSCRIBE or OPTIONS."""
        transferor, transfer_id = self.transferor, pending.transfer_id
        effects: list[LegEffect | TransferorEffect]
        if pending.purpose is Purpose.REFER:
            effects = transferor.refer_failed(now, transfer_id, reason)
        elif pending.purpose is Purpose.SUBSCRIBE:
            effects = transferor.subscribe_answered(now, transfer_id, None)
        else:
            effects = transferor.probe_answered(now, None)
        return self._perform(now, effects)

    # --- from the leg ---------------------------------------------------------------------------

    def call_ended(self, now: float, by: Side, status: int | None, cseq: int | None) -> list[Step]:
        """The INVITE usage is over."""
        return self._perform(now, self.transferor.call_ended(now, by, status=status, cseq=cseq))

    def settle(self, now: float) -> list[Step]:
        """Tell the transferor if a REFER may go out, when that has changed (transfer.md §3)."""
        core = self._core
        gate = (
            core.phase is Phase.CONFIRMED
            and core.unacked is None
            and not self._requester.open(OFFERING)
        )
        if gate == self._gate:
            return []
        self._gate = gate
        steps = self._met_refer(now) if gate else []
        return steps + self._perform(now, self.transferor.gate(now, gate))

    def next_deadline(self) -> float | None:
        """The transferor's."""
        return self.transferor.next_deadline()

    def handle_deadline(self, now: float) -> list[Step]:
        """What is due at the transferor."""
        deadline = self.transferor.next_deadline()
        if deadline is None or now < deadline:
            return []
        return self._perform(now, self.transferor.handle_deadline(now))

    # --- the transferor's effects ---------------------------------------------------------------

    def _perform(self, now: float, effects: Iterable[LegEffect | TransferorEffect]) -> list[Step]:
        steps: list[Step] = []
        for effect in effects:
            if isinstance(effect, SendSubscribe):
                headers = (
                    ("Event", f"refer;id={effect.event_id}"),
                    ("Expires", str(SUBSCRIBE_EXPIRES)),
                    ("Accept", "message/sipfrag"),
                )
                sent = self._requester.send(
                    Purpose.SUBSCRIBE, headers, transfer_id=effect.transfer_id
                )
                steps.append(sent[1])
            elif isinstance(effect, SendProbe):
                steps.append(self._requester.send(Purpose.PROBE)[1])
            elif isinstance(effect, HangUp):
                steps.append(SendBye(effect.reason, "transfer" if effect.transfer else "dropped"))
            elif isinstance(effect, LeaveRoom):
                steps.append(LegLeft("transfer"))
            else:
                steps.append(effect)
        return steps

    def _challenged(self, now: float, pending: Pending, response: Response) -> list[Step] | None:
        """Send the request again with credentials; None if that cannot or need not be done."""
        refer = pending.purpose is Purpose.REFER
        if refer and not self.transferor.wants_refer(pending.transfer_id):
            return None
        if not self._requester.meet(pending, response):
            return None
        if not refer:
            return [self._requester.repeat(pending)]
        told = self.transferor.refer_challenged(now, pending.transfer_id, response.status)
        steps = self._perform(now, told)
        self._met = (pending, response)
        return steps + self._met_refer(now) if self._gate else steps

    def _met_refer(self, now: float) -> list[Step]:
        """Send the challenged REFER again, unless nobody waits for it any more."""
        if self._met is None:
            return []
        pending, response = self._met
        self._met = None
        if not self.transferor.wants_refer(pending.transfer_id):
            return self._perform(
                now, self.transferor.refer_answered(now, pending.transfer_id, response)
            )
        return self._refer_again(now, pending)

    def _refer_again(self, now: float, pending: Pending) -> list[Step]:
        again = self._requester.repeat(pending)
        sent = self.transferor.refer_sent(now, pending.transfer_id, pending.cseq)
        return [again, *self._perform(now, sent)]
