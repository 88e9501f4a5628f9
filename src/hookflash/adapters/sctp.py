"""Data channels of a peer connection (RFC 8831, RFC 8832): aiortc's SCTP on our DTLS.

What is private of `aiortc.RTCSctpTransport` and used here, so that another version may break it:

- of its `transport` it needs `state`, `_role`, `_register_data_receiver`,
  `_unregister_data_receiver` and `_send_data`;
- `_handle_data` takes a packet. It waits for `_send_data` alone, so it never really waits with
  ours, which does not either;
- `_data_channels` are the channels by stream.

aiortc is imported when the first client comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import structlog

_log = structlog.get_logger("rtc")

MAX_CHANNELS: Final = 64
"""Channels that one client may open."""


class SctpOwner(Protocol):
    """Whose data channels they are. Called at once."""

    def sctp_send(self, data: bytes) -> None:
        """One packet, to be sent through DTLS."""
        ...

    def channel_opened(self, label: str) -> None: ...
    def channel_message(self, label: str, data: bytes) -> None: ...


class _Way:
    """What aiortc takes for its DTLS transport."""

    state = "connected"

    def __init__(self, owner: SctpOwner, *, client: bool) -> None:
        self._owner = owner
        self._role = "client" if client else "server"

    def _register_data_receiver(self, _: Any) -> None: ...
    def _unregister_data_receiver(self, _: Any) -> None: ...

    async def _send_data(self, data: bytes) -> None:
        self._owner.sctp_send(data)


class Sctp:
    """One association."""

    def __init__(self, owner: SctpOwner, *, client: bool, loop: asyncio.AbstractEventLoop) -> None:
        """`client`: we are the DTLS client, whose channels have even numbers."""
        from aiortc.rtcsctptransport import RTCSctpTransport

        self._owner = owner
        self._loop = loop
        self._association: Any = RTCSctpTransport(_Way(owner, client=client))  # type: ignore[arg-type]
        self._association.on("datachannel", self._offered)
        self._channels: dict[str, Any] = {}
        """Those to send by, by label: the client's own, else ours."""
        self.stopped = False

    def start(self, remote_port: int) -> None:
        """Associate with the peer's port."""
        _run(self._association.start(None, remote_port))

    def receive(self, data: bytes) -> None:
        """One packet of the peer's; what cannot be read is passed over."""
        if self.stopped:
            return
        try:
            _run(self._association._handle_data(data))
        except Exception as error:  # noqa: BLE001  # another's code, with a stranger's packet
            _log.debug("sctp_packet_refused", why=repr(error))

    def open(self, label: str, *, ordered: bool = True, max_retransmits: int | None = None) -> None:
        """Open a channel of ours."""
        from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

        parameters = RTCDataChannelParameters(
            label=label, ordered=ordered, maxRetransmits=max_retransmits
        )
        channel = RTCDataChannel(self._association, parameters)
        channel.on("open", lambda: self._opened(channel))
        channel.on("message", lambda message: self._message(label, message))

    def send(self, label: str, data: bytes) -> bool:
        """One binary message; False where no channel of that label is open."""
        channel = self._channels.get(label)
        if channel is None or channel.readyState != "open" or self.stopped:
            return False
        try:
            channel.send(data)
        except ValueError as error:  # longer than the peer takes
            _log.debug("data_not_sent", why=str(error))
        return True

    def buffered(self, label: str) -> int:
        """Octets that wait to be sent on it."""
        channel = self._channels.get(label)
        return channel.bufferedAmount if channel is not None else 0

    def stop(self) -> None:
        """Abort; safe to call twice."""
        if not self.stopped:
            self.stopped = True
            _run(self._association.stop())

    def _offered(self, channel: Any) -> None:
        """The peer opened one."""
        if len(self._association._data_channels) > MAX_CHANNELS:
            channel.close()
            return
        channel.on("message", lambda message: self._message(channel.label, message))
        self._opened(channel)

    def _opened(self, channel: Any) -> None:
        self._channels[channel.label] = channel
        self._owner.channel_opened(channel.label)

    def _message(self, label: str, message: str | bytes) -> None:
        if isinstance(message, bytes):  # LiveKit's are binary
            self._owner.channel_message(label, message)


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to its end what has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("SCTP waits for something")
