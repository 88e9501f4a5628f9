"""One participant's signalling, from the join to the last `leave`: a machine without I/O.

Who opens the socket reads `JoinParameters` (`signalling.joining`), has the participant join the
rooms (`join_of`, `RoomHost.join`: RoomRefused is the HTTP answer), makes a session and calls
`start`.
Every input takes `now` (seconds since the epoch) and returns effects (`signalling.effects`), to be
carried out in order. An input within an input returns nothing: the effects are the outer one's.

    start(now)                              join, refresh_token, then the answer or our offer
    request(now, message)                   a message of the client (`frames.read_request`)
    room_events(now, events)                what happened in the rooms; those of others pass by
    answered(now, sdp, id, mids)            our answer to `TakeOffer`
    offer_refused(now, id, text)            that offer cannot be read; the session goes on
    offered(now, sdp, id, mids)             our offer, asked for by `OfferSubscriber`
    sections_wanted(now, audio, video)      one connection: more sections for tracks. With 0, 0
                                            the client offers again, and free ones are used
    peer_connected(now), peer_lost(now)     the connection for media stands; is gone for good
    peer_closed(now)                        the client closed it: its `leave` is on the way
    media_began(now, cid, mid, mime_type)   first media of a client's track: published to the others
    media_ended(now, cid)                   its section is no longer for sending
    speakers(now, levels), quality(now, sid, quality, score), streams(now, paused),
    qualities(now, track, enabled), undecodable(now, sid)      what the media has to tell
    socket_lost(now)                        the socket closed without `leave`
    resumed(now, sync_state)                a new socket of the same participant (the former one,
                                            if it is still there, is closed by whoever attached it)
    mismatch(now), shutdown(now)            ends: the client is to join anew; the server stops
    next_deadline(), handle_deadline(now)   silence of the socket, waiting for the client, the tick

`Subscribe` may come before the first offer and while no section is free: such tracks wait, and are
attached when an offer of the client is answered. `ended` is True once `EndPeer` was given out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from livekit.protocol.models import ClientInfo, ConnectionQuality, DisconnectReason
from livekit.protocol.rtc import (
    LeaveRequest,
    Ping,
    Pong,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SimulateScenario,
    SyncState,
    TrickleRequest,
    UpdateParticipantMetadata,
)

from ..rooms.events import RoomEvent
from ..rooms.orders import ParticipantChange
from ..rooms.room import Participant, Track
from ..rooms.rules import MAX_ATTRIBUTE_COUNT, RoomRefused, check_attributes
from . import responses
from .effects import CloseSocket, EndPeer, OfferSubscriber, SignalEffect, TakeAnswer, TakeOffer
from .happenings import Happenings
from .joining import JoinParameters
from .outbox import Outbox
from .publishing import Publishing
from .refusals import NO_OWN_METADATA, refusal
from .reports import Reports
from .responses import PING_TIMEOUT, Action, Reason
from .sections_request import SectionsRequest
from .state import RoomInputs, SessionSettings, SessionState, TokenMaker
from .subscriptions import Subscriptions

TOKEN_INTERVAL = 300.0
"""Seconds after which the client gets a fresh token, so that it can always come back."""
LEAVE_WAIT = 2.0
"""Seconds within which a client that closed its connection for media says that it leaves."""
_OWN_REASONS = frozenset((DisconnectReason.USER_UNAVAILABLE, DisconnectReason.USER_REJECTED))
"""Why a client may say that it leaves, as LiveKit lets it (the SDKs' `disconnect(reason=…)`)."""
ANSWER_WAIT = 0.25
"""Seconds that the answer to an offer in the join waits at most for the client's candidates."""


P = ParamSpec("P")


def _input(
    act: Callable[Concatenate[SignalSession, float, P], None],
) -> Callable[Concatenate[SignalSession, float, P], list[SignalEffect]]:
    """An input: the effects of the outermost one come back; none once the session has ended."""

    @wraps(act)
    def wrapped(
        self: SignalSession, now: float, /, *args: P.args, **kwargs: P.kwargs
    ) -> list[SignalEffect]:
        return self._run(now, lambda: act(self, now, *args, **kwargs))

    return wrapped


class SignalSession:
    """See the module's text. `make_token` gives the JWT for `refresh_token`."""

    def __init__(
        self,
        participant: Participant,
        parameters: JoinParameters,
        rooms: RoomInputs,
        make_token: TokenMaker,
        settings: SessionSettings | None = None,
    ) -> None:
        settings = settings or SessionSettings()
        self.ended = False
        self._parameters = parameters
        self._make_token = make_token
        self._state = SessionState(participant, rooms, Outbox(), settings)
        self._publishing = Publishing(self._state)
        self._subscriptions = Subscriptions(self._state)
        self._reports = Reports(self._state)
        self._happenings = Happenings(
            self._state,
            self._publishing,
            self._subscriptions,
            self._reports,
            make_token,
            self._refresh_token,
        )
        self._depth = 0
        self._now = 0.0
        self._sections = SectionsRequest(self._state.outbox)
        self._connect_by: float | None = None
        self._silent_at: float | None = None
        self._kept_until: float | None = None
        self._leave_by: float | None = None
        self._answer_by: float | None = None
        """Until then the offer of the join waits for the client's first candidate."""
        self._token_at = 0.0
        self._handlers: dict[str, Callable[[Any], None]] = {
            "offer": self._offer,
            "answer": self._answer,
            "trickle": self._trickle,
            "add_track": self._publishing.add,
            "mute": self._publishing.mute,
            "update_audio_track": self._publishing.audio,
            "update_video_track": self._publishing.video,
            "subscription": self._subscriptions.update,
            "track_setting": self._subscriptions.adjust,
            "subscription_permission": self._subscriptions.permit,
            "sync_state": self._subscriptions.sync,
            "leave": self._leave,
            "simulate": self._simulate,
            "ping": self._ping,
            "ping_req": self._ping_req,
        }

    @property
    def participant(self) -> Participant:
        """Who it is in the rooms; another one after a move."""
        return self._state.participant

    # --- the client -------------------------------------------------------------------------------

    @_input
    def start(self, now: float) -> None:
        """The socket is open and the participant has joined."""
        state, parameters = self._state, self._parameters
        self._silent_at = now + PING_TIMEOUT
        self._connect_by = now + state.settings.connect_timeout
        counts = state.participant.room.told(now)
        self._reports.begin(now, counts)
        facts = state.settings.facts
        two = parameters.two_connections
        state.outbox.send(responses.join(state.participant, counts, facts, two_connections=two))
        self._subscriptions.settle()
        self._refresh_token()
        self._publishing.add_first(list(parameters.add_tracks))
        if two:
            state.outbox.add(OfferSubscriber())
        elif parameters.client.sdk == ClientInfo.GO:
            # It sets its own offer beside the reading of what follows `join` (server-sdk-go 2.18.1,
            # engine.go), and an answer that it reads before is lost. LiveKit's comes some
            # milliseconds later. Candidates are gathered once the offer is set.
            self._answer_by = now + ANSWER_WAIT
        else:
            self._take_first_offer()

    @_input
    def request(self, now: float, message: SignalRequest) -> None:
        """One message of the client. What is unknown here is passed over."""
        if not self._state.outbox.open:
            return
        self._silent_at = now + PING_TIMEOUT
        field = message.WhichOneof("message")
        try:
            if field == "update_metadata":
                self._update_metadata(message)
            elif field in ("publish_data_track_request", "unpublish_data_track_request"):
                self._send(responses.answer_to(message, Reason.UNSUPPORTED_TYPE))
            elif field in self._handlers:
                self._handlers[field](getattr(message, field))
        except RoomRefused as error:
            self._send(refusal(message, error))

    @_input
    def socket_lost(self, now: float) -> None:
        """The socket closed without `leave`: the participant is kept for a while."""
        self._answer_by = None  # should it come back, it offers anew
        if self._leave_by is not None:
            self._quit(DisconnectReason.SIGNAL_CLOSE)
        elif self._kept_until is None:
            self._state.outbox.close()
            self._silent_at = None
            self._kept_until = now + self._state.settings.reconnect_timeout

    @_input
    def resumed(self, now: float, sync_state: SyncState | None = None) -> None:
        """The client came back, with this participant's SID."""
        state = self._state
        state.outbox.close()  # what was gathered for the former socket is told anew
        self._kept_until = None
        self._silent_at = now + PING_TIMEOUT
        state.outbox.open = True
        if state.outbox.missed_too_many:
            self._quit(DisconnectReason.STATE_MISMATCH, Action.RECONNECT)
            return
        self._reports.forget()
        self._send(responses.reconnect(state.settings.facts))
        state.outbox.announce_missed(now)
        state.outbox.announce(now, state.participant)
        for other in state.participant.room.others(state.participant):
            if responses.is_shown(other):
                state.outbox.announce(now, other)
        self._reports.room()
        self._refresh_token()
        if sync_state is not None:
            self._subscriptions.sync(sync_state)
        if self._parameters.two_connections:
            state.outbox.add(OfferSubscriber(restart=True))

    # --- the connection for media -----------------------------------------------------------------

    @_input
    def answered(
        self,
        now: float,
        sdp: str,
        id: int,
        mid_to_track_id: Mapping[str, str],
    ) -> None:
        """Our answer to the client's offer."""
        self._sections.answered(now)
        self._send(SignalResponse(answer=_description("answer", sdp, id, mid_to_track_id)))

    @_input
    def offer_refused(self, now: float, id: int, text: str) -> None:
        """The client's offer cannot be read or answered."""
        self._send(responses.answer_to(None, Reason.INVALID_REQUEST, f"offer {id}: {text}"))

    @_input
    def offered(
        self,
        now: float,
        sdp: str,
        id: int,
        mid_to_track_id: Mapping[str, str],
    ) -> None:
        """Our offer on the connection for subscriptions."""
        self._send(SignalResponse(offer=_description("offer", sdp, id, mid_to_track_id)))

    @_input
    def sections_wanted(self, now: float, audio: int, video: int) -> None:
        """There is no section for some track, or there is a free one but no offer to answer."""
        self._sections.want(now, audio, video)

    @_input
    def peer_connected(self, now: float) -> None:
        """DTLS is done: the participant is active, and the others see it."""
        self._connect_by = None
        self._state.rooms.activate(self.participant)

    @_input
    def peer_lost(self, now: float) -> None:
        """Nothing came from the client for so long that its connection counts as gone."""
        self._quit(DisconnectReason.CONNECTION_TIMEOUT, Action.RECONNECT)

    @_input
    def peer_closed(self, now: float) -> None:
        """The client closed its connection for media. It does so as it leaves, and what it says of
        that comes by another way, so often a moment later."""
        if self._kept_until is not None:
            self._quit(DisconnectReason.SIGNAL_CLOSE)
        elif self._leave_by is None:
            self._leave_by = now + LEAVE_WAIT

    @_input
    def media_began(self, now: float, cid: str, mid: str, mime_type: str) -> None:
        """The first packet of the track that the client added by that cid; `mime_type` is what was
        agreed on, `audio/opus`. Nothing happens for one that is unknown or published."""
        self._publishing.began(cid, mid, mime_type)

    @_input
    def media_ended(self, now: float, cid: str) -> None:
        """The client's offer no longer sends that track."""
        self._publishing.ended(cid)

    @_input
    def speakers(self, now: float, levels: Mapping[str, float]) -> None:
        """By participant SID: who became louder or quieter, 0 to 1, 0 for silent."""
        heard = {participant.sid for participant in self._subscriptions.heard()}
        self._reports.speakers(levels, heard)

    @_input
    def quality(self, now: float, sid: str, quality: ConnectionQuality, score: float) -> None:
        """How a participant (by SID) is connected; told with the next tick, if it is new."""
        self._reports.measured(sid, (quality, score))

    @_input
    def streams(self, now: float, paused: Mapping[str, bool]) -> None:
        """Subscribed tracks (by SID) that are held back for want of bandwidth, or go on."""
        self._subscriptions.streams(dict(paused))

    @_input
    def undecodable(self, now: float, sid: str) -> None:
        """A subscribed track (by SID) of whose codecs the client knows none."""
        self._subscriptions.undecodable(sid)

    @_input
    def qualities(self, now: float, track: Track, enabled: Mapping[int, bool]) -> None:
        """Which layers of the client's own video are of use to anybody, by VideoQuality."""
        self._publishing.qualities(track, dict(enabled))

    # --- the rooms --------------------------------------------------------------------------------

    @_input
    def room_events(self, now: float, events: Sequence[RoomEvent]) -> None:
        """What one input to the rooms caused."""
        ends_with = self._happenings.tell(now, events)
        if ends_with is not None:
            self._put_out(ends_with)

    # --- the end ----------------------------------------------------------------------------------

    @_input
    def mismatch(self, now: float) -> None:
        """The client's state and ours no longer fit: it is to join anew."""
        self._quit(DisconnectReason.STATE_MISMATCH, Action.RECONNECT)

    @_input
    def shutdown(self, now: float) -> None:
        """The server stops."""
        self._quit(DisconnectReason.SERVER_SHUTDOWN)

    def _put_out(self, reason: DisconnectReason, action: Action = Action.DISCONNECT) -> None:
        """The participant is out of the room: tell its client, and end. Once only: an input of a
        session that has ended does nothing, and no input ends it twice."""
        self.ended = True
        self._send(responses.leave(reason, action))
        if self._state.outbox.open:
            self._state.outbox.add(CloseSocket())
        self._state.outbox.add(EndPeer())

    def release(self) -> None:
        """It has ended and gets no more of the client: what refers to it from within is let go."""
        self._handlers = {}
        self._happenings.release()

    # --- time -------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Seconds since the epoch; None once it has ended."""
        if self.ended:
            return None
        times = (
            self._state.outbox.due,
            self._connect_by,
            self._silent_at,
            self._kept_until,
            self._leave_by,
            self._answer_by,
            self._sections.due,
            self._reports.due,
        )
        return min(time for time in times if time is not None)

    @_input
    def handle_deadline(self, now: float) -> None:
        """Whatever of them is due."""
        outbox = self._state.outbox
        if outbox.due is not None and outbox.due <= now:
            outbox.flush()
        if self._answer_by is not None and self._answer_by <= now:
            self._take_first_offer()
        self._sections.handle_deadline(now)
        if self._connect_by is not None and self._connect_by <= now:
            self._quit(DisconnectReason.JOIN_FAILURE)
        elif self._leave_by is not None and self._leave_by <= now:
            self._quit(DisconnectReason.CONNECTION_TIMEOUT, Action.RECONNECT)
        elif self._kept_until is not None and self._kept_until <= now:
            self._quit(DisconnectReason.SIGNAL_CLOSE)
        elif self._silent_at is not None and self._silent_at <= now:
            outbox.flush()
            outbox.add(CloseSocket())
            self.socket_lost(now)
        if not self.ended and self._reports.due <= now:
            self._tick(now)

    # --- inside -----------------------------------------------------------------------------------

    def _refresh_token(self) -> None:
        """The client gets a token that says what it may do now."""
        self._token_at = self._now
        self._send(SignalResponse(refresh_token=self._make_token(self.participant)))

    def _tick(self, now: float) -> None:
        heard = {participant.sid: None for participant in self._subscriptions.heard()}
        self._reports.tick(now, heard)
        if now - self._token_at >= TOKEN_INTERVAL:
            self._refresh_token()

    def _quit(self, reason: DisconnectReason, action: Action = Action.DISCONNECT) -> None:
        """Leave the room, and end."""
        self._put_out(reason, action)
        self._state.rooms.leave(self.participant, reason)

    def _send(self, message: SignalResponse) -> None:
        self._state.outbox.send(message)

    def _run(self, now: float, act: Callable[[], None]) -> list[SignalEffect]:
        if self.ended:
            return []
        self._now = now
        self._depth += 1
        try:
            act()
        finally:
            self._depth -= 1
        return [] if self._depth else self._state.outbox.take()

    def _take_first_offer(self) -> None:
        """That of the join, if it had one."""
        self._answer_by = None
        offer = self._parameters.offer
        if offer is not None:
            self._offer(offer)

    def _offer(self, message: SessionDescription) -> None:
        self._state.outbox.add(TakeOffer(message.sdp, message.id))

    def _answer(self, message: SessionDescription) -> None:
        self._state.outbox.add(TakeAnswer(message.sdp, message.id))

    def _trickle(self, message: TrickleRequest) -> None:
        """Read and forgotten: we are ICE-lite, and find the client by its checks. But an offer of
        the join that waits is the client's own description by now."""
        if self._answer_by is not None:
            self._take_first_offer()

    def _ping(self, timestamp: int) -> None:
        self._send(SignalResponse(pong=int(self._world() * 1000)))

    def _ping_req(self, message: Ping) -> None:
        pong = Pong(last_ping_timestamp=message.timestamp, timestamp=int(self._world() * 1000))
        self._send(SignalResponse(pong_resp=pong))

    def _world(self) -> float:
        return self._now + self.participant.shift

    def _leave(self, message: LeaveRequest) -> None:
        said = message.reason
        self._quit(said if said in _OWN_REASONS else DisconnectReason.CLIENT_INITIATED)

    def _update_metadata(self, message: SignalRequest) -> None:
        request: UpdateParticipantMetadata = message.update_metadata
        if not self.participant.permission.can_update_metadata:
            reason = Reason.NOT_ALLOWED
            answer = responses.answer_to(message, reason, NO_OWN_METADATA, request.request_id)
            self._send(answer)
            return
        if len(request.attributes) > MAX_ATTRIBUTE_COUNT:
            check_attributes(request.attributes)  # refused before they are walked
        change = ParticipantChange(request.name, request.metadata, None, dict(request.attributes))
        self._state.rooms.update_participant(self.participant, change)
        self._send(responses.answer_to(message, Reason.OK, "", request.request_id))

    def _simulate(self, message: SimulateScenario) -> None:
        if not self._state.settings.allow_simulation:
            return
        scenario = message.WhichOneof("scenario")
        if scenario == "leave_request_full_reconnect":
            self._quit(DisconnectReason.STATE_MISMATCH, Action.RECONNECT)
        elif scenario in ("server_leave", "node_failure"):
            self._quit(DisconnectReason.SERVER_SHUTDOWN)


def _description(
    kind: str,
    sdp: str,
    id: int,
    mid_to_track_id: Mapping[str, str],
) -> SessionDescription:
    return SessionDescription(type=kind, sdp=sdp, id=id, mid_to_track_id=mid_to_track_id)
