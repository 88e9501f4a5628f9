"""The m-sections of a peer connection in which we offer and the client answers.

Clients with two connections (LiveKit's `/rtc`) receive on one of them: the data channels first,
then a sendonly section a track. There is one offer at a time; what is attached or detached while
it is out stands in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ..base.errors import SdpError
from ..base.ids import Ids
from ..base.light import light_dataclass
from .description import Description, HeaderExtension, MediaSection, RemoteTransport
from .formats import FEEDBACK, PayloadFormat, RtpCodec, common, formats_of, payload_types
from .sections import DataSection, OutgoingSection, outgoing
from .slots import OutTrack, Slot, Slots
from .writing import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    RTP_PROTOCOL,
    TRANSPORT_CC,
    DescriptionWriter,
    LocalTransport,
    Role,
)

DATA_MID: Final = "0"
EXTENSION_IDS: Final[Mapping[str, Mapping[int, HeaderExtension]]] = {
    "audio": {1: HeaderExtension(AUDIO_LEVEL), 4: HeaderExtension(MID)},
    "video": {
        2: HeaderExtension(ABS_SEND_TIME),
        3: HeaderExtension(TRANSPORT_CC),
        4: HeaderExtension(MID),
    },
}
"""What is offered, by kind; an id means the same in all sections of a bundle (RFC 9143 §14)."""

MAX_SLOTS: Final = 250
"""Tracks sent to one client at once: its answer, about 1 kB for each, must be short enough to be
read (`description.LIMITS`)."""

OPUS_PAYLOAD_TYPE: Final = 111
PAYLOAD_TYPES: Final = (*range(96, 111), *range(112, 128), *range(35, 64))
"""Given to the other codecs and their retransmissions in this order; those below 64 are free
beside RTCP (RFC 5761 §4)."""

_ANY_FORMAT: Final = ("0",)
"""A rejected section without formats would be no section."""


@light_dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What the client's answer agrees to."""

    remote: RemoteTransport
    setup: Role
    """Ours. `active`: we are the DTLS client."""
    outgoing: tuple[OutgoingSection, ...]
    data: DataSection | None
    no_codec: tuple[str, ...]
    """Sids of tracks that the client does not take: it knows no codec of theirs. They stay
    attached until they are detached."""


class OfferedSections:
    """All sections of one peer connection over its life."""

    def __init__(self, ids: Ids) -> None:
        self._slots = Slots(ids)
        self._session_id = ids.number(62)
        self._version = 0
        self._mids = 0
        self._codecs: dict[PayloadFormat, RtpCodec] = {}
        """What was offered, with payload types that mean the same in all sections."""
        self._free_numbers = iter(PAYLOAD_TYPES)
        self._offered: tuple[tuple[Slot, str, int], ...] | None = None
        """The sections of the offer that is out: their mids and SSRCs then."""

    @property
    def offering(self) -> bool:
        """True while an offer is out."""
        return self._offered is not None

    @property
    def mid_to_track_id(self) -> dict[str, str]:
        """Which track the last offer sends in which section."""
        slots = (slot for slot in self._slots.slots if slot.offered and not slot.dead)
        return {slot.mid: slot.track.track_sid for slot in slots if slot.track is not None}

    @property
    def waiting(self) -> tuple[OutTrack, ...]:
        """Attached tracks that have no section: one is being freed, or there are too many."""
        return tuple(self._slots.waiting.values())

    @property
    def changed(self) -> bool:
        """True where another offer is due, after the answer to that which is out."""
        return self._slots.changed

    def attach(self, track: OutTrack) -> bool:
        """Send that track to the client, from the next offer on. True if it has a section; False:
        it waits for one whose former track the client does not know yet to be gone."""
        return self._slots.attach(track) or self._grow(track)

    def detach(self, track_sid: str) -> None:
        """Stop sending it; nothing where it is not attached."""
        self._slots.detach(track_sid)

    def offer(self, local: LocalTransport) -> str:
        """An offer of all that is attached. One that was out counts no more, for a client that
        resumes without having answered it."""
        slots = [slot for slot in self._slots.slots if slot.offered or slot.track is not None]
        writer = DescriptionWriter(local, "actpass")
        writer.data(DATA_MID)
        for slot in slots:
            self._write(writer, slot)
        self._slots.slots = slots
        self._offered = tuple((slot, slot.mid, slot.ssrc) for slot in slots)
        self._version += 1
        return writer.text(self._session_id, self._version)

    def answered(self, answer: Description) -> RemoteAnswer:
        """Take the client's answer to the offer that is out. Raises `SdpError` where it does not
        answer it, and the offer stays out; RuntimeError if none is out."""
        if self._offered is None:
            raise RuntimeError("no offer is out")
        mids = [DATA_MID, *(mid for _, mid, _ in self._offered)]
        if [section.mid for section in answer.sections] != mids:
            raise SdpError("the answer does not have the sections of the offer in their order")
        remote = answer.remote
        if remote is None or remote.setup == "actpass":
            raise SdpError("the answer has no transport")
        data, *sections = answer.sections
        sent: list[OutgoingSection] = []
        refused: list[str] = []
        for (slot, mid, ssrc), section in zip(self._offered, sections, strict=True):
            if slot.mid != mid:
                continue  # it has become another since
            slot.dead = slot.dead or section.stopped
            slot.said = ssrc
            track = slot.track
            if track is None or slot.ssrc != ssrc:
                continue  # what is there now stands in the next offer
            agreed = _agreed(slot, section)
            if agreed is not None:
                sent.append(agreed)
            else:
                refused.append(track.track_sid)
        self._offered = None
        self._place()
        return RemoteAnswer(
            remote,
            "passive" if remote.setup == "active" else "active",
            tuple(sent),
            None if data.stopped else DataSection(data.sctp_port, data.max_message_size),
            tuple(refused),
        )

    def _place(self) -> None:
        """What the answer made free goes to those that wait; a section that it rejected does not
        become free."""
        self._slots.place()
        for kind in EXTENSION_IDS:
            of_kind = [track for track in self.waiting if track.kind == kind]
            for track in of_kind:
                if not self._grow(track):
                    break

    def _write(self, writer: DescriptionWriter, slot: Slot) -> None:
        slot.offered = True
        if slot.track is not None:
            slot.said = slot.ssrc
            slot.codecs = self._offered_codecs(slot.track)
        slot.dead = slot.dead or not slot.codecs  # its track went before it was offered
        if slot.dead:
            formats = payload_types(slot.codecs) or _ANY_FORMAT
            writer.rejected(slot.kind, slot.mid, RTP_PROTOCOL, formats)
            return
        sent = slot.sent(slot.codecs)
        writer.rtp(
            slot.kind,
            slot.mid,
            "inactive" if sent is None else "sendonly",
            slot.codecs,
            EXTENSION_IDS[slot.kind],
            sent=sent,
        )

    def _offered_codecs(self, track: OutTrack) -> tuple[RtpCodec, ...]:
        """What its publisher sends, by our payload types."""
        codecs = {codec.format: codec for codec in track.codecs}
        for form, codec in codecs.items():
            if form not in self._codecs:
                is_opus = codec.name == "opus"
                self._codecs[form] = replace(
                    codec,
                    payload_type=OPUS_PAYLOAD_TYPE if is_opus else next(self._free_numbers),
                    fmtp="" if is_opus else codec.fmtp,
                    feedback=() if is_opus else FEEDBACK,
                    rtx=None if is_opus else next(self._free_numbers),
                )
        return tuple(self._codecs[form] for form in codecs)

    def _grow(self, track: OutTrack) -> bool:
        """A section for that track; False where enough of its kind become free, or there are too
        many."""
        slots = self._slots
        freed = sum(1 for slot in slots.slots if slot.kind == track.kind and slot.frees)
        if freed >= sum(1 for other in slots.waiting.values() if other.kind == track.kind):
            return False
        slot = next((slot for slot in slots.slots if slot.dead and slot.track is None), None)
        if slot is None:
            if len(slots.slots) >= MAX_SLOTS:
                return False
            slot = Slot("", track.kind)
            slots.slots.append(slot)
        # A rejected section may become another (RFC 8829 §5.2.2).
        self._mids += 1
        slot.mid, slot.kind, slot.codecs = str(self._mids), track.kind, ()
        slot.said, slot.dead = 0, False
        slots.put(track, slot)
        return True


def _agreed(slot: Slot, section: MediaSection) -> OutgoingSection | None:
    """What is sent by that answer; None where the client does not take the track."""
    if slot.dead or section.direction not in ("recvonly", "sendrecv") or slot.track is None:
        return None
    codecs = common(section.codecs, formats_of(slot.track.codecs))
    return outgoing(slot, codecs) if codecs else None
