"""What the rooms' events mean for agents: which jobs are asked for, and which end (facts §5.5)."""

from __future__ import annotations

from collections.abc import Sequence

from livekit.protocol.agent import JobType

from ..base.performers import on, performers
from ..rooms import events as ev
from ..rooms.orders import Dispatch
from ..rooms.room import Participant, Room
from .effects import AgentEffect
from .job import Job, JobRequest
from .messages import WorkerKey
from .requests import JobRequests
from .workers import Workers

_ROOM, _PUBLISHER, _PARTICIPANT = JobType.JT_ROOM, JobType.JT_PUBLISHER, JobType.JT_PARTICIPANT
_OTHERS = (
    ev.RoomUpdated
    | ev.ParticipantAborted
    | ev.ParticipantDisplaced
    | ev.ParticipantUpdated
    | ev.AttributesChanged
    | ev.TrackUnpublished
    | ev.TrackMuted
    | ev.SubscribersChanged
    | ev.SubscriptionsChanged
    | ev.DtmfReceived
    | ev.DtmfPause
    | ev.DataReceived
)


class OpenDispatches:
    """Those of the living rooms, each with its requests."""

    def __init__(self, workers: Workers, requests: JobRequests) -> None:
        self._workers = workers
        self._requests = requests
        self._of: dict[str, dict[tuple[int, str], JobRequest]] = {}
        """By dispatch id: by type, and SID of the participant."""
        self._performers = performers(
            ev.RoomEvent,
            on(ev.RoomStarted, self._room_started),
            on(ev.RoomFinished, self._room_finished),
            on(ev.DispatchCreated, self._dispatch_created),
            on(ev.DispatchDeleted, self._dispatch_deleted),
            on(ev.ParticipantJoined, self._participant_joined),
            on(ev.ParticipantLeft, self._participant_left),
            on(ev.ParticipantMoved, self._participant_moved),
            on(ev.TrackPublished, self._track_published),
            but=_OTHERS,
        )

    def jobs_of(self, dispatch_id: str) -> list[Job]:
        """The jobs of a dispatch that workers have, had or are asked to do."""
        requests = self._of.get(dispatch_id, {}).values()
        return [job for request in requests for job in request.jobs()]

    def room_events(self, events: Sequence[ev.RoomEvent]) -> list[AgentEffect]:
        """What one input to the rooms caused."""
        effects: list[AgentEffect] = []
        for event in events:
            perform = self._performers.get(type(event))
            if perform is not None:
                effects += perform(event)
        return effects

    def worker_came(self, now: float, key: WorkerKey) -> list[AgentEffect]:
        """The first of its key for participants: whoever was in a room before it counts too."""
        if key.type == _ROOM or len(self._workers.of(key)) > 1:
            return []
        effects: list[AgentEffect] = []
        rooms = {r.room: None for requests in self._of.values() for r in requests.values()}
        for room in rooms:
            for participant in room.participants.values():
                effects += self._ask_for_participant(now, participant)
        return effects

    # --- events ---------------------------------------------------------------------------------

    def _room_started(self, event: ev.RoomStarted) -> list[AgentEffect]:
        effects: list[AgentEffect] = []
        for dispatch in event.room.dispatches.values():
            effects += self._open(event.at, event.room, dispatch)
        return effects

    def _room_finished(self, event: ev.RoomFinished) -> list[AgentEffect]:
        effects: list[AgentEffect] = []
        for dispatch_id in event.room.dispatches:
            for request in self._of.pop(dispatch_id, {}).values():
                effects += self._requests.withdraw(event.at, request)
        return effects

    def _dispatch_created(self, event: ev.DispatchCreated) -> list[AgentEffect]:
        effects = self._open(event.at, event.room, event.dispatch)
        for participant in event.room.participants.values():
            effects += self._ask_for_participant(event.at, participant)
        return effects

    def _dispatch_deleted(self, event: ev.DispatchDeleted) -> list[AgentEffect]:
        effects: list[AgentEffect] = []
        for request in self._of.pop(event.dispatch.dispatch_id, {}).values():
            effects += self._requests.withdraw(event.at, request, remove=True)
        return effects

    def _participant_joined(self, event: ev.ParticipantJoined) -> list[AgentEffect]:
        self._requests.agent_joined(event.participant)
        return self._ask_for_participant(event.at, event.participant)

    def _track_published(self, event: ev.TrackPublished) -> list[AgentEffect]:
        return self._ask_for_participant(event.at, event.participant)

    def _participant_moved(self, event: ev.ParticipantMoved) -> list[AgentEffect]:
        self._requests.agent_moved(event.participant, event.newcomer)
        return []

    def _participant_left(self, event: ev.ParticipantLeft) -> list[AgentEffect]:
        """A job for somebody who has left goes on, if a worker has it."""
        participant = event.participant
        effects = self._requests.agent_left(event.at, participant, event.reason)
        if self._workers.for_participants:
            for dispatch_id in event.room.dispatches:
                requests = self._of.get(dispatch_id, {})
                for kind in (_PARTICIPANT, _PUBLISHER):
                    request = requests.get((kind, participant.sid))
                    if request is not None:
                        self._requests.give_up(request)
        return effects

    # --- inside ---------------------------------------------------------------------------------

    def _open(self, now: float, room: Room, dispatch: Dispatch) -> list[AgentEffect]:
        self._of[dispatch.dispatch_id] = {}
        return self._ask(now, room, dispatch, _ROOM, None)

    def _ask(
        self,
        now: float,
        room: Room,
        dispatch: Dispatch,
        kind: int,
        participant: Participant | None,
    ) -> list[AgentEffect]:
        requests = self._of.get(dispatch.dispatch_id)
        of = (kind, participant.sid if participant is not None else "")
        if requests is None or of in requests:
            return []
        requests[of] = request = JobRequest(now, room, dispatch, kind, participant)
        return self._requests.ask(now, request)

    def _ask_for_participant(self, now: float, participant: Participant) -> list[AgentEffect]:
        """Jobs for one participant, of the types that there are workers for."""
        if not self._workers.for_participants or participant.dependent or not participant.active:
            return []
        effects: list[AgentEffect] = []
        room = participant.room
        for dispatch in room.dispatches.values():
            order = dispatch.order
            for kind in (_PARTICIPANT, _PUBLISHER):
                if kind == _PUBLISHER and not participant.is_publisher:
                    continue
                if self._workers.of(WorkerKey(order.agent_name, kind, "", order.deployment)):
                    effects += self._ask(now, room, dispatch, kind, participant)
        return effects
