"""Rooms, sessions and what stands in for their connections, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

from livekit.protocol.models import ClientInfo, TrackType
from livekit.protocol.rtc import AddTrackRequest, SessionDescription, SignalRequest, SignalResponse
from tests.support.manual_clock import ManualClock

from hookflash.access.grants import Claims, VideoGrant
from hookflash.adapters.alarm import Alarm
from hookflash.base.ids import Ids
from hookflash.exchange.rooms import RoomHost
from hookflash.rooms.events import RoomEvent
from hookflash.rooms.orders import Join, RoomDefaults
from hookflash.rooms.room import Participant, Track
from hookflash.signalling import effects as ef
from hookflash.signalling.joining import JoinParameters, join_of
from hookflash.signalling.session import SignalSession
from hookflash.signalling.state import SessionSettings


class StillLoop:
    """A loop whose timers never ring: the tests ask for what is due."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Self:
        return self

    def cancel(self) -> None:
        """Of the timer."""


class Member:
    """A session, what its client got, and a stand-in for its peer connection: one section for
    each track, free ones used when an offer is answered. Of two connections it is the one on which
    we offer, one offer at a time."""

    def __init__(self, lobby: Lobby, session: SignalSession, *, two: bool = False) -> None:
        self.lobby = lobby
        self.session = session
        self._two = two
        self._offers = 0
        self._offering = False
        self._changed = False
        self.messages: list[SignalResponse] = []
        self.others: list[ef.SignalEffect] = []
        """Effects that are no messages."""
        self.packets: list[ef.SendPacket] = []
        self.sections: dict[str, Track] = {}
        self.waiting: list[Track] = []
        self.connects = True
        """False: the peer connection never stands."""

    @property
    def participant(self) -> Participant:
        return self.session.participant

    def perform(self, effects: Sequence[ef.SignalEffect]) -> None:
        for effect in effects:
            if isinstance(effect, ef.SendSignal):
                self.messages.append(SignalResponse.FromString(effect.message.SerializeToString()))
            elif isinstance(effect, ef.SendPacket):
                self.packets.append(effect)
            else:
                self.others.append(effect)
                self._peer(effect)

    def _peer(self, effect: ef.SignalEffect) -> None:
        now = self.lobby.clock.now()
        if isinstance(effect, ef.TakeOffer):
            if self._two:
                self.perform(self.session.answered(now, "our answer", effect.id, {}))
                return
            self.perform(self.session.answered(now, "our answer", effect.id, self._attach()))
            self._connected(now)
        elif isinstance(effect, ef.OfferSubscriber):
            self._offer(now)
        elif isinstance(effect, ef.TakeAnswer):
            self._offering = False
            self._connected(now)
            self._ask(now)
        elif isinstance(effect, ef.Subscribe):
            self.waiting.append(effect.track)
            self._changed = True
            self._ask(now)
        elif isinstance(effect, ef.Unsubscribe):
            self.waiting = [track for track in self.waiting if track is not effect.track]
            self.sections = {m: t for m, t in self.sections.items() if t is not effect.track}
            self._changed = True
            self._ask(now)

    def _ask(self, now: float) -> None:
        """Something is to be described anew."""
        if not self._two:
            self.perform(self.session.sections_wanted(now, 0, 0))
        elif self._changed and self._offers and not self._offering:
            self._offer(now)

    def _offer(self, now: float) -> None:
        self._offers += 1
        self._offering, self._changed = True, False
        self.perform(self.session.offered(now, "our offer", self._offers, self._attach()))

    def _connected(self, now: float) -> None:
        if self.connects and not self.participant.active:
            self.perform(self.session.peer_connected(now))

    def _attach(self) -> dict[str, str]:
        """What waits gets sections: free ones of its kind, 3 of which each client has, or behind
        that of the data channels. All that are sent, by mid."""
        for track in self.waiting:
            first = 1 if self._two else 3 if track.type == TrackType.VIDEO else 0
            mid = next(str(n) for n in range(first, 100) if str(n) not in self.sections)
            self.sections[mid] = track
        self.waiting = []
        return {mid: track.sid for mid, track in self.sections.items()}

    def says(self, **message: Any) -> None:
        """The client sends that message."""
        self.perform(self.session.request(self.lobby.clock.now(), SignalRequest(**message)))

    def publishes(self, cid: str = "c1", mid: str = "7", mime: str = "audio/opus") -> Track:
        """A microphone, from add_track to its first packet."""
        self.says(add_track=AddTrackRequest(cid=cid, name="mic", source="MICROPHONE"))
        self.says(offer=SessionDescription(type="offer", sdp="offer"))
        now = self.lobby.clock.now()
        self.perform(self.session.media_began(now, cid, mid, mime))
        self.lobby.settle()
        return next(t for t in self.participant.tracks.values() if t.cid == cid)

    def kinds(self) -> list[str]:
        """What the messages so far were."""
        return [message.WhichOneof("message") or "" for message in self.messages]

    def got(self, kind: str) -> list[Any]:
        """The messages of that kind."""
        return [getattr(m, kind) for m in self.messages if m.WhichOneof("message") == kind]

    def last(self, kind: str) -> Any:
        return self.got(kind)[-1]

    def forget(self) -> None:
        self.messages.clear()
        self.others.clear()
        self.packets.clear()


class Lobby:
    """The rooms of a process and the sessions in them."""

    def __init__(self, seed: int = 1, **defaults: Any) -> None:
        self.clock = ManualClock()
        alarm = Alarm(self.clock, cast(asyncio.AbstractEventLoop, StillLoop()))
        ids = Ids(random.Random(seed))
        self.rooms = RoomHost(self.clock, ids, alarm, RoomDefaults(**defaults))
        self.rooms.listeners.append(self)
        self.members: list[Member] = []

    def room_events(self, events: Sequence[RoomEvent]) -> None:
        for member in list(self.members):
            member.perform(member.session.room_events(self.clock.now(), events))

    def join(
        self,
        identity: str,
        room: str = "r",
        *,
        parameters: JoinParameters | None = None,
        settings: SessionSettings | None = None,
        connects: bool = True,
        kind: str = "",
        name: str = "",
        attributes: dict[str, str] | None = None,
        **grant: Any,
    ) -> Member:
        """A client joins and is connected."""
        parameters = parameters or one_connection()
        video = VideoGrant(room_join=True, **grant)
        claims = Claims(
            "key", identity, kind=kind, name=name, attributes=attributes or {}, video=video
        )
        participant = self.rooms.join(room, join_of(claims, parameters))
        session = SignalSession(participant, parameters, self.rooms, token_of, settings)
        member = Member(self, session, two=parameters.two_connections)
        member.connects = connects
        self.members.append(member)
        member.perform(session.start(self.clock.now()))
        self.settle()
        return member

    def phone(self, identity: str = "sip_1", room: str = "r") -> Participant:
        """A telephone with its audio."""
        participant = self.rooms.join(room, Join(identity))
        self.rooms.activate(participant)
        self.rooms.publish_audio(participant)
        self.settle()
        return participant

    def settle(self) -> None:
        """So long that what is gathered goes out."""
        self.advance(0.02)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that is due in it."""
        end = self.clock.now() + seconds
        for _ in range(10_000):
            due = [(at, m) for m in self.members if (at := m.session.next_deadline()) is not None]
            at, member = min(due, key=lambda pair: pair[0], default=(end + 1, None))
            if member is None or at > end:
                self.clock.set(end)
                return
            self.clock.set(max(at, self.clock.now()))
            member.perform(member.session.handle_deadline(self.clock.now()))
        raise AssertionError("a deadline is handled again and again, and stays")


def one_connection(**changes: Any) -> JoinParameters:
    """What the Python SDK says on /rtc/v1."""
    offer = SessionDescription(type="offer", sdp="first offer")
    fields: dict[str, Any] = {"client": ClientInfo(client_protocol=2), "offer": offer}
    return JoinParameters(**(fields | changes))


def token_of(participant: Participant) -> str:
    return f"token of {participant.identity}"
