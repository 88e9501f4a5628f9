"""All WebRTC participants: they join by a WebSocket, are told of their rooms, and tell them.

A `RoomListener`, and the `ParticipantOwner` of clients. The backend of `/rtc` and `/rtc/v1`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Final

import structlog

from ...access.grants import Claims
from ...adapters.alarm import Alarm
from ...adapters.join_tokens import Signer, TokenMaker
from ...base.deadline_queue import DeadlineQueue
from ...base.errors import ApiError
from ...base.ids import Ids
from ...exchange.peer_connection import PeerConnection
from ...exchange.peer_ways import VideoRooms
from ...exchange.rooms import ParticipantOwner, RoomHost, Rpc
from ...exchange.rtc_client import PHONE_CODECS, RtcClient
from ...media.speakers import INTERVAL, Loudness, Speakers
from ...ports import MessageSocket, WorldClock
from ...rooms import events as ev
from ...rooms.orders import Join
from ...rooms.room import Participant, Room, Track
from ...rooms.rules import RoomRefused, room_full, room_missing
from ...signalling import responses
from ...signalling.data import PacketRefused, relay
from ...signalling.effects import SendPacket
from ...signalling.frames import SignalError, read_request
from ...signalling.join import ClientJoin, JoinError
from ...signalling.joining import JoinParameters, join_of, parameters_of
from ...signalling.session import SignalSession
from ...signalling.state import SessionSettings
from ...webrtc.formats import RtpCodec
from ..media.engine import MediaEngine
from .calling import RpcCalls, answer_rpc
from .counts import RtcCounts
from .ports import RtcPorts

_log = structlog.get_logger("rtc")

MOST_JOINING: Final = 100
"""Participants of one room that have joined and not connected yet: each of them hears of what
becomes of the others."""
MOST_UNCONNECTED: Final = 400
"""Those of all rooms. Each has a quarter of a minute."""
REPORT_INTERVAL: Final = 5.0
"""Seconds between the RTCP reports of a client."""
_OUT: Final = (ev.ParticipantLeft, ev.ParticipantAborted, ev.ParticipantDisplaced)
"""Events of who is in the room no more, and hears of it."""
TURN: Final = 0.005
"""Seconds after which what is due for others waits for the next turn of the loop."""
MAX_RPCS: Final = 64
"""Requests of one client to telephones that may be open at once; more are dropped."""


class RtcClients:
    """`phones`: whoever can be called by RPC beside clients."""

    def __init__(
        self,
        ports: RtcPorts,
        engine: MediaEngine,
        rooms: RoomHost,
        *,
        clock: WorldClock,
        ids: Ids,
        alarm: Alarm,
        signer: Signer,
        settings: SessionSettings,
        candidates: Callable[[], tuple[str, ...]],
        phones: ParticipantOwner,
    ) -> None:
        self.ports = ports
        self._engine = engine
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._alarm = alarm
        self._settings = settings
        self._candidates = candidates
        self._phones = phones
        self._calls = RpcCalls(ids)
        self._tokens = TokenMaker(signer)
        self._loop = asyncio.get_running_loop()
        self._clients: dict[str, RtcClient] = {}
        """By participant SID."""
        self._due: DeadlineQueue[RtcClient] = DeadlineQueue()
        self._speakers: dict[str, Speakers] = {}
        """Of rooms with clients, by SID."""
        self._loudness: dict[str, Loudness] = {}
        """By track SID."""
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._video: VideoRooms | None = None
        self.counts = RtcCounts()
        alarm.add(self)
        engine.measured = self.measured
        engine.before_tick = ports.sockets.read_waiting

    def __len__(self) -> int:
        return len(self._clients)

    async def stop(self) -> None:
        """Everybody is told to go; the ports are closed."""
        now = self._clock.now()
        for client in list(self._clients.values()):
            client.perform(client.session.shutdown(now))
        for task in self._tasks:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.ports.stop()

    # --- sockets --------------------------------------------------------------------------------

    async def check(self, claims: Claims, client: ClientJoin) -> None:
        """`api.backend.RtcBackend`."""
        self._check(claims, client, _read(claims, client)[1])

    def join_refused(self, code: str) -> None:
        """`api.backend.RtcBackend`."""
        self.counts.join_refused(code)

    def _check(self, claims: Claims, client: ClientJoin, join: Join) -> None:
        """RoomRefused, or another ApiError, where the rooms would refuse it."""
        room = self._rooms.get(client.room)
        if room is None:
            if not (self._rooms.auto_create or claims.video.room_create):
                raise room_missing()
        elif room.is_full(claims.identity) and not claims.video.agent:
            # As LiveKit has it: to clients, 429 would mean that another try is in vain.
            raise ApiError("internal", room_full().msg)
        elif len(room.joining) >= MOST_JOINING:
            raise ApiError("unavailable", "too many participants are joining this room")
        if len(self._clients) >= MOST_UNCONNECTED and self._unconnected() >= MOST_UNCONNECTED:
            raise ApiError("unavailable", "too many participants are joining")
        self._rooms.check_join(client.room, join)

    def _unconnected(self) -> int:
        """Clients that have joined and whose connection does not stand yet."""
        return sum(not client.participant.active for client in self._clients.values())

    async def session(self, claims: Claims, asked: ClientJoin, socket: MessageSocket) -> None:
        """An open socket, until its end."""
        if asked.join.reconnect:
            client = self._resumed(claims, asked, socket)
        else:
            client = self._joined(claims, asked, socket)
        if client is None:
            return
        try:
            async for frame in socket:
                if client.over or client.socket is not socket:
                    break
                self._frame(client, frame)
        finally:
            if client.socket is socket:
                client.socket = None
                client.drive(lambda session, now: session.socket_lost(now))

    def _joined(self, claims: Claims, asked: ClientJoin, socket: MessageSocket) -> RtcClient | None:
        try:
            parameters, join = _read(claims, asked)
            self._check(claims, asked, join)  # many may have come since
            if claims.video.room_create and self._rooms.get(asked.room) is None:
                self._rooms.create(asked.room, join.room_options, join.room_preset)
            participant = self._rooms.join(asked.room, join)
        except (RoomRefused, ApiError) as error:
            _log.info("rtc_join_refused", room=asked.room, identity=claims.identity, why=error.msg)
            self.join_refused(error.code)
            socket.close()
            return None
        self._tokens.came(participant, claims)
        client = RtcClient(
            self,
            self._engine,
            self._clock,
            lambda: SignalSession(
                participant, parameters, self._rooms, self._tokens, self._settings
            ),
            two_connections=not asked.single_connection,
        )
        self._clients[participant.sid] = client
        client.socket = socket
        self._start_looking()
        _log.info(
            "rtc_joined",
            room=participant.room.name,
            identity=participant.identity,
            sdk=asked.join.client_info.sdk,
        )
        client.drive(lambda session, now: session.start(now))
        return client

    def _resumed(
        self, claims: Claims, asked: ClientJoin, socket: MessageSocket
    ) -> RtcClient | None:
        client = self._clients.get(asked.join.participant_sid)
        if client is None or not client.is_of(claims.identity, asked.room):
            socket.send(responses.cannot_resume().SerializeToString())
            socket.close()
            return None
        former, client.socket = client.socket, socket
        client.in_text = False
        if former is not None:
            former.close()
        sync = asked.join.sync_state if asked.join.HasField("sync_state") else None
        client.drive(lambda session, now: session.resumed(now, sync))
        return client

    def _frame(self, client: RtcClient, frame: bytes | str) -> None:
        client.in_text = isinstance(frame, str)
        try:
            message = read_request(frame)
        except SignalError as error:
            _log.debug(
                "rtc_message_unreadable", identity=client.participant.identity, why=str(error)
            )
            return
        client.drive(lambda session, now: session.request(now, message))

    # --- rooms ----------------------------------------------------------------------------------

    def room_events(self, events: Sequence[ev.RoomEvent]) -> None:
        """`exchange.rooms.RoomListener`."""
        if not self._clients:
            return
        for event in events:
            if isinstance(event, ev.TrackPublished):
                self._published(event)
            elif isinstance(event, ev.TrackUnpublished):
                self._unpublished(event)
            elif isinstance(event, ev.TrackMuted):
                self._with(event.participant, partial(RtcClient.mute, track=event.track))
            elif isinstance(event, ev.ParticipantMoved):
                self._moved(event)
        now = self._clock.now()
        for sid in self._concerned(events):
            client = self._clients.get(sid)
            if client is not None:
                client.perform(client.session.room_events(now, events))

    @staticmethod
    def _concerned(events: Sequence[ev.RoomEvent]) -> dict[str, None]:
        """Sids of those who are in the rooms in which something happened, and of who went out."""
        rooms = {event.room.sid: event.room for event in events}
        concerned: dict[str, None] = {}
        for event in events:
            if isinstance(event, ev.ParticipantMoved):
                rooms[event.newcomer.room.sid] = event.newcomer.room
            elif isinstance(event, _OUT):
                concerned[event.participant.sid] = None
        for room in rooms.values():
            concerned |= dict.fromkeys(member.sid for member in room.participants.values())
        return concerned

    def _with(self, participant: Participant, act: Callable[[RtcClient], None]) -> None:
        client = self._clients.get(participant.sid)
        if client is not None:
            act(client)

    def _published(self, event: ev.TrackPublished) -> None:
        track = event.track
        speakers = self._speakers.get(event.room.sid)
        if speakers is not None:
            self._loudness[track.sid] = speakers.add(track.sid, event.participant.sid)
        self._with(event.participant, partial(RtcClient.publish, track=track))

    def _unpublished(self, event: ev.TrackUnpublished) -> None:
        self._loudness.pop(event.track.sid, None)
        speakers = self._speakers.get(event.room.sid)
        if speakers is not None:
            speakers.remove(event.track.sid)
        self._with(event.participant, partial(RtcClient.unpublish, track=event.track))

    def _moved(self, event: ev.ParticipantMoved) -> None:
        client = self._clients.pop(event.participant.sid, None)
        if client is not None:
            self._clients[event.newcomer.sid] = client
            self._tokens.moved(event.participant, event.newcomer)

    # --- what a client asks of all --------------------------------------------------------------

    def new_connection(self, client: RtcClient) -> PeerConnection:
        """One more peer connection."""
        return PeerConnection(
            self.ports,
            self._engine,
            client,
            clock=self._clock,
            ids=self._ids,
            candidates=self._candidates,
            room=lambda: client.room,
            video=self._with_video,
        )

    def _with_video(self) -> VideoRooms:
        """Made, and loaded, when the first client has video."""
        if self._video is None:
            from .video import VideoClock

            self._video = VideoClock(self._clock, self._ids, self._loop)
        return self._video

    @property
    def audio_sent(self) -> int:
        """Packets of sound that went to clients so far."""
        return self.counts.audio_sent + sum(one.audio_sent for one in self._clients.values())

    @property
    def video_forwarded(self) -> int:
        """Packets of video that went to subscribers so far."""
        return self._video.forwarded if self._video is not None else 0

    def codecs_of(self, track: Track) -> tuple[RtpCodec, ...]:
        """What its publisher may send it in."""
        client = self._clients.get(track.participant.sid)
        if client is None:
            return PHONE_CODECS
        return client.publisher.codecs_of(track.cid) or PHONE_CODECS

    def data_received(self, client: RtcClient, data: bytes, *, reliable: bool) -> None:
        """One DataPacket: on to whom it is for."""
        sender = client.participant
        if self._calls.is_answer(data):
            return
        try:
            packet = relay(sender, data, reliable)
        except PacketRefused as error:
            self.counts.packet_refused(error.reason)
            return
        if packet.dtmf is not None:
            self._rooms.send_dtmf(
                sender,
                packet.dtmf.digit,
                None,
                relayed=False,
                destinations=packet.destinations,
            )
            return
        effect = SendPacket(packet.packet, packet.reliable)
        for recipient in packet.recipients:
            other = self._clients.get(recipient.sid)
            if other is not None:
                other.perform([effect])
            elif packet.rpc_request:
                self._call(client, recipient, data)

    def _call(self, client: RtcClient, phone: Participant, request: bytes) -> None:
        """An RPC to who is no client."""
        if client.calls >= MAX_RPCS:
            self.counts.packet_refused("too_many_rpcs")
            return
        client.calls += 1
        way = self._phones.rpc(phone)
        task = self._loop.create_task(
            answer_rpc(way, phone, client.participant, request, client.send_reliable)
        )
        self._tasks.add(task)
        task.add_done_callback(partial(self._called, client))

    def _called(self, client: RtcClient, task: asyncio.Task[None]) -> None:
        client.calls -= 1
        self._tasks.discard(task)

    def measured(self, track_sid: str, level: int) -> None:
        """How loud 20 ms of that track were."""
        loudness = self._loudness.get(track_sid)
        if loudness is not None:
            loudness.observe(level)

    def soon(self, act: Callable[[], None]) -> None:
        """Once what is being done is done."""
        self._loop.call_soon(act)

    def arm(self, client: RtcClient) -> None:
        """Its session had an input."""
        due = client.session.next_deadline()
        if due is None:
            self._due.discard(client)
            return
        self._due.set(client, due)
        self._alarm.arm_for(due)

    def ended(self, client: RtcClient) -> None:
        """It is over."""
        self.counts.audio_sent += client.audio_sent
        self._calls.gone(client)
        self._clients.pop(client.participant.sid, None)
        self._tokens.left(client.participant)

    # --- of participants ------------------------------------------------------------------------

    def can_move(self, participant: Participant) -> bool:
        """`exchange.rooms.ParticipantOwner`."""
        return participant.sid in self._clients

    def rpc(self, participant: Participant) -> Rpc | None:
        """By its data channel."""
        client = self._clients.get(participant.sid)
        if client is None:
            return None
        return partial(self._calls.call, client, client.send_reliable)

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """The earliest of all sessions."""
        return self._due.next()

    def handle_deadline(self, now: float) -> None:
        """Do what is due, so far as it goes in one turn: each who leaves a large room is told to
        all who are there. The rest is due still."""
        end = perf_counter() + TURN
        while (client := self._due.take(now)) is not None:
            try:
                client.perform(client.session.handle_deadline(now))
            finally:
                self.arm(client)
            if perf_counter() > end:
                return

    def _start_looking(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(INTERVAL, self._look)

    def _look(self) -> None:
        """Who speaks; and the reports of a part of the clients."""
        self._timer = None
        if not self._clients:
            self._speakers.clear()
            self._loudness.clear()
            return
        self._start_looking()
        now = self._clock.now()
        rooms = {
            client.participant.room.sid: client.participant.room
            for client in self._clients.values()
        }
        for sid in [sid for sid in self._speakers if sid not in rooms]:
            del self._speakers[sid]
        for room in rooms.values():
            self._look_at(room, now)
        turns = round(REPORT_INTERVAL / INTERVAL)
        self._looks += 1
        for client in list(self._clients.values())[self._looks % turns :: turns]:
            client.report(now)
            self._grade(client, now)

    def _grade(self, client: RtcClient, now: float) -> None:
        """How well it is connected, for all who are told."""
        sid, room = client.participant.sid, client.participant.room
        others = (self._clients.get(other.sid) for other in room.others(client.participant))
        if not client.grade(other.missed() for other in others if other is not None):
            return
        grade, score = client.quality
        for participant in room.participants.values():
            self._with(
                participant,
                lambda other: other.perform(other.session.quality(now, sid, grade, score)),
            )

    def _look_at(self, room: Room, now: float) -> None:
        speakers = self._speakers.get(room.sid)
        if speakers is None:
            speakers = self._speakers[room.sid] = Speakers()
            for participant in room.participants.values():
                for track in participant.tracks.values():
                    self._loudness[track.sid] = speakers.add(track.sid, participant.sid)
        changed = speakers.look()
        if changed:
            for participant in room.participants.values():
                self._with(
                    participant,
                    lambda client: client.perform(client.session.speakers(now, changed)),
                )


def _read(claims: Claims, client: ClientJoin) -> tuple[JoinParameters, Join]:
    """What is asked for, and who asks. ApiError where it cannot be read."""
    try:
        parameters = parameters_of(client)
        return parameters, join_of(claims, parameters)
    except JoinError as error:
        raise ApiError("invalid_argument", str(error)) from None
