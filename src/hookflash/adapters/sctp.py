"""SCTP and data channels of one peer connection (RFC 8831, RFC 8832), by aiortc.

The module is imported when the first client joins: aiortc brings codecs along that take a third of
a second to load. What is used of `RTCSctpTransport` that is not its public interface, as of 1.16:

- It wants of its transport `state`, `_role`, `_register_data_receiver`, `_unregister_data_receiver`
  and `_send_data`, a coroutine. Ours never waits, so none of its coroutines does, and `_run` brings
  each to its end at once: no task for a packet.
- `_handle_data` takes a packet; `_receive_chunk`, `_send_chunk`, `_data_channel_receive` and
  `_update_rto` are overridden to bound what a peer can make us do.
- `_receive_data_chunk`, `_receive_forward_tsn_chunk` and `_send_sack` are replaced, and
  `_reset_deferred_streams` is overridden: what is received is kept in `sctp_reassembly`. With them
  `_mark_received`, `_get_inbound_stream`, `_inbound_streams` and `_sack_misordered` are not used.
- `_association_state`, `_advertised_rwnd`, `_inbound_streams_max`, `_last_received_tsn` (aiortc
  sets it by the peer's INIT, then we do), `_local_tsn`, `_reconfig_deferred`,
  `_remote_max_message_size`, `_remote_verification_tag`, `_rto`, `_sack_duplicates`,
  `_sack_needed`, `_data_channels` are read or set; `_receive` takes a message.

Nothing is taken from its event emitters, which would send an owner's exception astray: what happens
is noted down and told to the owner after the packet.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Final, Protocol, cast

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    InitAckChunk,
    InitChunk,
    RTCSctpCapabilities,
    SackChunk,
)

from .sctp_packets import well_formed
from .sctp_reassembly import (
    UNORDERED,
    Message,
    OrderedMessages,
    Reassembly,
    ReceivedTsns,
    is_whole,
)

LOCAL_PORT: Final = 5000
"""Of every association; what the peer's `a=sctp-port` says is given to `start`."""

MAX_MESSAGE: Final = 262_144
"""Octets of the largest message that is taken; a longer one is dropped."""

REMOTE_MAX_MESSAGE: Final = 65_536
"""Octets that a peer takes which does not say (RFC 8841 §6)."""

MAX_CHANNELS: Final = 64
"""Data channels open at once; more are not answered. LiveKit's clients open three."""

MAX_LABEL: Final = 256
"""Octets of a label, and of a protocol, with which a channel is opened."""

MAX_STREAMS: Final = 1024
"""Streams that the peer may use, announced to it; libwebrtc uses as many."""

_WINDOW: Final = 1024 * 1024
"""Octets of chunks held at most, announced to the peer; chunks beyond it are dropped."""

_CHUNKS: Final = 2048
"""Chunks held at most, and how far one may be ahead of the last in order: small chunks cost more
memory and time than their octets say."""

_UNFINISHED: Final = 256
"""Runs of fragments held at most; one that would begin another is dropped, as chunks beyond the
window are. What there is of a message is one run, and one more for each gap in it."""

_GAPS, _DUPLICATES = 200, 50
"""Most entries of a SACK that we send, so that it stays within the MTU. What it leaves out the peer
hears of in a later one."""

_RTO_INITIAL, _RTO_MIN = 1.0, 0.4
"""Seconds. RFC 9260 §16 has 1 s for both; a peer may hold back its SACK for 0.2 s."""

_TURN: Final = 0.002
"""Seconds of one turn of the loop in which messages are told: each may go on to many, and two
kilobytes hold a hundred. The rest is told in the next turns."""

_UNTOLD: Final = 1024
"""Messages that may wait for their turn. With more, or `_WINDOW` octets of them, packets are
dropped, and the peer sends them again."""

_HALF, _ALL = 2**31, 2**32

_OPEN, _ACK = 3, 2
_DCEP: Final = 50
_MESSAGES: Final = {51: False, 53: False, 56: True, 57: True}
"""Payload protocols of messages (RFC 8831 §8), with whether one is empty: text, octets, and both
empty, which are sent as one octet."""

_REFUSED: Final = (
    AssertionError, AttributeError, LookupError, NameError, TypeError, ValueError, struct.error,
)  # fmt: skip
"""What aiortc raises for a packet that it cannot make sense of."""


class SctpOwner(Protocol):
    """What an `Sctp` tells. The last two are called after a packet has been taken, from `receive`
    or in the loop's next turns; what they raise comes out there."""

    def sctp_send(self, data: bytes) -> None:
        """Send this SCTP packet (`Dtls.write`). Must not raise."""
        ...

    def channel_opened(self, label: str) -> None:
        """`send` to this label goes through from now on."""
        ...

    def channel_message(self, label: str, data: bytes) -> None:
        """A message of the peer, text as UTF-8."""
        ...


class Sctp:
    """One association over a connected `Dtls`, and its data channels, known by their labels."""

    __slots__ = ("_association", "_channels", "_clock", "_loop", "_owner", "_planned")

    def __init__(
        self,
        owner: SctpOwner,
        *,
        client: bool,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`client`: our role in DTLS, which decides the numbers of our channels (RFC 8832 §6).
        `loop` is the running one; `clock` gives seconds."""
        self._owner = owner
        self._loop, self._clock = loop, clock
        self._planned = False
        self._association = _Association(_Transport(owner, client=client), loop)
        self._channels: dict[tuple[str, bool], RTCDataChannel] = {}

    @property
    def dropped(self) -> int:
        """Packets and messages of the peer that were not taken."""
        return self._association.dropped

    @property
    def state(self) -> str:
        """ "new", "connecting", "connected" or "closed": by either side, or because the peer
        answers no more. A closed one stays so."""
        return self._association.state

    def start(self, remote_port: int, max_message: int = REMOTE_MAX_MESSAGE) -> None:
        """Associate. `max_message`: octets that the peer takes, by its `a=max-message-size`; 0 for
        any number. Both sides start (RFC 8841 §9.3)."""
        _run(self._association.start(RTCSctpCapabilities(max_message), remote_port))

    def open(self, label: str, *, ordered: bool = True, max_retransmits: int | None = None) -> None:
        """Open a channel of ours; `max_retransmits` None for a reliable one. It may be asked for
        before the association stands."""
        parameters = RTCDataChannelParameters(
            label=label, ordered=ordered, maxRetransmits=max_retransmits
        )
        self._channels[label, False] = RTCDataChannel(self._association, parameters)

    def receive(self, data: bytes) -> int:
        """Take one SCTP packet. What is none, or makes no sense, is dropped: how much of it was."""
        association = self._association
        before = association.dropped
        if self.state == "closed":
            return 0
        if well_formed(data, MAX_STREAMS) and not self._is_full():
            try:
                _run(association._handle_data(data))
            except _REFUSED:
                association.dropped += 1
        else:
            association.dropped += 1
        self._tell_some()
        return association.dropped - before

    def send(self, label: str, data: bytes) -> bool:
        """Send on the open channel of that label, the peer's before ours. False: there is none, or
        the peer takes no message of that size. What waits is bounded by who sends: `buffered`."""
        channel = self._open_channel(label)
        limit = self._association._remote_max_message_size
        if channel is None or (limit and len(data) > limit):
            return False
        channel.send(data)
        return True

    def buffered(self, label: str) -> int:
        """Octets that wait on the channel which `send` would use, without what is on its way."""
        channel = self._open_channel(label)
        return channel.bufferedAmount if channel is not None else 0

    def stop(self) -> None:
        """Abort the association and forget its timers, and what waits in it: who refers to whom in
        there is a circle, which the collector may find minutes later."""
        association = self._association
        _run(association.stop())
        association.forget()
        self._channels.clear()

    def _open_channel(self, label: str) -> RTCDataChannel | None:
        for theirs in (True, False):
            channel = self._channels.get((label, theirs))
            if channel is not None and channel.readyState == "open":
                return channel
        return None

    def _is_full(self) -> bool:
        """Whether too much waits to be told."""
        events = self._association.events
        return len(events) > _UNTOLD or sum(len(data or b"") for _, data in events) > _WINDOW

    def _tell_some(self) -> None:
        """One event at least, and what there is time for."""
        events = self._association.events
        end = self._clock() + _TURN
        while events:
            self._tell(*events.popleft())
            if events and self._clock() > end:
                if not self._planned:
                    self._planned = True
                    self._loop.call_soon(self._tell_rest)
                return

    def _tell_rest(self) -> None:
        self._planned = False
        self._tell_some()

    def _tell(self, channel: RTCDataChannel, data: bytes | None) -> None:
        if data is not None:
            self._owner.channel_message(channel.label, data)
            return
        theirs = self._channels.get((channel.label, False)) is not channel
        known = self._channels.get((channel.label, theirs))
        if known is None or known.readyState != "open":
            self._channels[channel.label, theirs] = channel
        self._owner.channel_opened(channel.label)


class _Transport:
    """What `RTCSctpTransport` needs of an `RTCDtlsTransport`."""

    state = "connected"

    def __init__(self, owner: SctpOwner, *, client: bool) -> None:
        self._owner = owner
        self._role = "client" if client else "server"

    def _register_data_receiver(self, receiver: object) -> None:
        """`Sctp.receive` calls the only one there is."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """As above."""

    async def _send_data(self, data: bytes) -> None:
        self._owner.sctp_send(data)


class _Association(RTCSctpTransport):
    """aiortc's association, with bounds to what the peer can make it hold or count through."""

    def __init__(self, transport: _Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(cast(RTCDtlsTransport, transport), LOCAL_PORT)
        self._loop = loop
        self._advertised_rwnd = _WINDOW
        self._inbound_streams_max = MAX_STREAMS
        self._rto = _RTO_INITIAL
        self._received = ReceivedTsns(0)
        self._fragments = Reassembly()
        self._ordered: dict[int, OrderedMessages] = {}
        self._early = 0
        """Messages in `_ordered` that wait for others."""
        self.dropped = 0
        self.events: deque[tuple[RTCDataChannel, bytes | None]] = deque()
        """A channel and its message, None when it has opened."""

    def forget(self) -> None:
        """It is over: nothing of it will be sent or taken."""
        for queue in (self._outbound_queue, self._sent_queue, self._data_channel_queue):
            queue.clear()
        self._forget_received(0)
        self.events.clear()

    def _forget_received(self, cumulative_tsn: int) -> None:
        self._received = ReceivedTsns(cumulative_tsn)
        self._fragments = Reassembly()
        self._ordered.clear()
        self._early, self._advertised_rwnd = 0, _WINDOW

    async def _receive_chunk(self, chunk: Chunk) -> None:
        state = self._association_state
        if state == self.State.CLOSED:
            return
        if isinstance(chunk, InitChunk) and state not in (
            self.State.COOKIE_WAIT,
            self.State.COOKIE_ECHOED,
        ):
            # A late double of the first: it would set the count of what was received back.
            return
        if isinstance(chunk, SackChunk) and not self._sent(chunk):
            self.dropped += 1
            return
        await super()._receive_chunk(chunk)
        if isinstance(chunk, InitChunk | InitAckChunk):
            last = self._last_received_tsn
            if last is not None and last != self._received.last_tsn:
                self._forget_received(last)

    def _sent(self, sack: SackChunk) -> bool:
        """Whether all that it acknowledges was sent."""
        outstanding = (self._local_tsn - 1 - sack.cumulative_tsn) % _ALL
        return outstanding < _HALF and (not sack.gaps or sack.gaps[-1][1] <= outstanding)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if self._last_received_tsn is None:
            return
        number = self._received.unwrapped(chunk.tsn)
        if number in self._received:
            self._sack_needed = True
            if len(self._sack_duplicates) < _DUPLICATES:
                self._sack_duplicates.append(chunk.tsn)
            return
        if not await self._has_room(number, chunk):
            return
        self._sack_needed = True
        self._received.add(number)
        self._last_received_tsn = self._received.last_tsn
        self._advertised_rwnd -= len(chunk.user_data)
        if is_whole(chunk):
            await self._receive_message(number, chunk, chunk.user_data)
        elif fragments := self._fragments.add(number, chunk):
            last = self._received.unwrapped(fragments[-1].tsn)
            data = b"".join(fragment.user_data for fragment in fragments)
            await self._receive_message(last, fragments[0], data)
        await self._reset_deferred_streams()

    async def _has_room(self, number: int, chunk: DataChunk) -> bool:
        """Whether the chunk is taken. The next in order is, beyond the bounds too, as what is held
        may wait for it; where it is far beyond them the association ends."""
        ahead = number - self._received.cumulative
        held = self._fragments.held + self._early
        room = self._advertised_rwnd - len(chunk.user_data)
        if ahead == 1:
            unfinished = len(self._fragments)
            if held >= 2 * _CHUNKS or room < -_WINDOW or unfinished >= 2 * _UNFINISHED:
                # Messages that are never finished, in order: nothing could be taken any more.
                await self.stop()
                return False
            return True
        if (
            ahead > _CHUNKS
            or held >= _CHUNKS
            or room < 0
            or (
                len(self._fragments) >= _UNFINISHED
                and not is_whole(chunk)
                and not self._fragments.joins(number, chunk)
            )
        ):
            self.dropped += 1
            return False
        return True

    async def _receive_message(self, number: int, first: DataChunk, data: bytes) -> None:
        message = (first.stream_id, first.protocol, data)
        if first.flags & UNORDERED:
            await self._deliver(message)
            return
        stream = self._ordered_of(first.stream_id)
        stream.add(first.stream_seq, number, message)
        self._early += 1
        await self._deliver_ordered(stream)

    def _ordered_of(self, stream_id: int) -> OrderedMessages:
        stream = self._ordered.get(stream_id)
        if stream is None:
            stream = self._ordered[stream_id] = OrderedMessages()
        return stream

    async def _deliver_ordered(self, stream: OrderedMessages) -> None:
        for message in stream.take():
            self._early -= 1
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        self._advertised_rwnd += len(message[2])
        await self._receive(*message)

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        if self._last_received_tsn is None:
            self.dropped += 1
            return
        self._sack_needed = True
        number = self._received.unwrapped(chunk.cumulative_tsn)
        if number <= self._received.cumulative:
            return
        self._received.advance(number)
        self._last_received_tsn = self._received.last_tsn
        self._advertised_rwnd += self._fragments.give_up(self._received.cumulative)
        for stream_id, stream_seq in chunk.streams:
            stream = self._ordered_of(stream_id)
            stream.skip(stream_seq)
            await self._deliver_ordered(stream)
        await self._reset_deferred_streams()

    async def _reset_deferred_streams(self) -> None:
        request, last = self._reconfig_deferred, self._last_received_tsn
        if request is None or last is None or (last - request.last_tsn) % _ALL >= _HALF:
            return
        # What is left of them goes now, and is room for others.
        self._advertised_rwnd += self._fragments.reset(set(request.streams))
        for stream_id in request.streams:
            stream = self._ordered.pop(stream_id, None)
            if stream is not None:
                self._early -= len(stream)
                self._advertised_rwnd += stream.octets()
        await super()._reset_deferred_streams()

    async def _send_sack(self) -> None:
        sack = SackChunk()
        sack.cumulative_tsn = self._received.last_tsn
        sack.advertised_rwnd = max(0, self._advertised_rwnd)
        sack.duplicates = self._sack_duplicates[:]
        sack.gaps = self._received.gaps(_GAPS)
        await self._send_chunk(sack)
        self._sack_duplicates.clear()
        self._sack_needed = False

    async def _send_chunk(self, chunk: Chunk) -> None:
        if not isinstance(chunk, InitChunk):
            await super()._send_chunk(chunk)
            return
        # Repeated after the peer's own came, it would bear the peer's tag, and the peer would drop
        # it (RFC 9260 §8.5.1: always 0).
        tag, self._remote_verification_tag = self._remote_verification_tag, 0
        await super()._send_chunk(chunk)
        self._remote_verification_tag = tag

    def _update_rto(self, rtt: float) -> None:
        super()._update_rto(rtt)
        srtt, variation = self._srtt or 0.0, self._rttvar or 0.0
        self._rto = min(max(_RTO_MIN, srtt + 4 * variation), self._rto)

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        channel = self._data_channels.get(stream_id)
        if pp_id == _DCEP:
            if not (self._may_open(data) if channel is None else data[:1] == bytes([_ACK])):
                self.dropped += 1
                return
            was_open = channel is not None and channel.readyState != "connecting"
            await super()._data_channel_receive(stream_id, pp_id, data)
            channel = self._data_channels[stream_id]
            if channel.readyState == "open" and not was_open:
                self.events.append((channel, None))
        elif channel is None or pp_id not in _MESSAGES or len(data) > MAX_MESSAGE:
            self.dropped += 1
        else:
            self.events.append((channel, b"" if _MESSAGES[pp_id] else data))

    def _may_open(self, data: bytes) -> bool:
        """Whether this is a DATA_CHANNEL_OPEN (RFC 8832 §5.1) within our bounds."""
        if len(data) < 12 or data[0] != _OPEN or len(self._data_channels) >= MAX_CHANNELS:
            return False
        label, protocol = struct.unpack_from("!HH", data, 8)
        return bool(max(label, protocol) <= MAX_LABEL and len(data) == 12 + label + protocol)


def _run(coroutine: Coroutine[object, None, None]) -> None:
    """Bring a coroutine to its end that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("aiortc's SCTP waits for something")
