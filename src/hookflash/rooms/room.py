"""A room, and what it may be made with. Only `Rooms` changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from livekit.protocol.agent_dispatch import AgentDispatch, JobRestartPolicy, RoomAgentDispatch
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration

from ..base.light import light_dataclass
from ..base.text import clean
from . import info
from .participant import Participant, Track
from .rules import check_attributes, check_metadata, check_room_name, room_full

CODECS = (
    "audio/PCMU",
    "audio/PCMA",
    "audio/opus",
    "audio/red",
    "video/VP8",
    "video/H264",
    "video/VP9",
    "video/AV1",
    "video/H265",
    "video/rtx",
)
"""LiveKit's default enabled_codecs."""

JOIN_TIMEOUT = 60.0
"""Seconds within which a participant that joined must become active (facts §6.3)."""

COUNTS_INTERVAL = 5.0
"""LiveKit refreshes the numbers in its room object this often (conformance/room-events.json)."""


@light_dataclass(frozen=True, slots=True)
class AgentOrder:
    """An agent to be dispatched to a room (RoomAgentDispatch, CreateAgentDispatchRequest)."""

    agent_name: str = ""
    metadata: str = ""
    restart_policy: JobRestartPolicy = JobRestartPolicy.JRP_ON_FAILURE
    deployment: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, message: RoomAgentDispatch) -> AgentOrder:
        """From CreateRoomRequest.agents or RoomConfiguration.agents."""
        return cls(
            agent_name=message.agent_name,
            metadata=message.metadata,
            restart_policy=message.restart_policy,
            deployment=message.deployment,
            attributes=dict(message.attributes),
        )


@light_dataclass(frozen=True, slots=True)
class RoomOptions:
    """What somebody wants of a room that is to be made. 0 and "" mean: as it would be anyway.

    Timeouts are seconds.
    """

    empty_timeout: int = 0
    departure_timeout: int = 0
    max_participants: int = 0
    metadata: str = ""
    agents: tuple[AgentOrder, ...] = ()

    @classmethod
    def of(cls, message: CreateRoomRequest | RoomConfiguration) -> RoomOptions:
        """From a CreateRoom request, a dispatch rule's or token's room_config, or a preset."""
        return cls(
            empty_timeout=message.empty_timeout,
            departure_timeout=message.departure_timeout,
            max_participants=message.max_participants,
            metadata=message.metadata,
            agents=tuple(AgentOrder.of(agent) for agent in message.agents),
        )

    def over(self, base: RoomOptions) -> RoomOptions:
        """These options where they say something, `base` elsewhere."""
        return RoomOptions(
            empty_timeout=self.empty_timeout or base.empty_timeout,
            departure_timeout=self.departure_timeout or base.departure_timeout,
            max_participants=self.max_participants or base.max_participants,
            metadata=self.metadata or base.metadata,
            agents=self.agents or base.agents,
        )

    def check(self, name: str) -> None:
        """Raise RoomRefused for a name, metadata or attributes over their limits."""
        check_room_name(name)
        check_metadata(self.metadata)
        for agent in self.agents:
            check_metadata(agent.metadata)
            check_attributes(agent.attributes)


@light_dataclass(frozen=True, slots=True)
class RoomDefaults:
    """The `room` section of the configuration. Timeouts are seconds."""

    auto_create: bool = True
    empty_timeout: int = 300
    departure_timeout: int = 20
    max_participants: int = 0
    """0: no limit."""
    enable_remote_unmute: bool = False
    enabled_codecs: tuple[str, ...] = CODECS
    presets: Mapping[str, RoomOptions] = field(default_factory=dict)
    """`room_configurations`, by name."""

    def defaults(self) -> RoomOptions:
        """What a room gets of which nobody said anything."""
        return RoomOptions(
            empty_timeout=self.empty_timeout,
            departure_timeout=self.departure_timeout,
            max_participants=self.max_participants,
        )


@dataclass(slots=True)
class Dispatch:
    """An agent dispatch that a room holds. Times are the world's, in seconds since the epoch."""

    dispatch_id: str
    room: str
    order: AgentOrder
    created_at: float
    deleted_at: float | None = None

    def info(self) -> AgentDispatch:
        """LiveKit's message, built now."""
        return info.dispatch_info(self)


class Room:
    """One room. A new one of the same name has a new SID."""

    __slots__ = (
        "codecs",
        "created_at",
        "departure_timeout",
        "dispatches",
        "empty_timeout",
        "finished",
        "joining",
        "keepers",
        "last_left_at",
        "max_participants",
        "memo",
        "metadata",
        "name",
        "participants",
        "scheduled_at",
        "shift",
        "sid",
        "told_at",
        "told_counts",
        "turn_password",
    )

    def __init__(
        self,
        sid: str,
        name: str,
        created_at: float,
        options: RoomOptions,
        *,
        turn_password: str,
        codecs: tuple[str, ...] = CODECS,
        shift: float = 0.0,
    ) -> None:
        self.sid = sid
        self.name = name
        self.created_at = created_at
        """Seconds since the epoch, by the clock of deadlines."""
        self.shift = shift
        """From there to the world's time, which others are told."""
        self.empty_timeout = options.empty_timeout
        self.departure_timeout = options.departure_timeout
        self.max_participants = options.max_participants
        self.metadata = clean(options.metadata)
        self.turn_password = turn_password
        self.codecs = codecs
        self.participants: dict[str, Participant] = {}
        """By identity, in order of joining; whoever left is gone from here."""
        self.dispatches: dict[str, Dispatch] = {}
        """By id, in order of creation."""
        self.finished = False
        self.keepers = 0
        """Participants present that keep the room open (all but agents and egress)."""
        self.joining: dict[str, Participant] = {}
        """By SID: joined but not active yet, the longest waiting first."""
        self.last_left_at: float | None = None
        """When a participant of the first kind last left."""
        self.scheduled_at: float | None = None
        """The registry's bookkeeping: the earliest entry for this room in its heap."""
        self.memo: str | None = None
        """Text that a reader made of `told` and the rest of the room; None once that changes."""
        self.told_at = created_at
        self.told_counts = (0, 0)

    def next_deadline(self) -> float | None:
        """When this room closes by itself or gives up a joining participant, if nothing comes."""
        closes_at = self.closes_at()
        if not self.joining:
            return closes_at
        gives_up_at = next(iter(self.joining.values())).joined_at + JOIN_TIMEOUT
        return gives_up_at if closes_at is None else min(closes_at, gives_up_at)

    def closes_at(self) -> float | None:
        """When it closes for want of participants (facts §6.2); None while somebody keeps it."""
        if self.keepers:
            return None
        if self.last_left_at is None:
            return self.created_at + self.empty_timeout
        return self.last_left_at + self.departure_timeout

    def counts(self) -> tuple[int, int]:
        """num_participants (agents and egress not counted) and num_publishers, now."""
        publishers = sum(1 for p in self.participants.values() if p.is_publisher)
        return self.keepers, publishers

    def told(self, now: float) -> tuple[int, int]:
        """The counts that webhooks show: refreshed every 5 s, as LiveKit's are."""
        if now - self.told_at >= COUNTS_INTERVAL:
            self.told_at = now
            self.told_counts = self.counts()
            self.memo = None
        return self.told_counts

    def check_space(self, newcomer: Participant, former: Participant | None) -> None:
        """Raise RoomRefused if max_participants are in; `former` is about to be displaced."""
        if not self.max_participants or newcomer.dependent:
            return
        freed = 1 if former is not None and not former.dependent else 0
        if self.keepers - freed >= self.max_participants:
            raise room_full()

    def others(self, participant: Participant) -> Iterator[Participant]:
        """Everybody else, in order of joining."""
        return (p for p in self.participants.values() if p is not participant)

    def is_heard(self, participant: Participant) -> bool:
        """True if somebody active takes one of this participant's tracks."""
        tracks = participant.tracks.values()
        return any(p.takes(track) for p in self.others(participant) for track in tracks)

    def track(self, sid: str) -> Track | None:
        """The track of that SID, whoever publishes it."""
        for participant in self.participants.values():
            track = participant.tracks.get(sid)
            if track is not None:
                return track
        return None

    def info(self) -> RoomInfo:
        """LiveKit's message, built now, with the counts of now."""
        return info.room_info(self, self.counts())


_NOTHING = RoomOptions()
_SOME_AGENT = RoomOptions(agents=(AgentOrder(),))


def resolve(
    options: RoomOptions, preset: RoomOptions | None, settings: RoomDefaults
) -> RoomOptions:
    """Options over preset over settings; agents default to one dispatch without a name."""
    return options.over(preset or _NOTHING).over(settings.defaults()).over(_SOME_AGENT)
