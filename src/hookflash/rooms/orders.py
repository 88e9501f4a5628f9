"""What somebody wants of a room: how it is made, who joins, what changes, which agents come."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice

from livekit.protocol.agent_dispatch import (
    CreateAgentDispatchRequest,
    JobRestartPolicy,
    RoomAgentDispatch,
)
from livekit.protocol.models import ParticipantInfo, ParticipantPermission, TrackSource
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration

from ..base.counts import MOST_ENTRIES, check_count
from ..base.light import light_dataclass
from .rules import (
    MAX_AGENTS,
    MAX_ATTRIBUTE_COUNT,
    MAX_SOURCES,
    RoomRefused,
    check_agent,
    check_attributes,
    check_metadata,
    check_room_name,
    too_many_dispatches,
)

Kind = ParticipantInfo.Kind
"""LiveKit's own enum; a telephone is `Kind.SIP`."""

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


@light_dataclass(frozen=True, slots=True)
class AgentOrder:
    """An agent to be dispatched to a room (RoomAgentDispatch, CreateAgentDispatchRequest)."""

    agent_name: str = ""
    metadata: str = ""
    restart_policy: JobRestartPolicy = JobRestartPolicy.JRP_ON_FAILURE
    deployment: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, message: RoomAgentDispatch | CreateAgentDispatchRequest) -> AgentOrder:
        """From CreateRoomRequest.agents, RoomConfiguration.agents or CreateDispatch; of attributes
        no more than it takes to refuse them."""
        return cls(
            agent_name=message.agent_name,
            metadata=message.metadata,
            restart_policy=message.restart_policy,
            deployment=message.deployment,
            attributes=dict(islice(message.attributes.items(), MAX_ATTRIBUTE_COUNT + 1)),
        )

    def size(self) -> int:
        """Characters of what there is no small limit to."""
        attributes = (*self.attributes, *self.attributes.values())
        return len(self.metadata) + sum(map(len, attributes))


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
        """From a CreateRoom request, a dispatch rule's or token's room_config, or a preset; of the
        agents no more than `check` needs to refuse them."""
        agents = islice(message.agents, MAX_AGENTS + 1)
        return cls(
            empty_timeout=message.empty_timeout,
            departure_timeout=message.departure_timeout,
            max_participants=message.max_participants,
            metadata=message.metadata,
            agents=tuple(AgentOrder.of(agent) for agent in agents),
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
        """Raise RoomRefused for too many agents, and names, metadata or attributes over their
        limits."""
        check_room_name(name)
        check_metadata(self.metadata)
        check_count("agents", len(self.agents), MAX_AGENTS, RoomRefused)
        for agent in self.agents:
            check_agent(agent.agent_name, agent.deployment)
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


_NOTHING = RoomOptions()
_SOME_AGENT = RoomOptions(agents=(AgentOrder(),))


def resolve(
    options: RoomOptions, preset: RoomOptions | None, settings: RoomDefaults
) -> RoomOptions:
    """Options over preset over settings; agents default to one dispatch without a name."""
    return options.over(preset or _NOTHING).over(settings.defaults()).over(_SOME_AGENT)


MAX_DISPATCHED = 4 * 1024 * 1024
"""Characters of metadata and attributes of the dispatches that a room holds, together."""


@dataclass(slots=True)
class Dispatch:
    """An agent dispatch that a room holds. Times are seconds since the epoch."""

    dispatch_id: str
    room: str
    order: AgentOrder
    created_at: float
    deleted_at: float | None = None
    size: int = field(init=False)
    """Characters, as `MAX_DISPATCHED` counts them."""

    def __post_init__(self) -> None:
        self.size = self.order.size()


def check_dispatches(held: Collection[Dispatch], order: AgentOrder) -> None:
    """Raise RoomRefused where a room holds so much that it takes no dispatch for `order`, too."""
    if len(held) >= MOST_ENTRIES:
        raise too_many_dispatches(f"{MOST_ENTRIES} dispatches")
    if order.size() + sum(dispatch.size for dispatch in held) > MAX_DISPATCHED:
        raise too_many_dispatches(f"{MAX_DISPATCHED} characters of metadata in its dispatches")


@light_dataclass(frozen=True, slots=True)
class Permission:
    """What a participant may do; the defaults are those of a join token (facts §1.7)."""

    can_subscribe: bool = True
    can_publish: bool = True
    can_publish_data: bool = True
    can_update_metadata: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    can_publish_sources: tuple[int, ...] = ()
    can_subscribe_metrics: bool = False
    can_manage_agent_session: bool = False

    @classmethod
    def of(cls, message: ParticipantPermission) -> Permission:
        """From the message that UpdateParticipant carries; RoomRefused for too many sources."""
        sources = message.can_publish_sources
        check_count("sources to publish", len(sources), MAX_SOURCES, RoomRefused)
        return cls(
            can_subscribe=message.can_subscribe,
            can_publish=message.can_publish,
            can_publish_data=message.can_publish_data,
            can_update_metadata=message.can_update_metadata,
            hidden=message.hidden,
            recorder=message.recorder,
            agent=message.agent,
            can_publish_sources=tuple(dict.fromkeys(sources)),
            can_subscribe_metrics=message.can_subscribe_metrics,
            can_manage_agent_session=message.can_manage_agent_session,
        )

    def grant(self, room: str) -> dict[str, object]:
        """The claim `video` of a token of ours with which one joins that room with this permission
        (facts §1.7). Agent, recorder and canManageAgentSession are not in it: a job's token and a
        client's differ there."""
        grant: dict[str, object] = {
            "roomJoin": True,
            "room": room,
            "canPublish": self.can_publish,
            "canSubscribe": self.can_subscribe,
            "canPublishData": self.can_publish_data,
            "canUpdateOwnMetadata": self.can_update_metadata,
            "canSubscribeMetrics": self.can_subscribe_metrics,
            "hidden": self.hidden,
        }
        known = TrackSource.DESCRIPTOR.values_by_number
        sources = [known[s].name.lower() for s in self.can_publish_sources if s in known]
        if sources:
            grant["canPublishSources"] = sources
        return grant


@light_dataclass(frozen=True, slots=True)
class ClientTraits:
    """What a participant's client software is; the defaults are a telephone's."""

    protocol: int = 0
    """ParticipantInfo.client_protocol."""
    capabilities: tuple[int, ...] = ()
    """ClientInfo.Capability."""
    auto_subscribe: bool = True
    """False: it takes only the tracks that it asks for."""


@light_dataclass(frozen=True, slots=True)
class Join:
    """Who wants to join. Texts may hold bytes that are no UTF-8 (as surrogates)."""

    identity: str
    name: str = ""
    kind: ParticipantInfo.Kind = Kind.STANDARD
    attributes: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""
    permission: Permission = field(default_factory=Permission)
    room_options: RoomOptions | None = None
    """Of the dispatch rule's or token's room_config: used if this join makes the room."""
    room_preset: str = ""
    client: ClientTraits = field(default_factory=ClientTraits)
    listens: bool = True
    """False: it takes no track until `Rooms.listen`: a telephone that rings."""


@light_dataclass(frozen=True, slots=True)
class ParticipantChange:
    """UpdateParticipant: "" and None mean no change; an attribute "" is deleted."""

    name: str = ""
    metadata: str = ""
    permission: Permission | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
