"""The m-sections of a peer connection in which the client offers and we answer (RFC 8829 §5.3).

LiveKit's clients offer sections in which they receive ahead of need; a track of the room is put
into a free one and shows in the next answer. A client that has none left is asked for more
(`media_sections_requirement`). In `offered_sections.py` we offer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, cast

from ..base.errors import SdpError
from ..base.ids import Ids
from ..base.light import light_dataclass
from ..sdp.plan import Direction
from .description import Description, MediaSection, RemoteTransport
from .formats import PayloadFormat, RtpCodec, common, formats_of, translated
from .slots import OutTrack, Slot, Slots
from .writing import (
    DATA_FORMAT,
    DescriptionWriter,
    LocalTransport,
    Role,
    answered_extensions,
    received_extensions,
)

MAX_PUBLISHED: Final = 50
"""Tracks that one client publishes at most; sections above are answered inactive."""

_NO_KINDS: Final[Mapping[str, str]] = MappingProxyType({})
_RTP_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"})
_DATA_PROTOCOLS = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"})


@light_dataclass(frozen=True, slots=True)
class IncomingSection:
    """A section in which the client sends a track that we take."""

    mid: str
    cid: str
    kind: str
    codecs: tuple[RtpCodec, ...]
    """What it may send."""
    extensions: Mapping[int, str]
    """RTP header extensions: id to URI."""
    ssrcs: tuple[int, ...]
    """As far as it told them; of simulcast by rids there are none."""
    rtx_ssrcs: Mapping[int, int]
    """SSRC to that of its retransmissions."""
    rids: tuple[str, ...]
    """Simulcast encodings in the client's order."""


@light_dataclass(frozen=True, slots=True)
class OutgoingSection:
    """A section in which we send a track."""

    mid: str
    track_sid: str
    kind: str
    ssrc: int
    rtx_ssrc: int | None
    """None: what is sent again has the SSRC and payload type of the first time."""
    codecs: tuple[RtpCodec, ...]
    """What the client takes of what the publisher sends, by the client's payload types."""
    payload_types: Mapping[int, int]
    """The publisher's payload types to the client's."""


@light_dataclass(frozen=True, slots=True)
class DataSection:
    """The section of the data channels, as the client describes its side (RFC 8841)."""

    sctp_port: int
    max_message_size: int
    """Octets; 0 for any number."""


@light_dataclass(frozen=True, slots=True)
class LocalAnswer:
    """Our answer, and what is agreed on by it."""

    sdp: str
    remote: RemoteTransport
    setup: Role
    """Ours. `active`: we are the DTLS client."""
    incoming: tuple[IncomingSection, ...]
    outgoing: tuple[OutgoingSection, ...]
    data: DataSection | None
    no_codec: tuple[str, ...]
    """Sids of tracks that wait in vain: the client has sections of their kind, none of which knows
    a codec of theirs. They stay attached until they are detached."""

    @property
    def mid_to_track_id(self) -> dict[str, str]:
        """For LiveKit's SessionDescription.mid_to_track_id."""
        return {sent.mid: sent.track_sid for sent in self.outgoing}


class Sections:
    """All sections of one peer connection over its life."""

    def __init__(self, ids: Ids) -> None:
        self._slots = Slots(ids)
        self._session_id = ids.number(62)
        self._version = 0
        self._remote: RemoteTransport | None = None
        self._setup: Role | None = None
        self._published: set[str] = set()
        """Mids in which the client has sent: they are its own, never used for our tracks."""
        self._taken_for: dict[str, str] = {}
        """Cids by the track id of sections that name none."""
        self._readable: dict[str, frozenset[PayloadFormat]] = {}
        """By kind, what the sections of the client can read at all."""

    @property
    def waiting(self) -> tuple[OutTrack, ...]:
        """Attached tracks that have no section."""
        return tuple(self._slots.waiting.values())

    @property
    def wanted(self) -> tuple[int, int]:
        """How many sections (audio, video) the client must be asked for, beside those it has."""
        count = Counter(
            track.kind for track in self._slots.waiting.values() if not self._is_hopeless(track)
        )
        return count["audio"], count["video"]

    @property
    def changed(self) -> bool:
        """True where the last answer is not what is attached now: the client must offer again."""
        return self._slots.changed

    def attach(self, track: OutTrack) -> bool:
        """Send that track to the client, from the next answer on. True if a section is there for
        it; False: it waits for the next offer, see `wanted`."""
        return self._slots.attach(track)

    def detach(self, track_sid: str) -> None:
        """Stop sending it; nothing where it is not attached."""
        self._slots.detach(track_sid)

    def restarts_ice(self, offer: Description) -> bool:
        """True where the client has new ICE credentials (RFC 8839 §4.4.3), so ours must be new."""
        before, now = self._remote, offer.remote
        if before is None or now is None:
            return False
        return (before.ufrag, before.password) != (now.ufrag, now.password)

    def answer(
        self,
        offer: Description,
        local: LocalTransport,
        cids: Collection[str],
        kinds: Mapping[str, str] = _NO_KINDS,
    ) -> LocalAnswer:
        """Answer that offer. `cids`: those of the tracks that the client may publish; what it sends
        beside them is answered inactive. `kinds`: "audio" or "video" by cid, of the tracks that
        may also be in a section that names another track. Raises `SdpError` (488) where the offer
        has nothing that could be answered, or no transport."""
        usable = _usable(offer)
        remote = offer.remote
        if remote is None or not usable:
            raise SdpError("no section with ICE, DTLS and a known codec in the bundle", status=488)
        setup = self._agree(remote, local)
        self._take(offer, usable)
        writer = DescriptionWriter(local, setup)
        slots = {slot.mid: slot for slot in self._slots.slots}
        incoming: dict[str, IncomingSection] = {}
        outgoing: list[OutgoingSection] = []
        data: DataSection | None = None
        self._name(offer, cids, kinds)
        for section in offer.sections:
            if section.mid not in usable:
                writer.rejected(section.kind, section.mid, section.protocol, section.formats)
            elif section.kind == "application":
                writer.data(section.mid, section.protocol)
                data = DataSection(section.sctp_port, section.max_message_size)
            elif section.mid in slots:
                sent = _write_slot(writer, section, slots[section.mid])
                outgoing += [sent] if sent is not None else []
            else:
                cid = self._taken_for.get(section.track_id, section.track_id)
                known = section.sends and cid in cids and cid not in incoming
                if known and len(incoming) < MAX_PUBLISHED:
                    incoming[cid] = _incoming(section, cid)
                    _write(writer, section, "recvonly", section.codecs)
                else:
                    _write(writer, section, "inactive", section.codecs)
        self._slots.place()  # what is free by this answer
        self._version += 1
        return LocalAnswer(
            writer.text(self._session_id, self._version),
            remote,
            setup,
            tuple(incoming.values()),
            tuple(outgoing),
            data,
            tuple(track.track_sid for track in self.waiting if self._is_hopeless(track)),
        )

    def _name(self, offer: Description, cids: Collection[str], kinds: Mapping[str, str]) -> None:
        """Firefox makes up the track id of a section (RFC 8829 §5.2.1): such a section has the
        first added track of its kind that no other section has, and keeps it."""
        sent = {section.track_id: section.kind for section in offer.sections if section.sends}
        self._taken_for = {
            name: cid for name, cid in self._taken_for.items() if name in sent and cid in cids
        }
        had = {*sent, *self._taken_for.values()}
        free = [cid for cid in cids if cid in kinds and cid not in had]
        for name, kind in sent.items():
            if name not in cids and name not in self._taken_for:
                cid = next((one for one in free if kinds[one] == kind), None)
                if cid is not None:
                    free.remove(cid)
                    self._taken_for[name] = cid

    def _agree(self, remote: RemoteTransport, local: LocalTransport) -> Role:
        """Our role in DTLS: for the life of the association, which is that of the client's
        certificate (RFC 8842 §5.3)."""
        if self._remote is not None and self._remote.fingerprints != remote.fingerprints:
            self._setup = None
        if remote.setup == "active":
            self._setup = "passive"
        elif remote.setup == "passive":
            self._setup = "active"
        elif self._setup is None:
            self._setup = local.setup
        self._remote = remote
        return self._setup

    def _take(self, offer: Description, usable: frozenset[str]) -> None:
        """The sections as they are now; tracks keep theirs as long as it can carry them."""
        rtp = [s for s in offer.sections if s.mid in usable and s.kind != "application"]
        self._slots.taken = frozenset(
            ssrc for s in offer.sections for ssrc in (*s.ssrcs, *s.rtx_ssrcs.values())
        )
        self._published.intersection_update(section.mid for section in offer.sections)
        self._published.update(section.mid for section in rtp if section.sends)
        before = {slot.mid: slot for slot in self._slots.slots}
        slots: list[Slot] = []
        for section in rtp:
            if section.direction != "recvonly" or section.mid in self._published:
                continue
            slot = before.get(section.mid)
            if slot is None or slot.kind != section.kind:
                slot = Slot(section.mid, section.kind)
            else:
                del before[section.mid]
            slot.formats = formats_of(section.codecs)
            if slot.track is not None and slot.formats.isdisjoint(formats_of(slot.track.codecs)):
                self._slots.take_out(slot)
            slots.append(slot)
        for slot in before.values():
            self._slots.take_out(slot)
        self._slots.slots = slots
        self._readable = {
            kind: frozenset(f for slot in slots if slot.kind == kind for f in slot.formats or ())
            for kind in {slot.kind for slot in slots}
        }
        self._slots.place()

    def _is_hopeless(self, track: OutTrack) -> bool:
        readable = self._readable.get(track.kind)
        return readable is not None and readable.isdisjoint(formats_of(track.codecs))


def outgoing(slot: Slot, codecs: tuple[RtpCodec, ...]) -> OutgoingSection | None:
    """What is sent in that section with those codecs of the client, if a track is there."""
    track, sent = slot.track, slot.sent(codecs)
    if track is None or sent is None:
        return None
    return OutgoingSection(
        slot.mid,
        track.track_sid,
        track.kind,
        sent.ssrc,
        sent.rtx_ssrc,
        codecs,
        translated(track.codecs, codecs),
    )


def _usable(offer: Description) -> frozenset[str]:
    """The mids that can be answered with a port: in the bundle, with rtcp-mux, and with something
    that we know. One section of data channels."""
    bundle = frozenset(offer.bundle)
    if not bundle:
        # Nothing is bundled: one section is all that one transport can carry.
        alive = (section.mid for section in offer.sections if not section.stopped)
        bundle = frozenset([next(alive, "")])
    found: set[str] = set()
    has_data = False
    for section in offer.sections:
        if section.stopped or not section.mid or section.mid not in bundle:
            continue
        if section.kind == "application":
            data = section.protocol in _DATA_PROTOCOLS and DATA_FORMAT in section.formats
            if data and not has_data:
                has_data = True
                found.add(section.mid)
        elif section.protocol in _RTP_PROTOCOLS and section.rtcp_mux and section.codecs:
            found.add(section.mid)
    return frozenset(found)


def _write_slot(
    writer: DescriptionWriter, section: MediaSection, slot: Slot
) -> OutgoingSection | None:
    """A section for our tracks: `sendonly` without msid while it is new, as LiveKit answers it;
    `inactive` once its track has gone."""
    codecs = section.codecs
    if slot.track is not None:
        codecs = common(codecs, formats_of(slot.track.codecs))
    sent = outgoing(slot, codecs)
    slot.described()
    _write(
        writer,
        section,
        "inactive" if sent is None and slot.used else "sendonly",
        codecs,
        slot,
    )
    return sent


def _write(
    writer: DescriptionWriter,
    section: MediaSection,
    direction: str,
    codecs: tuple[RtpCodec, ...],
    slot: Slot | None = None,
) -> None:
    # Encodings are answered in each state: those left out once, a client never sends again.
    writer.rtp(
        section.kind,
        section.mid,
        cast(Direction, direction),
        codecs,
        answered_extensions(section),
        protocol=section.protocol,
        rtcp_rsize=section.rtcp_rsize,
        rids=section.rids,
        sent=slot.sent(codecs) if slot is not None else None,
    )


def _incoming(section: MediaSection, cid: str) -> IncomingSection:
    return IncomingSection(
        section.mid,
        cid,
        section.kind,
        section.codecs,
        received_extensions(section),
        section.ssrcs,
        section.rtx_ssrcs,
        section.rids,
    )
