"""Offer and answer (RFC 3264) for one leg: what the peer may have, and what was agreed.

One negotiator serves both directions. It holds no timers and knows no SIP: the leg says when an
offer came, when ours was answered, and when it was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..base.errors import SdpError
from ..base.ids import Ids
from ..base.light import light_dataclass
from ..sip.flow import Address
from . import crypto
from .codecs import (
    FIRST_DYNAMIC,
    LAST_DYNAMIC,
    PREFERRED,
    PREFERRED_EVENT,
    Format,
    codec_attributes,
    find_event,
    packet_time,
    read_codecs,
    read_formats,
)
from .plan import (
    ANSWERS,
    Codec,
    CodecName,
    CryptoKey,
    Direction,
    LocalMedia,
    MediaPlan,
    MediaSettings,
)
from .selection import (
    PLAIN,
    SECURE,
    check_family,
    check_offer,
    choose,
    refuse,
    rtcp_address,
    usable_connection,
)
from .session import (
    Attribute,
    Connection,
    Media,
    Origin,
    SessionDescription,
    ip_family,
    is_unspecified,
)

COMFORT_NOISE = frozenset({13})
"""Taken as silence if it comes, but not named in our SDP: a peer that may suppress silence sends
nothing for minutes, and its call would look dead."""

DISCARD_PORT = 9

__all__ = ["SdpNegotiator", "check_offer"]


@light_dataclass(frozen=True, slots=True)
class _State:
    """A session as it stands: what we said last, and what came of it."""

    body: bytes = b""
    version: int = 0
    media: tuple[Media, ...] = ()
    """Our media lines as last sent."""
    index: int = 0
    """Which of them is our audio."""
    codecs: tuple[Codec, ...] = ()
    """Audio codecs with the payload types of our own SDP."""
    events: tuple[tuple[int, int], ...] = ()
    """(payload type, clock) of telephone-event in our own SDP."""
    keys: tuple[CryptoKey, ...] = ()
    """Our a=crypto lines."""
    plan: MediaPlan | None = None


class SdpNegotiator:
    """The offer/answer state of one leg (RFC 3264), both ways."""

    __slots__ = (
        "_before",
        "_highest",
        "_ids",
        "_keyless",
        "_keys",
        "_local",
        "_numbers",
        "_session_id",
        "_settings",
        "_state",
        "signalling",
    )

    def __init__(self, *, ids: Ids, settings: MediaSettings, local: LocalMedia) -> None:
        self._ids = ids
        self._settings = settings
        self._local = local
        self._session_id = str(ids.number(31) + 1)
        self._highest = 0
        self._state = _State()
        self._before: _State | None = None
        self._numbers: dict[tuple[str, int], int] = {}
        self._keys: dict[str, CryptoKey] = {}
        self._keyless = False
        self.signalling = ""
        """The IP address that the peer's signalling comes from; "" while it is not known."""

    @property
    def current(self) -> MediaPlan | None:
        """What is agreed now; an unanswered offer of ours changes nothing."""
        return (self._before or self._state).plan

    @property
    def local_sdp(self) -> bytes:
        """What we sent last, b"" before that; after `rollback` what we sent before it."""
        return self._state.body

    def answer(self, offer: bytes | SessionDescription) -> tuple[bytes, MediaPlan]:
        """Our answer and what is agreed from now on; the same session gets the same bytes.

        Raises `SdpError`: 400 unreadable, 488 nothing in it for us (warning 304, 305 or 301 of
        RFC 3261 §20.43 where one fits), 491 while our own offer is unanswered. Nothing has
        changed then.
        """
        if self._before is not None:
            raise SdpError("our own offer is still unanswered", status=491)
        description = SessionDescription.parse(offer) if isinstance(offer, bytes) else offer
        ours = self._local.address
        choice = choose(description, self._settings, self.signalling, lambda _: ours)
        offered = description.direction_of(choice.media)
        held = choice.connection.unspecified
        direction: Direction = "recvonly" if held else ANSWERS[offered]
        key = self._answering_key(choice.key) if choice.key else None
        mux = choice.media.attribute("rtcp-mux") is not None
        events = ((choice.event.number, choice.event.clock),) if choice.event else ()
        fmtp = PREFERRED[choice.codec.name].fmtp
        received = choice.codec if choice.codec.fmtp == fmtp else replace(choice.codec, fmtp=fmtp)
        plan = MediaPlan(
            *self._destination(description, choice.media, choice.connection, mux),
            codec=choice.codec,
            receive={received.payload_type: received},
            dtmf_send=choice.event.number if choice.event else None,
            dtmf_receive=frozenset(number for number, _ in events),
            dtmf_clock=choice.event.clock if choice.event else 8000,
            comfort_noise=COMFORT_NOISE,
            send=direction in ("sendrecv", "sendonly"),
            receive_audio=offered in ("sendrecv", "sendonly"),
            ptime=packet_time(choice.media, choice.codec.name, self._settings.ptime),
            rtcp_mux=mux,
            signalling=self.signalling,
            crypto_send=key,
            crypto_receive=choice.key,
        )
        media = [refuse(line) for line in description.media]
        keys = (key,) if key else ()
        media[choice.index] = self._audio(
            choice.media.protocol, (received,), events, keys, plan.ptime, mux, direction
        )
        self._remember((received,), events)
        lines = tuple(media)
        self._state = _State(
            *self._numbered(lines), lines, choice.index, (received,), events, keys, plan
        )
        return self._state.body, plan

    def offer(self, *, direction: Direction = "sendrecv", full: bool = True) -> bytes:
        """Our offer; `full` False offers only the codec in use.

        The lines of the session so far keep their places (RFC 3264 §8), payload types keep their
        meaning (§8.3.2), the codec in use comes first, and encryption stays as it was agreed. A
        second offer takes the place of an unanswered first one.
        """
        state = self._before or self._state
        plan = state.plan
        codecs = self._own_codecs(None if plan is None else plan.codec.name, full)
        clocks = {8000} | {codec.clock for codec in codecs if codec.name == "opus"}
        events = tuple(
            (self._number("telephone-event", clock, PREFERRED_EVENT[clock]), clock)
            for clock in sorted(clocks)
        )
        self._remember(codecs, events)
        keys, protocol = self._offered_keys(state)
        audio = self._audio(
            protocol,
            codecs,
            events,
            keys,
            self._settings.ptime if plan is None else plan.ptime,
            plan is not None and plan.rtcp_mux,
            direction,
        )
        media = [refuse(line) for line in state.media] or [audio]
        media[state.index] = audio
        self._before = state
        lines = tuple(media)
        body, version = self._numbered(lines)
        self._state = replace(
            state,
            body=body,
            version=version,
            media=lines,
            codecs=codecs,
            events=events,
            keys=keys,
        )
        return self._state.body

    def refresh(self) -> bytes:
        """The session as it stands as an offer (RFC 4028 §7.4): `local_sdp`, same version."""
        if not self._state.body:
            return self.offer()
        self._before = self._before or self._state
        return self._state.body

    def accept(self, answer: bytes) -> MediaPlan:
        """Take the peer's answer to our last SDP (again, where a later response has another).

        Raises `SdpError` (400 unreadable, 488 not an answer to our offer); the offer stands
        unanswered then, and `rollback` ends it.
        """
        state = self._state
        if not state.body:
            raise SdpError("an answer without an offer")
        description = SessionDescription.parse(answer)
        media, connection = self._answered_line(description, state)
        formats = read_formats(media)
        peers = read_codecs(formats, [codec.name for codec in state.codecs])
        if not peers:
            raise SdpError("no codec of our offer in the answer", status=488, warning=305)
        own, theirs = self._agreed_keys(media, state)
        codec = peers[0]
        event = find_event(formats, codec.clock) if state.events else None
        mine = state.media[state.index]
        mux = media.attribute("rtcp-mux") is not None and mine.attribute("rtcp-mux") is not None
        ours: Direction = mine.direction or "sendrecv"
        answered = description.direction_of(media)
        plan = MediaPlan(
            *self._destination(description, media, connection, mux),
            codec=codec,
            receive=_received(state, peers),
            dtmf_send=event.number if event else None,
            dtmf_receive=_received_events(state, formats),
            dtmf_clock=event.clock if event else 8000,
            comfort_noise=COMFORT_NOISE,
            send=ours in ("sendrecv", "sendonly")
            and answered in ("sendrecv", "recvonly")
            and not connection.unspecified,
            receive_audio=ours in ("sendrecv", "recvonly") and answered in ("sendrecv", "sendonly"),
            ptime=packet_time(media, codec.name, self._settings.ptime),
            rtcp_mux=mux,
            signalling=self.signalling,
            crypto_send=own,
            crypto_receive=theirs,
        )
        self._state = replace(state, plan=plan)
        self._before = None
        return plan

    def drop_keys(self) -> bool:
        """The peer refused our first offer, perhaps for its keys: from now on our offers have none.
        False where that is no remedy: there were none, they are required, or agreed on."""
        agreed = self.current is not None and self.current.crypto_send is not None
        if self._settings.encryption != "allow" or self._keyless or agreed:
            return False
        self._keyless = bool(self._state.keys)
        return self._keyless

    def rollback(self) -> None:
        """Our offer was refused or went unanswered: the session is as it was before it.

        The version of the refused offer is not used again for anything else.
        """
        if self._before is not None:
            self._state, self._before = self._before, None

    # --- the parts of a description of ours ----------------------------------------------------

    def _audio(
        self,
        protocol: str,
        codecs: tuple[Codec, ...],
        events: tuple[tuple[int, int], ...],
        keys: Sequence[CryptoKey],
        ptime: int,
        mux: bool,
        direction: Direction,
    ) -> Media:
        """Our own audio line."""
        local = self._local
        attributes: list[Attribute] = list(codec_attributes(codecs, events))
        attributes.append(("ptime", str(ptime)))
        attributes.extend(("crypto", crypto.write_key(key)) for key in keys)
        if mux:
            attributes.append(("rtcp-mux", None))
        elif local.rtcp_port != local.port + 1:
            attributes.append(("rtcp", str(local.rtcp_port)))
        attributes.append((direction, None))
        numbers = [codec.payload_type for codec in codecs] + [number for number, _ in events]
        formats = tuple(map(str, numbers))
        return Media("audio", local.port, protocol, formats, attributes=tuple(attributes))

    def _numbered(self, media: tuple[Media, ...]) -> tuple[bytes, int]:
        """A session of these lines as bytes, and its version, which grows only if the lines are
        not as before."""
        before = self._state
        if before.body and before.media == media:
            return before.body, before.version
        self._highest += 1
        connection = Connection.of(self._local.address)
        origin = Origin(self._session_id, str(self._highest), connection.address, connection.family)
        body = SessionDescription(origin, connection=connection, media=media).encode()
        return body, self._highest

    def _own_codecs(self, current: CodecName | None, full: bool) -> tuple[Codec, ...]:
        """The codecs of our offer with our payload types."""
        names = list(self._settings.codecs)
        if current is not None:
            names = [current, *(name for name in names if name != current)] if full else [current]
        return tuple([self._own_codec(PREFERRED[name]) for name in names])

    def _own_codec(self, codec: Codec) -> Codec:
        number = self._number(codec.name, codec.clock, codec.payload_type)
        return codec if number == codec.payload_type else replace(codec, payload_type=number)

    def _number(self, name: str, clock: int, preferred: int) -> int:
        """Our payload type for an encoding: the one it had in this session, else a free one."""
        known = self._numbers.get((name, clock))
        if known is not None:
            return known
        taken = set(self._numbers.values())
        number = preferred
        if number in taken:
            free = (pt for pt in range(FIRST_DYNAMIC, LAST_DYNAMIC + 1) if pt not in taken)
            number = next(free)
        self._numbers[name, clock] = number
        return number

    def _remember(self, codecs: Sequence[Codec], events: Sequence[tuple[int, int]]) -> None:
        """Keep the payload types that this session has used (RFC 3264 §8.3.2)."""
        used: dict[tuple[str, int], int] = {
            (codec.name, codec.clock): codec.payload_type for codec in codecs
        }
        used.update({("telephone-event", clock): number for number, clock in events})
        taken = set(used.values())
        kept = {what: number for what, number in self._numbers.items() if number not in taken}
        self._numbers = kept | used

    # --- encryption ----------------------------------------------------------------------------

    def _own_key(self, suite: str, tag: int) -> CryptoKey:
        """Our key for a suite: one for the whole session, so that an unchanged one stays so."""
        key = self._keys.get(suite)
        if key is None:
            key = self._keys[suite] = crypto.new_key(self._ids, suite, tag)
        return key if key.tag == tag else replace(key, tag=tag)

    def _answering_key(self, theirs: CryptoKey) -> CryptoKey:
        """Our key for an answer: a fresh one where the peer's is new, for there may be another
        telephone now, which counts the packets from the beginning."""
        before = self._state.plan.crypto_receive if self._state.plan is not None else None
        if before is not None and before.key != theirs.key:
            self._keys.pop(theirs.suite, None)
        own = self._own_key(theirs.suite, theirs.tag)
        return replace(own, mki=theirs.mki) if theirs.mki else own

    def _offered_keys(self, state: _State) -> tuple[tuple[CryptoKey, ...], str]:
        """The a=crypto lines and the profile of our offer."""
        if state.plan is not None:
            own = state.plan.crypto_send
            return ((own,) if own else ()), state.media[state.index].protocol
        if self._settings.encryption == "disable" or self._keyless:
            return (), "RTP/AVP"
        keys = tuple(self._own_key(suite, tag) for tag, suite in enumerate(crypto.SUITES, start=1))
        return keys, "RTP/SAVP" if self._settings.encryption == "require" else "RTP/AVP"

    def _agreed_keys(
        self, media: Media, state: _State
    ) -> tuple[CryptoKey | None, CryptoKey | None]:
        """Our key and the peer's from its answer; (None, None) for plain RTP, which a peer with
        keys of its own would not send (RFC 4568 §5.1.3)."""
        protocol = media.protocol.upper()
        agreed = crypto.match_answer(state.keys, crypto.read_keys(media))
        if agreed is None:
            secure = state.media[state.index].protocol in SECURE or protocol in SECURE
            secure = secure or self._settings.encryption == "require"
            if secure or (state.keys and media.attribute("crypto") is not None):
                raise SdpError("the answer has no key for a suite of our offer", status=488)
            return None, None
        if protocol not in PLAIN | SECURE:
            raise SdpError(f"answer with profile {media.protocol[:40]!r}", status=488, warning=304)
        return agreed

    # --- what the peer wrote -------------------------------------------------------------------

    def _answered_line(
        self, description: SessionDescription, state: _State
    ) -> tuple[Media, Connection]:
        """The answer's line for our audio, and where it points."""
        if state.index >= len(description.media):
            raise SdpError("the answer lacks our audio line", status=488, warning=304)
        media = description.media[state.index]
        if media.kind != "audio" or media.port == 0:
            raise SdpError("the answer refuses our audio", status=488, warning=304)
        connection = usable_connection(description, media, self.signalling)
        check_family(connection.address, self._local.address)
        return media, connection

    def _destination(
        self, description: SessionDescription, media: Media, connection: Connection, mux: bool
    ) -> tuple[Address, Address]:
        """Where RTP and RTCP go. With 0.0.0.0 that is where they went before; without a before,
        the discard port of the peer's origin (or of ourselves): nothing is sent there."""
        if connection.unspecified:
            current = self.current
            if current is not None:
                return current.remote, current.remote_rtcp
            address = description.origin.address
            if ip_family(address) is None or is_unspecified(address):
                address = self._local.address
            return (address, DISCARD_PORT), (address, DISCARD_PORT)
        rtp = (connection.address, media.port)
        if mux:
            return rtp, rtp
        return rtp, rtcp_address(media, rtp)


def _received(state: _State, peers: Sequence[Codec]) -> dict[int, Codec]:
    """What may come, after an answer with these codecs: the payload types of our own SDP (RFC 3264
    §5.1), and those of the answer, which many peers send all the same. A number that our offer gave
    to something else keeps our meaning."""
    names = {peer.name for peer in peers}
    received = {entry.payload_type: entry for entry in state.codecs if entry.name in names}
    offered = _offered(state)
    own = {entry.name: entry for entry in state.codecs}
    for peer in peers:
        if peer.payload_type not in offered:
            received.setdefault(peer.payload_type, own[peer.name])
    return received


def _received_events(state: _State, formats: Sequence[Format]) -> frozenset[int]:
    """As `_received`, for telephone-event."""
    events = [entry for entry in formats if entry.name == "telephone-event"]
    clocks = {entry.clock for entry in events}
    offered, ours = _offered(state), {clock for _, clock in state.events}
    own = {number for number, clock in state.events if clock in clocks}
    return frozenset(
        own | {e.number for e in events if e.clock in ours and e.number not in offered}
    )


def _offered(state: _State) -> set[int]:
    """Every payload type of our offer."""
    numbers = {codec.payload_type for codec in state.codecs}
    return numbers | {number for number, _ in state.events}
