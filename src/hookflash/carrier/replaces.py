"""Calls that take the place of another one, by Replaces (RFC 3891). Pure.

A REFER whose target has it gives the place to whom the transferor talks to (RFC 5589 §7), an INVITE
with it to itself. Either names a call of the same customer; those of others are not there for it.
"""

from __future__ import annotations

from typing import Final, Protocol

from ..base.light import light_dataclass
from ..calls.legs.core import OVER, UNANSWERED, Phase
from ..sip.fields import Replaces
from .config import TrunkConfig
from .conversation import Conversation, End, PhoneEnd, SipEnd, SwitchHost
from .manners import CarrierManners
from .telephone import PhoneState

KEPT: Final = 32.0
"""Seconds for which a dialog that has ended is known as such: as long as a transaction lives."""
UNKNOWN: Final = 481
ENDED: Final = 603
CONFIRMED: Final = 486
"""What a Replaces with early-only gets for a call that is answered."""
BUSY: Final = 491
_TALKS: Final = (Phase.ANSWERED, Phase.CONFIRMED)


@light_dataclass(frozen=True, slots=True)
class NotReplaced:
    """No call that it may have the place of, and how that is answered (RFC 3891 §3)."""

    status: int
    why: str
    """For people."""


class ReplacesHost(SwitchHost, Protocol):
    """What is needed of the switch (`switch.Switch`)."""

    manners: CarrierManners
    ends: dict[str, End]

    def progress(self, now: float, end: End, status: int) -> None: ...

    def release(self, now: float, end: End, refuse: int | None = None) -> None: ...


class Replacements:
    """Finds the call that a Replaces names, and gives its place to another end."""

    def __init__(self, host: ReplacesHost) -> None:
        self._host = host
        self._ended: dict[tuple[str, str, str], tuple[float, str]] = {}
        """(until, customer) of dialogs that have ended, oldest first, by Call-ID and the tags of
        carrier and customer."""

    # --- inputs ---------------------------------------------------------------------------------

    def find(
        self,
        now: float,
        replaces: Replaces,
        trunk: TrunkConfig | None,
        beside: Conversation | None = None,
    ) -> SipEnd | NotReplaced:
        """The end of the dialog that is named, if the customer of this trunk may have it replaced.
        `beside`: the call in which that is asked, which it cannot be."""
        end = self._host.ends.get(replaces.to_tag)
        if not isinstance(end, SipEnd) or not _names(replaces, end) or not _same(trunk, end.trunk):
            return self._unknown(now, replaces, trunk)
        return _why_not(end, beside, early_only=replaces.early_only) or end

    def take_place(self, now: float, old: SipEnd, new: End) -> None:
        """`new`, which is in no call, is in the call of `old` from now on instead of it."""
        host, conversation, other = self._host, old.conversation, opposite(old)
        assert conversation is not None
        early = old.leg.state in UNANSWERED
        host.part(old)
        host.leave(old)
        new.conversation = conversation
        conversation.ends.append(new)
        if conversation.caller is old:
            conversation.caller, conversation.caller_id = new, new.number
        else:
            conversation.called, conversation.dialled = new, new.number
        host.release(now, old)
        if early and _talks(new):
            host.progress(now, new, 200)
        elif _talks(new) and _talks(other):
            host.join(new, other)
        # Else the one who is called still joins them by its answer.

    def answered(self, now: float, end: SipEnd) -> None:
        """An INVITE with Replaces has its 200, so the other dialog is ended. Where it waited, for
        a port or a PRACK, that call may be over since, or be transferred."""
        old, end.replaces = end.replaces, None
        assert old is not None
        conversation = old.conversation
        if conversation is None or _why_not(old) is not None:
            self._host.release(now, end)
            return
        self.take_place(now, old, end)
        self._host.tell("place_taken", call=conversation.id, number=end.number, replaced=old.number)

    def ended(self, now: float, end: SipEnd) -> None:
        """A leg is gone: its dialog is remembered for a while."""
        self._forget(now)
        dialog, trunk = end.leg.dialog, end.trunk
        if dialog is None or trunk is None or self._host.manners.replaces != "supported":
            return
        key = (dialog.call_id, end.id, dialog.remote_tag)
        self._ended[key] = (now + KEPT, trunk.name)

    # --- inside ---------------------------------------------------------------------------------

    def _unknown(self, now: float, replaces: Replaces, trunk: TrunkConfig | None) -> NotReplaced:
        self._forget(now)
        key = (replaces.call_id, replaces.to_tag, replaces.from_tag)
        _, customer = self._ended.get(key, (0.0, ""))
        if trunk is not None and customer == trunk.name:
            return _over()
        return NotReplaced(UNKNOWN, "Replaces names no call of this trunk")

    def _forget(self, now: float) -> None:
        while self._ended:
            key, (until, _) = next(iter(self._ended.items()))
            if now < until:
                break
            del self._ended[key]


def opposite(end: SipEnd) -> End:
    """Whom it talks to, or calls; it is one of two."""
    assert end.conversation is not None
    return next(one for one in end.conversation.ends if one is not end)


def _names(replaces: Replaces, end: SipEnd) -> bool:
    """Whether it is this end's dialog, seen from the carrier (RFC 3891 §3)."""
    dialog = end.leg.dialog
    named = (replaces.call_id, replaces.from_tag)
    return dialog is not None and named == (dialog.call_id, dialog.remote_tag)


def _same(asks: TrunkConfig | None, owner: TrunkConfig | None) -> bool:
    """Whether both are of one customer; a call that is nobody's has no customer."""
    return asks is not None and owner is not None and asks.name == owner.name


def _why_not(
    end: SipEnd, beside: Conversation | None = None, *, early_only: bool = False
) -> NotReplaced | None:
    """Why this dialog, which is named, cannot be replaced as it is now (RFC 3891 §3)."""
    early, conversation = end.leg.state in UNANSWERED, end.conversation
    if early and end.inbound:
        return NotReplaced(UNKNOWN, "the call that Replaces names came in, and is not answered")
    if conversation is None or end.leg.state in (Phase.LEAVING, *OVER):
        return _over()
    if conversation is beside:
        return NotReplaced(UNKNOWN, "Replaces names the call that is transferred")
    if early_only and not early:
        return NotReplaced(CONFIRMED, "the call that Replaces names is answered: early-only")
    under_way = conversation.transfer
    if under_way is not None and under_way.referral.open:
        return NotReplaced(BUSY, "the call that Replaces names is being transferred")
    if len(conversation.ends) < 2:
        return _over()
    return None


def _over() -> NotReplaced:
    return NotReplaced(ENDED, "the call that Replaces names is over")


def _talks(end: End) -> bool:
    if isinstance(end, PhoneEnd):
        return end.phone.state is PhoneState.TALKING
    return end.leg.state in _TALKS
