"""REFERs that the carrier gets, and what it does about them. Pure.

What a REFER is worth is `referral.Referral`'s to know. Here its effects are performed: the target
is called, caller and target are joined, and who asked is let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..base.deadline_queue import DeadlineQueue
from ..calls.effects import ReferReceived
from ..sip.digest import Accepted, Challenged, DigestServer
from ..sip.fields import Replaces
from ..sip.message import Response
from .config import TrunkConfig
from .conversation import CarriedTransfer, Conversation, End, SipEnd, SwitchHost
from .manners import CarrierManners, refusal
from .referral import (
    AnswerRefer,
    CallTarget,
    DropTarget,
    HoldTransferor,
    JoinTarget,
    NotifyReferrer,
    Referral,
    ReferralEffect,
    ReferralState,
    TakeOver,
)
from .replaces import NotReplaced, Replacements, opposite
from .routing import Numbers, TransferTarget


class TransferHost(SwitchHost, Protocol):
    """What a transfer needs of the switch (`switch.Switch`)."""

    manners: CarrierManners
    numbers: Numbers
    replacements: Replacements

    def hosts(self) -> Sequence[str]: ...

    def sip_end(self, number: str, trunk: TrunkConfig | None) -> SipEnd: ...

    def converse(
        self, now: float, caller: End, called: End, caller_id: str, dialled: str
    ) -> Conversation: ...

    def release(self, now: float, end: End, refuse: int | None = None) -> None: ...

    def over(self, now: float, conversation: Conversation, status: int = 480) -> None: ...


class Transfers:
    """All REFERs of a carrier that are not done."""

    def __init__(self, host: TransferHost, digest: DigestServer) -> None:
        self._host = host
        self._digest = digest
        self._live: dict[str, CarriedTransfer] = {}
        self._deadlines = DeadlineQueue[str]()

    # --- inputs ---------------------------------------------------------------------------------

    def received(self, now: float, end: SipEnd, refer: ReferReceived) -> None:
        """An end sent a REFER."""
        conversation = end.conversation
        others = (
            [] if conversation is None else [one for one in conversation.ends if one is not end]
        )
        if conversation is None or conversation.answered_at is None or not others:
            self._answer(now, end, refer, AnswerRefer(*refusal(481, "")))
            return
        if self._challenged(now, end, refer):
            return
        manners, trunk = self._host.manners, self._host.numbers.as_set_now(end.trunk)
        mode = (trunk.transfer_mode if trunk is not None else None) or manners.transfer_mode
        under_way = conversation.transfer
        busy = under_way is not None and under_way.referral.open
        referral = Referral(
            manners,
            mode,
            refer.request,
            first=end.refers == 0,
            busy=busy,
            own_hosts=self._own_hosts(end),
        )
        end.refers += 1
        transfer = CarriedTransfer(self._host.ids.new("TR_"), referral, refer, end, others[0])
        if not busy:
            conversation.transfer = transfer
        self._live[transfer.id] = transfer
        self._host.tell("refer_received", call=conversation.id, refer_to=transfer.refer_to)
        self._perform(now, transfer, referral.receive(now))

    def progress(self, now: float, conversation: Conversation, end: End, status: int) -> bool:
        """The called end of a call rings, is answered or is not; True if that was a transfer's."""
        transfer = conversation.transfer
        if transfer is None or transfer.target is not end:
            return False
        effects = transfer.referral.progress(now, status)
        self._perform(now, transfer, effects)
        if status >= 300:
            self._failed(now, transfer, status)
        return True

    def left(self, now: float, conversation: Conversation, end: End) -> bool:
        """An end has gone; True if its call goes on all the same."""
        transfer = conversation.transfer
        if transfer is None or not transfer.referral.open:
            return False
        if end is transfer.transferor:
            transfer.referral.transferor_left()
            self._watch(transfer)
            return True
        if end is transfer.transferee:
            self._perform(now, transfer, transfer.referral.caller_left(now))
            self._failed(now, transfer, transfer.referral.status)
            return self._host.manners.abandoned_for > 0
        return False

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        return self._deadlines.next()

    def handle_deadline(self, now: float) -> None:
        """What is due at `now`."""
        while (key := self._deadlines.take(now)) is not None:
            transfer = self._live[key]
            was_open = transfer.referral.open
            self._perform(now, transfer, transfer.referral.handle_deadline(now))
            if was_open and transfer.referral.state is ReferralState.FAILED:
                self._failed(now, transfer, transfer.referral.status)

    def listed(self, transfer: CarriedTransfer) -> dict[str, object]:
        """As JSON has it."""
        referral = transfer.referral
        return {
            "refer_to": transfer.refer_to,
            "state": referral.state.value,
            "caller_id": transfer.caller_id,
            "status": referral.status or None,
            "why": referral.why,
        }

    # --- effects of referrals -------------------------------------------------------------------

    def _perform(
        self, now: float, transfer: CarriedTransfer, effects: list[ReferralEffect]
    ) -> None:
        for effect in effects:
            match effect:
                case AnswerRefer():
                    self._answered(now, transfer, effect)
                case NotifyReferrer():
                    self._notify(now, transfer, effect)
                case CallTarget():
                    self._call(now, transfer, effect.target)
                case TakeOver():
                    self._take_over(now, transfer, effect.replaces)
                case DropTarget():
                    self._drop(now, transfer)
                case JoinTarget():
                    self._join(now, transfer)
                case HoldTransferor():
                    self._hold(now, transfer, held=effect.held)
                case _:
                    self._let_go(now, transfer)
        self._watch(transfer)

    def _answered(self, now: float, transfer: CarriedTransfer, effect: AnswerRefer) -> None:
        if effect.status >= 300:
            self._host.tell(
                "refer_refused",
                status=effect.status,
                phrase=effect.phrase,
                why=transfer.referral.why,
            )
        self._answer(now, transfer.transferor, transfer.refer, effect)

    def _answer(self, now: float, end: SipEnd, refer: ReferReceived, effect: AnswerRefer) -> None:
        dialog = end.leg.dialog
        contact = [] if dialog is None or dialog.contact is None else [f"<{dialog.contact}>"]
        response = Response.reply(
            refer.request,
            effect.status,
            effect.phrase,
            to_tag=end.id,
            headers=[("Contact", value) for value in contact if effect.status < 300],
        )
        subscribe = effect.subscribe
        self._host.ask(
            now, end, lambda leg: leg.answer_refer(now, refer, response, subscribe=subscribe)
        )

    def _notify(self, now: float, transfer: CarriedTransfer, effect: NotifyReferrer) -> None:
        headers = (
            ("Event", effect.event),
            ("Subscription-State", effect.state),
            ("User-Agent", self._host.manners.user_agent),
        )
        refer, body = transfer.refer, effect.body
        self._host.ask(
            now, transfer.transferor, lambda leg: leg.notify_refer(now, refer, headers, body)
        )

    def _call(self, now: float, transfer: CarriedTransfer, target: TransferTarget) -> None:
        host, referral = self._host, transfer.referral
        if not referral.open:
            return  # the caller has hung up since
        transfer.caller_id = self._caller_id(transfer)
        end = host.end_for(target.number) if target.number else host.sip_end(target.number, None)
        dialled = target.number or str(target.uri)
        host.tell("target_called", target=dialled, caller=transfer.caller_id)
        if end is None:
            self._perform(now, transfer, referral.progress(now, 404))
            self._failed(now, transfer, 404)
            return
        transfer.target = end
        own = transfer.transferee.conversation
        conversation = host.converse(now, end, end, transfer.caller_id, dialled)
        conversation.caller, conversation.transfer = transfer.transferee, transfer
        transfer.transferee.conversation = own
        referred_by = refer_header(transfer, "Referred-By") if host.manners.referred_by else ()
        uri = None if target.number else target.uri
        host.dial(now, end, transfer.caller_id, dialled, uri, referred_by)

    def _take_over(self, now: float, transfer: CarriedTransfer, replaces: Replaces) -> None:
        """Caller and target talk to the transferor both: found, they are joined at once."""
        host, referral = self._host, transfer.referral
        if not referral.open:
            return  # the caller has hung up since
        trunk, beside = transfer.transferor.trunk, transfer.transferee.conversation
        found = host.replacements.find(now, replaces, trunk, beside)
        if isinstance(found, NotReplaced):
            referral.why = found.why
            host.tell("not_replaced", status=found.status, why=found.why)
            self._perform(now, transfer, referral.progress(now, found.status))
            self._failed(now, transfer, found.status)
            return
        transfer.replaced, transfer.target = found, opposite(found)
        self._perform(now, transfer, referral.progress(now, 200))

    def _drop(self, now: float, transfer: CarriedTransfer) -> None:
        target = transfer.target
        if target is None or target.conversation is None:
            return
        conversation = target.conversation
        conversation.transfer = None
        self._host.over(now, conversation)

    def _join(self, now: float, transfer: CarriedTransfer) -> None:
        host, target, transferee = self._host, transfer.target, transfer.transferee
        assert target is not None
        conversation = target.conversation
        assert conversation is not None
        before = transferee.conversation
        host.part(transfer.transferor)
        host.leave(transferee)
        if transfer.replaced is not None:
            host.replacements.take_place(now, transfer.replaced, transferee)
        else:
            transferee.conversation = conversation
            conversation.ends.append(transferee)
            conversation.answered_at = now
            host.join(transferee, target)
        conversation.transfer = None  # this one, or an earlier one of the end that is replaced
        host.tell(
            "transferred", call=conversation.id, caller=transferee.number, target=target.number
        )
        if before is not None and not before.ends:  # the transferor has gone already
            host.over(now, before)

    def _failed(self, now: float, transfer: CarriedTransfer, status: int) -> None:
        """The target was not reached: caller and transferor are as they were, or the caller is
        hung up on where the transferor has gone."""
        if transfer.failed:
            return
        transfer.failed, host = True, self._host
        host.tell("transfer_failed", refer_to=transfer.refer_to, status=status)
        target = transfer.target
        if target is not None and target.conversation is not None:
            conversation = target.conversation
            conversation.transfer = None
            host.over(now, conversation)
        waiting = transfer.transferee.conversation
        if waiting is not None and transfer.transferor.conversation is None:
            host.over(now, waiting)

    def _hold(self, now: float, transfer: CarriedTransfer, *, held: bool) -> None:
        host, transferor = self._host, transfer.transferor
        if transferor.conversation is None:
            return
        host.ask(now, transferor, lambda leg: leg.hold(now, held=held))
        if held:
            host.part(transferor)
        else:
            host.join(transfer.transferee, transferor)

    def _let_go(self, now: float, transfer: CarriedTransfer) -> None:
        if transfer.transferor.conversation is not None:
            self._host.tell("hangs_up_on_transferor", number=transfer.transferor.number)
            self._host.release(now, transfer.transferor)

    # --- parts ----------------------------------------------------------------------------------

    def _challenged(self, now: float, end: SipEnd, refer: ReferReceived) -> bool:
        """Whether a REFER got 407 for want of the trunk's password."""
        manners, trunk = self._host.manners, self._host.numbers.as_set_now(end.trunk)
        if manners.digest not in {"refer", "all"}:
            return False
        username, password = (trunk.username, trunk.password) if trunk is not None else ("", "")
        realm = manners.domain
        judged = self._digest.check(now, refer.request, "REFER", username, password, realm)
        if isinstance(judged, Accepted) and username:
            return False
        stale = isinstance(judged, Challenged) and judged.stale
        values = self._digest.challenge(now, realm, stale=stale)
        response = Response.reply(
            refer.request,
            407,
            to_tag=end.id,
            headers=[("Proxy-Authenticate", value) for value in values],
        )
        self._host.tell("refer_challenged", number=end.number)
        self._host.ask(
            now, end, lambda leg: leg.answer_refer(now, refer, response, subscribe=False)
        )
        return True

    def _own_hosts(self, end: SipEnd) -> list[str]:
        """By which `host:port` this end may name the carrier: also as our Contact to it does."""
        dialog = end.leg.dialog
        contact = None if dialog is None else dialog.contact
        told = [] if contact is None else [contact._replace(port=contact.port or 5060).host_port]
        return [*self._host.hosts(), *told]

    def _caller_id(self, transfer: CarriedTransfer) -> str:
        trunk = self._host.numbers.as_set_now(transfer.transferor.trunk)
        chosen = trunk.transfer_caller_id if trunk is not None else None
        chosen = chosen or self._host.manners.caller_id
        if chosen == "from-transferee":
            return transfer.transferee.number
        if chosen == "fixed" and trunk is not None and trunk.numbers:
            return trunk.numbers[0]
        return transfer.transferor.number

    def _watch(self, transfer: CarriedTransfer) -> None:
        deadline = transfer.referral.next_deadline()
        if deadline is not None:
            self._deadlines.set(transfer.id, deadline)
            return
        self._deadlines.discard(transfer.id)
        if not transfer.referral.open:
            self._live.pop(transfer.id, None)


def refer_header(transfer: CarriedTransfer, name: str) -> Sequence[tuple[str, str]]:
    """A header of the REFER, to be passed on."""
    value = transfer.refer.request.header(name)
    return () if value is None else ((name, value),)
