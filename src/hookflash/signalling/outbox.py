"""What goes to one client, in order; changes of participants are gathered for a moment."""

from __future__ import annotations

from collections.abc import Iterable

from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import ParticipantUpdate, SignalResponse

from ..rooms.info import shared_info
from ..rooms.room import DISCONNECTED, Participant
from .effects import SendSignal, SignalEffect
from .responses import check_participant

GATHERING = 0.01
"""Seconds that a change of a participant waits for others, at most."""


MOST_MISSED = 64
"""Departures that are kept for a client without a socket. In a large room each of many such clients
would keep those of all others."""


class Outbox:
    """Effects of one session. A message never overtakes a change that was announced before it."""

    def __init__(self) -> None:
        self.open = True
        """False while there is no socket: messages are dropped, for a client that comes back is
        told the state of everything."""
        self.due: float | None = None
        """When the gathered changes go out at the latest, seconds since the epoch."""
        self._effects: list[SignalEffect] = []
        self._gathered: list[ParticipantInfo] = []
        self._missed: list[ParticipantInfo] = []
        """Who left while there was no socket."""
        self.missed_too_many = False
        """More than are kept: the client is to join anew."""

    def send(self, message: SignalResponse) -> None:
        """Send this behind all that was announced."""
        self.flush()
        if self.open:
            self._effects.append(SendSignal(message))

    def add(self, effect: SignalEffect) -> None:
        """Something for others than the client."""
        self._effects.append(effect)

    def announce(self, now: float, participant: Participant) -> None:
        """Tell the client how that participant is now (`update`)."""
        if not self.open:
            if participant.left:
                self._miss(shared_info(participant))
            return
        info = shared_info(participant)
        check_participant(info)
        if info in self._gathered:  # an input that changed several things at once
            return
        self._gathered.append(info)
        if self.due is None:
            self.due = now + GATHERING

    def flush(self) -> None:
        """Send what was gathered: no message has two states of one participant, since a client
        that sees only the later one would miss an event."""
        gathered, self._gathered, self.due = self._gathered, [], None
        batch: dict[str, ParticipantInfo] = {}
        for info in gathered if self.open else ():
            if info.sid in batch:
                self._update(batch.values())
                batch = {}
            batch[info.sid] = info
        if batch:
            self._update(batch.values())

    def close(self) -> None:
        """The socket is gone."""
        self.open = False
        for info in self._gathered:
            if info.state == DISCONNECTED:
                self._miss(info)
        self.flush()

    def _miss(self, info: ParticipantInfo) -> None:
        if len(self._missed) < MOST_MISSED:
            self._missed.append(info)
        else:
            self.missed_too_many = True

    def announce_missed(self, now: float) -> None:
        """To a client that came back: who left meanwhile. It knows them still, and is told of the
        others only that they are there."""
        missed, self._missed = self._missed, []
        if missed:
            self._gathered += missed
            self.due = now + GATHERING

    def take(self) -> list[SignalEffect]:
        """All effects since the last time, in order."""
        effects, self._effects = self._effects, []
        return effects

    def _update(self, participants: Iterable[ParticipantInfo]) -> None:
        update = ParticipantUpdate(participants=participants)
        self._effects.append(SendSignal(SignalResponse(update=update)))
