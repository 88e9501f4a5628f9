"""The carrier's switch: calls between its telephones and its trunks. Pure.

A call of a trunk is a leg of `calls.legs`, as in the exchange, below the same switchboard; a
telephone is a `telephone.Telephone`. Here each call has its two ends, and what one end does comes
to the other. REFERs are `transferring.Transfers`.

Inputs take `now` and return what is to be done, in order (`conversation.SwitchEffect`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..base.ids import Ids
from ..calls import effects as fx
from ..calls.legs.dialing import Place
from ..calls.legs.leg import Leg
from ..calls.records import CallDirection
from ..calls.switchboard import (
    BoardEffect,
    ForOwner,
    Incoming,
    LegGone,
    Route,
    Switchboard,
)
from ..sdp.plan import LocalMedia
from ..sip.digest import DigestServer
from ..sip.endpoint import Endpoint
from ..sip.flow import Flow
from ..sip.timers import Timers
from ..sip.uri import Uri
from .config import NetworkConfig, PhoneConfig, TrunkConfig
from .conversation import (
    ApplySound,
    CloseSound,
    Conversation,
    End,
    EndVoice,
    FindPlaces,
    Happened,
    JoinSound,
    OpenSound,
    PartSound,
    PhoneEnd,
    PressKeys,
    SaySound,
    SipEnd,
    SipPlace,
    SwitchEffect,
    Voice,
    voice_of,
)
from .customer_calls import CustomerCalls
from .handsets import Handsets
from .invites import dial_order, origination, written
from .leg_settings import allow, leg_settings, supported
from .manners import CarrierManners
from .pings import TrunkPing
from .replaces import Replacements
from .routing import Numbers
from .speech import Speech
from .transferring import Transfers

RINGBACK = 430.0
"""Hz, what a caller of the exchange hears before the answer, where the carrier gives it that."""
OwnEffect = Happened | JoinSound | PartSound | SaySound | EndVoice | PressKeys
"""What the switch asks for of itself: in the queue with what its legs ask for, so that all comes in
the order in which it was caused."""


class Switch:
    """All calls of one carrier. `board` gets the messages, and `take` what it returns."""

    def __init__(
        self,
        manners: CarrierManners,
        config: NetworkConfig,
        *,
        endpoint: Endpoint,
        route: Route,
        place: SipPlace,
        ids: Ids,
        timers: Timers,
        digest_key: bytes,
    ) -> None:
        self.board = Switchboard(endpoint, route, allow(manners), supported(manners))
        self.manners = manners
        self.numbers = Numbers(config, national=manners.number_format == "national")
        self.conversations: dict[str, Conversation] = {}
        """Those that live, by id."""
        self.ends: dict[str, End] = {}
        """Theirs, and legs that have still to answer something."""
        self._place = place
        self.ids = ids
        digest = DigestServer(digest_key, ids)
        self.handsets = Handsets(self)
        self.replacements = Replacements(self)
        self.transfers = Transfers(self, digest)
        self.customers = CustomerCalls(self, digest)
        self._timers = timers
        self._queue: deque[BoardEffect | OwnEffect] = deque()
        self._out: list[SwitchEffect] = []

    # --- inputs ---------------------------------------------------------------------------------

    def start(self, now: float) -> list[SwitchEffect]:
        """The carrier begins: telephones that are to call somebody will, exchanges are asked
        whether they are there."""
        self.handsets.start(now)
        every = self.manners.options_every
        for trunk in self.numbers.trunks if every else ():
            at = self._own_contact()
            ping = TrunkPing(self, now, trunk, every, self.manners.domain, at)
            self.board.add(ping)
            self._queue.extend(self.board.ask(now, ping, list))
        return self.take(now, ())

    def take(self, now: float, effects: Iterable[BoardEffect]) -> list[SwitchEffect]:
        """What the switchboard returned: done as far as it is the switch's."""
        self._queue.extend(effects)
        while self._queue:
            self._one(now, self._queue.popleft())
        out, self._out = self._out, []
        return out

    def call(
        self, now: float, phone: PhoneConfig, dialled: str, speech: Speech | None = None
    ) -> tuple[Conversation, list[SwitchEffect]]:
        """A telephone calls a number; the call, which may be over at once. `speech`: what it says
        there instead of its own."""
        conversation = self.begin(now, phone, dialled, speech)
        return conversation, self.take(now, ())

    def hang_up(self, now: float, end: End) -> list[SwitchEffect]:
        """One end hangs up."""
        self.release(now, end)
        return self.take(now, ())

    def serve(self, now: float, trunks: Sequence[TrunkConfig]) -> list[SwitchEffect]:
        """These are the trunks from now on, for the calls that are up as well."""
        before, could_call = self._settings(), self._callers()
        self.numbers.serve(trunks)
        after, can_call = self._settings(), self._callers()
        for name, setting in after.items():
            if before.get(name) != setting:
                mode, caller_id = setting
                self.tell("trunk_set", trunk=name, transfer_mode=mode, caller_id=caller_id)
        for name, callers in can_call.items():
            if could_call.get(name, "") != callers:
                self.tell("trunk_callers", trunk=name, callers=callers or "nobody is listed")
        for name in before.keys() - after.keys():
            self.tell("trunk_deleted", trunk=name)
        return self.take(now, ())

    def key(self, now: float, end_id: str, digit: str) -> list[SwitchEffect]:
        """A telephone hears a key of whom it talks to."""
        end = self.ends.get(end_id)
        if isinstance(end, PhoneEnd):
            self.handsets.key(now, end, digit)
        return self.take(now, ())

    def located(self, now: float, call_id: str, places: list[Place]) -> list[SwitchEffect]:
        """The answer to `FindPlaces`."""
        return self._leg_input(now, call_id, lambda leg: leg.located(now, places))

    def sound_opened(
        self,
        now: float,
        call_id: str,
        local: LocalMedia,
        last_packet_at: Callable[[], float | None],
    ) -> list[SwitchEffect]:
        """The answer to `OpenSound`; as `Leg.media_opened`."""
        return self._leg_input(
            now, call_id, lambda leg: leg.media_opened(now, local, last_packet_at)
        )

    def sound_refused(self, now: float, call_id: str) -> list[SwitchEffect]:
        """The answer to `OpenSound` where no port is free."""
        return self._leg_input(now, call_id, lambda leg: leg.media_refused(now))

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called; the switchboard has its own."""
        own, transfers = self.handsets.next_deadline(), self.transfers.next_deadline()
        if own is None or transfers is None:
            return transfers if own is None else own
        return min(own, transfers)

    def handle_deadline(self, now: float) -> list[SwitchEffect]:
        """What is due at `now`."""
        self.handsets.handle_deadline(now)
        self.transfers.handle_deadline(now)
        return self.take(now, ())

    def listing(self) -> list[dict[str, object]]:
        """Every call that lives, as JSON has it."""
        return [self._listed(one) for one in self.conversations.values()]

    # --- for transfers --------------------------------------------------------------------------

    def begin(
        self, now: float, phone: PhoneConfig, dialled: str, speech: Speech | None = None
    ) -> Conversation:
        """A telephone calls a number."""
        caller = self.handsets.lift(phone, speech)
        caller_id = phone.number
        called = self.end_for(dialled)
        conversation = self.converse(now, caller, called or caller, caller_id, dialled)
        if called is None:
            self.tell("call_failed", call=conversation.id, status=404)
            self.over(now, conversation)
        else:
            self.handsets.call(now, caller)
            self.dial(now, called, caller_id, dialled)
        return conversation

    def queue(self, effects: Iterable[BoardEffect]) -> None:
        """What the switchboard returned is to be done after what is to be done already."""
        self._queue.extend(effects)

    def emit(self, effect: SaySound | EndVoice | PressKeys) -> None:
        """Something is to be done with the sound of a telephone."""
        self._queue.append(effect)

    def tell(self, name: str, **fields: object) -> None:
        """Something happened."""
        self._queue.append(Happened(name, tuple(fields.items())))

    def hosts(self) -> Sequence[str]:
        """`host:port` by which peers may name the carrier."""
        return self._place.hosts()

    def end_for(self, number: str) -> End | None:
        """An end for a call to this number; None where nobody has it."""
        phone = self.numbers.phone(number)
        if phone is not None:
            return self.handsets.lift(phone)
        trunk = self.numbers.trunk(number)
        if trunk is None or trunk.origination is None:
            return None
        return self.sip_end(number, trunk)

    def sip_end(self, number: str, trunk: TrunkConfig | None) -> SipEnd:
        """An end that the carrier will call by SIP."""
        leg = self._leg("outbound", self._own_contact(), trunk)
        return self._known(SipEnd(leg, number, trunk, inbound=False))

    def customer_end(self, flow: Flow, caller_id: str, trunk: TrunkConfig | None) -> SipEnd:
        """An end that has called the carrier by SIP."""
        leg = self._leg("inbound", self._place.contact(flow), trunk)
        return self._known(SipEnd(leg, caller_id, trunk, inbound=True))

    def converse(
        self, now: float, caller: End, called: End, caller_id: str, dialled: str
    ) -> Conversation:
        """A new call of these two, which nobody has answered."""
        one = Conversation(self.ids.new("CA_"), caller, called, caller_id, dialled, now)
        for end in dict.fromkeys((caller, called)):
            end.conversation = one
            one.ends.append(end)
        self.conversations[one.id] = one
        self.tell("call_began", call=one.id, caller=caller_id, called=dialled)
        return one

    def dial(
        self,
        now: float,
        called: End,
        caller_id: str,
        dialled: str,
        uri: Uri | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Call this end of a call: a telephone, or by SIP `uri` or the trunk's exchange."""
        if isinstance(called, PhoneEnd):
            self.handsets.ring(now, called)
            return
        if uri is None:
            assert called.trunk is not None
            at = origination(self.manners, called.trunk)
            assert at is not None
            uri = Uri.sip(written(self.manners, dialled), at.host, at.port, at.params)
        order = dial_order(self.manners, self.ids, uri, caller_id, headers)
        self.board.add(called.leg)
        self.ask(now, called, lambda leg: leg.start_outbound(now, order))

    def ask(self, now: float, end: SipEnd, ask: Callable[[Leg], Iterable[fx.LegEffect]]) -> None:
        """Give a leg an input, unless nothing more comes of it."""
        if self.board.leg(end.id) is end.leg:
            self._queue.extend(self.board.ask(now, end.leg, partial(ask, end.leg)))

    def progress(self, now: float, end: End, status: int) -> None:
        """What becomes of the called end of a call: it rings, is answered, or is not."""
        conversation = end.conversation
        if conversation is None or self.transfers.progress(now, conversation, end, status):
            return
        caller = conversation.caller
        if status < 200:
            self.tell("ringing", call=conversation.id, called=conversation.dialled)
        elif status >= 300:
            self.tell("call_failed", call=conversation.id, status=status)
            self.leave(end)
            if isinstance(end, PhoneEnd):
                self.handsets.over(end)
            self.over(now, conversation, status)
        elif conversation.answered_at is not None:  # a menu has put the caller through
            self.answered(now, conversation)
        elif isinstance(caller, SipEnd):
            self.ask(now, caller, lambda leg: leg.answer(now))
        else:
            self.handsets.talk(now, caller)
            self.answered(now, conversation)

    def answered(self, now: float, conversation: Conversation) -> None:
        """Its two ends hear each other from now on."""
        conversation.answered_at = now
        self.join(conversation.caller, conversation.called)
        self.tell("call_answered", call=conversation.id)

    def join(self, first: End, second: End) -> None:
        """These two hear each other."""
        self._queue.append(JoinSound(voice_of(first), voice_of(second)))

    def part(self, end: End) -> None:
        """This one hears nobody."""
        self._queue.append(PartSound(end.id))

    def leave(self, end: End) -> None:
        """An end has gone, or goes to another call; the call itself is another matter."""
        conversation = end.conversation
        if conversation is not None and end in conversation.ends:
            conversation.ends.remove(end)
        end.conversation = None

    def release(self, now: float, end: End, refuse: int | None = None) -> None:
        """Hang up on this end; `refuse`: by this status, if it has called and nobody answered."""
        if isinstance(end, PhoneEnd):
            self.gone(now, end, "phone")
        elif end.inbound and refuse is not None:
            self.ask(now, end, lambda leg: leg.reject(now, refuse))
        else:
            self.ask(now, end, lambda leg: leg.hangup(now, "hangup"))

    def over(self, now: float, conversation: Conversation, status: int = 480) -> None:
        """A call is over: whoever is still there is hung up on."""
        if self.conversations.pop(conversation.id, None) is None:
            return
        left, conversation.ends = conversation.ends, []
        for end in left:
            refuse = status if conversation.answered_at is None else None
            end.conversation = None
            self.part(end)
            self.release(now, end, refuse)
        self.tell("call_ended", call=conversation.id)

    def gone(self, now: float, end: End, by: str) -> None:
        """An end has hung up, whoever did it: what becomes of its call."""
        conversation = end.conversation
        if isinstance(end, PhoneEnd):
            self.handsets.over(end)
        if conversation is None:
            return
        self.leave(end)
        self.part(end)
        self.tell("hung_up", call=conversation.id, number=end.number, by=by)
        if not self.transfers.left(now, conversation, end):
            self.over(now, conversation)

    # --- effects of the switchboard -------------------------------------------------------------

    def _one(self, now: float, effect: BoardEffect | OwnEffect) -> None:
        match effect:
            case Incoming():
                self.customers.incoming(now, effect)
            case LegGone():
                end = self.ends.pop(effect.leg.call_id, None)
                if end is not None:
                    self.gone(now, end, "peer")
                if isinstance(end, SipEnd):
                    self.replacements.ended(now, end)
            case ForOwner(leg=TrunkPing() as ping):
                self._pinged(ping)
            case ForOwner():
                end = self.ends.get(effect.leg.call_id)
                if isinstance(end, SipEnd):
                    self._leg_effect(now, end, effect.effect)
            case _:
                self._out.append(effect)

    def _pinged(self, ping: TrunkPing) -> None:
        """The exchange of a trunk answers otherwise than before."""
        if ping.status:
            self.tell("exchange_answers", trunk=ping.trunk, status=ping.status)
        else:
            self.tell("exchange_silent", trunk=ping.trunk)

    def _leg_effect(self, now: float, end: SipEnd, effect: fx.LegEffect) -> None:
        match effect:
            case fx.Locate():
                self._out.append(FindPlaces(end.id, effect.uri))
            case fx.OpenMedia():
                self._out.append(OpenSound(end.id, effect.remote_ip))
            case fx.ApplyMedia():
                self._out.append(ApplySound(end.id, effect.plan))
            case fx.CloseMedia():
                self._out.append(CloseSound(end.id))
            case fx.LegRinging() if not end.inbound:
                self.progress(now, end, 180)
            case fx.LegRinging() if self.manners.early_media:
                self._queue.append(JoinSound(voice_of(end), Voice(f"ring {end.id}", RINGBACK)))
            case fx.LegAnswered() if end.replaces is not None:
                self.replacements.answered(now, end)
            case fx.LegAnswered() if not end.inbound:
                self.progress(now, end, 200)
            case fx.LegAnswered() if end.conversation is not None:
                self.answered(now, end.conversation)
            case fx.DialFailed():
                if effect.outcome.status is None:
                    self.tell("not_reached", number=end.number, why=effect.outcome.text)
                self.progress(now, end, effect.outcome.status or 503)
            case fx.LegEnded():
                self.gone(now, end, "carrier" if effect.by == "local" else "peer")
            case fx.LegDtmf():
                self._key(now, end, effect.digit)
            case fx.ReferReceived():
                self.transfers.received(now, end, effect)
            case _:  # no room, no record, no API request waits for anything here
                pass

    def _key(self, now: float, end: SipEnd, digit: str) -> None:
        """A key by SIP INFO."""
        for other in [] if end.conversation is None else list(end.conversation.ends):
            if isinstance(other, PhoneEnd):
                self.handsets.key(now, other, digit)

    # --- ends -----------------------------------------------------------------------------------

    def _settings(self) -> dict[str, tuple[str, str]]:
        """Transfer mode and caller ID of each trunk."""
        mode, caller_id = self.manners.transfer_mode, self.manners.caller_id
        return {
            trunk.name: (trunk.transfer_mode or mode, trunk.transfer_caller_id or caller_id)
            for trunk in self.numbers.trunks
        }

    def _callers(self) -> dict[str, str]:
        """Who is listed to call by each trunk: addresses and users."""
        return {
            trunk.name: ", ".join(
                [*trunk.allowed_addresses, *(user.username for user in trunk.callers)]
            )
            for trunk in self.numbers.trunks
        }

    def _known(self, end: SipEnd) -> SipEnd:
        self.ends[end.id] = end
        return end

    def _leg(self, direction: CallDirection, contact: Uri, trunk: TrunkConfig | None) -> Leg:
        settings = leg_settings(self.manners, direction, contact, trunk)
        return Leg(self.ids.new("SCL_"), settings, self.ids, self._timers)

    def _own_contact(self) -> Uri:
        """Until it is known where a call goes."""
        return Uri.parse(f"sip:{self._place.hosts()[0]}")

    def _leg_input(
        self, now: float, call_id: str, ask: Callable[[Leg], Iterable[fx.LegEffect]]
    ) -> list[SwitchEffect]:
        end = self.ends.get(call_id)
        if isinstance(end, SipEnd):
            self.ask(now, end, ask)
        return self.take(now, ())

    def _listed(self, one: Conversation) -> dict[str, object]:
        transfer = one.transfer
        return {
            "id": one.id,
            "caller": one.caller_id,
            "called": one.dialled,
            "state": "ringing" if one.answered_at is None else "up",
            "began": one.began,
            "answered": one.answered_at,
            "telephones": [end.number for end in one.ends if isinstance(end, PhoneEnd)],
            "transfer": None if transfer is None else self.transfers.listed(transfer),
        }
