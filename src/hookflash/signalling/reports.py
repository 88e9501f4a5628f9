"""What a client is told from time to time: counts of the room, quality, speakers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livekit.protocol.models import ConnectionQuality, SpeakerInfo
from livekit.protocol.rtc import (
    ConnectionQualityInfo,
    ConnectionQualityUpdate,
    RoomUpdate,
    SignalResponse,
    SpeakersChanged,
)

from ..rooms.info import room_info
from ..rooms.room import COUNTS_INTERVAL
from .state import SessionState

Quality = tuple[ConnectionQuality, float]
"""LiveKit's grade, and its score (1.0 to 4.5)."""

BEST: Quality = (ConnectionQuality.EXCELLENT, 4.5)

_WEIGHT = 16 / 3
"""Points of 100 that each percent of lost packets costs, of Opus with in-band FEC."""


def quality_of(loss: float) -> Quality:
    """The grade of a connection by the part of its packets of sound that are lost, as LiveKit's
    server has it: excellent above 80 points, good above 40."""
    points = max(0.0, 100 - 100 * loss * _WEIGHT)
    grade = ConnectionQuality.POOR
    if points > 40:
        grade = ConnectionQuality.EXCELLENT if points > 80 else ConnectionQuality.GOOD
    return grade, round(1 + 3.5 * points / 100, 2)


class Reports:
    """`connection_quality` and `room_update` come with the room's tick of 5 s, and only if there
    is something new; `speakers_changed` when the media says so."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.due = 0.0
        """The next tick."""
        self._counts: tuple[int, int] | None = None
        self._measured: dict[str, Quality] = {}
        self._told: dict[str, Quality] = {}
        self._speaking: set[str] = set()

    def begin(self, now: float, counts: tuple[int, int]) -> None:
        """The client knows those counts; the next tick is the room's."""
        self._counts = counts
        created = self._state.participant.room.created_at
        self.due = created + COUNTS_INTERVAL * (int((now - created) / COUNTS_INTERVAL) + 1)
        if self.due <= now:  # by the last digit of a float
            self.due += COUNTS_INTERVAL

    def forget(self) -> None:
        """Nothing of what was told counts any more: the client is a new one, or elsewhere."""
        self._told.clear()
        self._measured.clear()
        self._speaking.clear()

    def room(self) -> None:
        """`room_update`, whatever was told before."""
        room = self._state.participant.room
        self._counts = room.counts()
        message = RoomUpdate(room=room_info(room, self._counts))
        self._state.outbox.send(SignalResponse(room_update=message))

    def measured(self, sid: str, quality: Quality) -> None:
        """How well a participant (by SID) is connected; the best until somebody says otherwise."""
        self._measured[sid] = quality

    def tick(self, now: float, heard: Collection[str]) -> None:
        """5 s are over; `heard` are the SIDs of those whose tracks the client takes."""
        room = self._state.participant.room
        self.begin(now, self._counts or (0, 0))
        wanted = dict.fromkeys((self._state.participant.sid, *heard))
        grades = {sid: self._measured.get(sid, BEST) for sid in wanted}
        changed = {sid: grade for sid, grade in grades.items() if self._told.get(sid) != grade}
        present = {participant.sid for participant in room.participants.values()}
        self._told = {sid: v for sid, v in (self._told | changed).items() if sid in present}
        self._measured = {sid: v for sid, v in self._measured.items() if sid in present}
        if changed:
            updates = [
                ConnectionQualityInfo(participant_sid=sid, quality=grade, score=score)
                for sid, (grade, score) in changed.items()
            ]
            message = ConnectionQualityUpdate(updates=updates)
            self._state.outbox.send(SignalResponse(connection_quality=message))
        if room.counts() != self._counts:
            self.room()

    def speakers(self, levels: Mapping[str, float], heard: Collection[str]) -> None:
        """Participants (by SID) whose loudness (0 to 1; 0: silent) changed. The client is told of
        itself, of those whom it hears, and of whom it still believes to speak."""
        speakers = []
        for sid, level in levels.items():
            known = sid == self._state.participant.sid or sid in heard
            if known if level > 0 else sid in self._speaking:
                speakers.append(SpeakerInfo(sid=sid, level=level, active=level > 0))
                (self._speaking.add if level > 0 else self._speaking.discard)(sid)
        if speakers:
            message = SpeakersChanged(speakers=speakers)
            self._state.outbox.send(SignalResponse(speakers_changed=message))
