"""MoveParticipant: the same participant, in another room."""

from __future__ import annotations

from livekit.protocol.models import DisconnectReason

from ..base.text import clean
from . import rules
from .events import ParticipantMoved, RoomEvent
from .orders import Join
from .registry import Rooms
from .room import Participant, Track


def move(
    rooms: Rooms, now: float, participant: Participant, destination: str
) -> tuple[Participant, list[RoomEvent]]:
    """Leave one room (MIGRATION) and join another, which is made if there is none.

    The newcomer has a new SID, and the name, attributes, metadata, permission and tracks (with
    new SIDs, muted ones muted) of the participant that left. Raises RoomRefused, and changes
    nothing, where the destination is full or has somebody of that identity: a move puts nobody
    out. A client's tracks keep their cids, and who may take them is still as the client said.
    """
    destination = clean(destination)
    room = rooms.get(destination)
    if room is not None and participant.identity in room.participants:
        raise rules.identity_taken()
    join = Join(
        participant.identity,
        name=participant.name,
        kind=participant.kind,
        attributes=participant.attributes,
        metadata=participant.metadata,
        permission=participant.permission,
        client=participant.client,
        listens=participant.listens,
    )
    was_active, tracks = participant.active, _all_tracks(participant)
    newcomer, arrival = rooms.join(now, destination, join)
    events: list[RoomEvent] = [ParticipantMoved(participant.room, participant, newcomer, now)]
    events += rooms.leave(now, participant, DisconnectReason.MIGRATION) + arrival
    if was_active:
        events += rooms.activate(now, newcomer)
    for track in tracks:
        if track.details is not None:
            events += rooms.tracks.repeat(now, track, newcomer)
            continue
        events += rooms.publish_audio(now, newcomer, track.name)
        if track.muted:
            events += rooms.mute(now, list(newcomer.tracks.values())[-1], True)
    cids = {track.cid: track.sid for track in _all_tracks(newcomer)}
    sids = {track.sid: cids[track.cid] for track in tracks}
    newcomer.subscribers = participant.subscribers.renamed(sids)
    return newcomer, events


def _all_tracks(participant: Participant) -> list[Track]:
    return [*participant.tracks.values(), *participant.pending.values()]
