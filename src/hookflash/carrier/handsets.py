"""The carrier's telephones in their calls: what each does is done here. Pure."""

from __future__ import annotations

from typing import Protocol

from ..base.deadline_queue import DeadlineQueue
from .config import PhoneConfig
from .conversation import (
    Conversation,
    End,
    EndVoice,
    PhoneEnd,
    PressKeys,
    SaySound,
    SipEnd,
    SwitchHost,
)
from .routing import Numbers
from .speech import Speech
from .telephone import (
    PhoneAnswers,
    PhoneEffect,
    PhoneHangsUp,
    PhoneHolds,
    PhonePresses,
    PhoneRefuses,
    PhoneRings,
    PhoneSays,
    PhoneState,
    Telephone,
)


class PhoneHost(SwitchHost, Protocol):
    """What telephones need of the switch (`switch.Switch`)."""

    numbers: Numbers
    ends: dict[str, End]

    def emit(self, effect: SaySound | EndVoice | PressKeys) -> None: ...

    def begin(self, now: float, phone: PhoneConfig, dialled: str) -> Conversation: ...

    def progress(self, now: float, end: End, status: int) -> None: ...

    def gone(self, now: float, end: End, by: str) -> None: ...


class Handsets:
    """All telephones that are in a call, or have still to make one."""

    def __init__(self, host: PhoneHost) -> None:
        self._host = host
        self._deadlines = DeadlineQueue[str]()
        """Ids of telephones in calls, and numbers of those that have still to call somebody."""
        self.speeches: dict[str, Speech] = {}
        """What telephones say, by their numbers; counts for the calls that begin from then on."""

    def start(self, now: float) -> None:
        """The carrier begins: telephones that are to call somebody will."""
        for phone in self._host.numbers.phones:
            if phone.calls:
                self._deadlines.set(phone.number, now + phone.calls_after)

    def lift(self, phone: PhoneConfig, speech: Speech | None = None) -> PhoneEnd:
        """A telephone for a new call, in which it says `speech` instead of its own."""
        speech = speech or self.speeches.get(phone.number)
        end = PhoneEnd(self._host.ids.new("PH_"), Telephone(phone, speech))
        self._host.ends[end.id] = end
        return end

    def ring(self, now: float, end: PhoneEnd) -> None:
        """Somebody calls it."""
        self._perform(now, end, end.phone.ring(now))

    def call(self, now: float, end: PhoneEnd) -> None:
        """It calls somebody."""
        end.phone.call(now)
        self._watch(end)

    def hold(self, now: float, end: PhoneEnd, *, held: bool) -> None:
        """It puts the other side on hold, or takes it back."""
        if end.phone.state is PhoneState.TALKING:
            self._perform(now, end, [PhoneHolds(held)])

    def talk(self, now: float, end: PhoneEnd) -> None:
        """Whom it called has answered."""
        end.phone.talk(now)
        self._watch(end)

    def key(self, now: float, end: PhoneEnd, digit: str) -> None:
        """The other side has pressed a key."""
        self._host.tell("phone_hears_key", phone=end.number, digit=digit)
        self._perform(now, end, end.phone.key(digit))

    def over(self, end: PhoneEnd) -> None:
        """Its call is over, whoever ended it."""
        end.phone.over()
        self._host.emit(EndVoice(end))
        self._host.ends.pop(end.id, None)
        self._deadlines.discard(end.id)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        return self._deadlines.next()

    def handle_deadline(self, now: float) -> None:
        """What is due at `now`."""
        host = self._host
        while (key := self._deadlines.take(now)) is not None:
            end = host.ends.get(key)
            if isinstance(end, PhoneEnd):
                self._perform(now, end, end.phone.handle_deadline(now))
                continue
            phone = host.numbers.phone(key)
            assert phone is not None, "a call's end takes its deadline along"
            host.begin(now, phone, phone.calls)

    # --- inside ---------------------------------------------------------------------------------

    def _perform(self, now: float, end: PhoneEnd, effects: list[PhoneEffect]) -> None:
        for effect in effects:
            if end.conversation is not None:
                self._one(now, end, end.conversation, effect)
        self._watch(end)

    def _one(
        self, now: float, end: PhoneEnd, conversation: Conversation, effect: PhoneEffect
    ) -> None:
        host, number, seen = self._host, end.number, conversation.caller_id
        match effect:
            case PhoneRings():
                host.tell("phone_rings", phone=number, caller=seen)
                host.progress(now, end, 180)
            case PhoneAnswers():
                host.tell("phone_answers", phone=number, caller=seen)
                host.progress(now, end, 200)
            case PhoneRefuses():
                host.tell("phone_refuses", phone=number, caller=seen, status=effect.status)
                host.progress(now, end, effect.status)
            case PhoneHangsUp():
                host.tell("phone_hangs_up", phone=number)
                host.gone(now, end, "phone")
            case PhoneSays():
                host.emit(SaySound(end.id, effect.tone))
            case PhonePresses():
                host.tell("phone_presses", phone=number, digits=effect.digits)
                host.emit(PressKeys(end.id, effect.digits))
            case PhoneHolds():
                self._hold(now, end, conversation, held=effect.held)
            case _:
                self._forward(now, end, conversation, effect.number)

    def _hold(self, now: float, end: PhoneEnd, conversation: Conversation, *, held: bool) -> None:
        host = self._host
        if held:
            host.tell("phone_holds", phone=end.number)
        else:
            host.tell("phone_resumes", phone=end.number)
        for other in conversation.ends:
            if isinstance(other, SipEnd):
                host.ask(now, other, lambda leg: leg.hold(now, held=held))
            if other is not end and not held:
                host.join(end, other)
        if held:
            host.part(end)

    def _forward(self, now: float, end: PhoneEnd, conversation: Conversation, number: str) -> None:
        """The caller of a menu is put through; where nobody has the number, nothing happens."""
        host = self._host
        called = host.end_for(number) if end is conversation.called else None
        if called is None:
            return
        host.tell("phone_forwards", phone=end.number, target=number)
        host.part(end)
        host.leave(end)
        self.over(end)
        conversation.called, conversation.dialled = called, number
        called.conversation = conversation
        conversation.ends.append(called)
        host.dial(now, called, conversation.caller_id, number)

    def _watch(self, end: PhoneEnd) -> None:
        deadline = end.phone.next_deadline()
        if deadline is None:
            self._deadlines.discard(end.id)
        else:
            self._deadlines.set(end.id, deadline)
