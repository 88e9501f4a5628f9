"""One peer connection's way to its client: ICE, DTLS, SRTP, SCTP (webrtc.md §4).

The first octet of a packet says whose it is (RFC 7983). Before DTLS has shown that the client is
the one whose fingerprint its description had, nothing of it reaches anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from ...adapters.dtls import Dtls, DtlsCertificate
from ...adapters.rtc_connection import RtcPath
from ...adapters.srtp import SrtpSession
from ...exchange.peer_ways import LOSSY, RELIABLE, PeerWayOwner
from ...ports import Clock
from ...rtp.packet import Buffer
from ...webrtc.ice import CONSENT, IceAgent

HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that DTLS may take (webrtc.md §4)."""
MAX_HANDSHAKES: Final = 1000
"""Of a process at once; more wait until the client says its first datagram again."""
MAX_EARLY: Final = 8
"""DTLS datagrams kept until the description comes that they have overtaken."""
EARLY_SIZE: Final = 2048
"""Octets of each; by TCP longer ones could come."""


class DataChannels(Protocol):
    """`adapters.sctp.Sctp`, which takes half a second to import."""

    def start(self, remote_port: int, max_message: int) -> None: ...
    def receive(self, data: bytes) -> int: ...
    def send(self, label: str, data: bytes) -> bool: ...
    def open(
        self, label: str, *, ordered: bool = ..., max_retransmits: int | None = ...
    ) -> None: ...
    def buffered(self, label: str) -> int: ...
    def stop(self) -> None: ...


class _NoWayOwner:
    """Of a way that is closed: nothing shall keep the connection."""

    def connected(self) -> None: ...
    def lost(self, why: str) -> None: ...
    def rtp_received(self, packet: bytes, now: float) -> None: ...
    def rtcp_received(self, packet: bytes, now: float) -> None: ...
    def channel_opened(self, label: str) -> None: ...
    def message_received(self, label: str, data: bytes) -> None: ...


_NO_OWNER: Final = _NoWayOwner()


class PeerTransport:
    """Made with an ICE agent, `describe`d by the client's SDP, `close`d by us."""

    def __init__(
        self,
        agent: IceAgent[RtcPath],
        certificate: DtlsCertificate,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        owner: PeerWayOwner,
        closed: Callable[[PeerTransport], None],
        handshakes: set[PeerTransport],
        dropped: dict[str, int],
    ) -> None:
        """`closed` is called once, in the end; `handshakes`: those of the process that go on;
        `dropped`: packets of the process, by reason."""
        self.agent = agent
        self._certificate = certificate
        self._clock = clock
        self._loop = loop
        self._owner: PeerWayOwner = owner
        self._closed = closed
        self._handshakes = handshakes
        self._dropped = dropped
        self._described: tuple[str, ...] | None = None
        self._dtls: Dtls | None = None
        self._early: list[bytes] = []
        self._client = False
        self._srtp: SrtpSession | None = None
        self._sctp: DataChannels | None = None
        self._sctp_port: int | None = None
        self._max_message = 0
        self._described_at = 0.0
        self._handshake_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_connected = False
        self.closed = self.closed_by_client = False

    # --- what the descriptions say --------------------------------------------------------------

    def describe(self, fingerprints: Sequence[str], *, client: bool) -> None:
        """The other side's certificate, and whether we are the DTLS client. The first description
        counts: DTLS is not done again."""
        if self._described is None and not self.closed:
            self._described, self._client = tuple(fingerprints), client
            self._described_at = self._clock.now()
            self._start_dtls()

    def associate(self, sctp_port: int, max_message: int) -> None:
        """There are data channels; `max_message`: octets that the client takes, 0 for any
        number."""
        if self._sctp_port is None:
            self._sctp_port, self._max_message = sctp_port, max_message
            self._start_sctp()

    # --- packets in -----------------------------------------------------------------------------

    def path_checked(self) -> None:
        """An ICE check was answered, or a path is gone: packets may go another way now."""
        self._start_dtls()

    def received(self, data: bytes, now: float) -> None:
        """One packet of a path that was checked."""
        first = data[0]
        if not 128 <= first <= 191:
            if 20 <= first <= 63:
                self._dtls_received(data)
            return
        srtp = self._srtp
        if srtp is None:
            return
        if len(data) > 1 and 192 <= data[1] <= 223:
            plain = srtp.unprotect_rtcp(data)
            if plain is not None:
                self._owner.rtcp_received(plain, now)
            return
        plain = srtp.unprotect(data)
        if plain is None:
            self._dropped["undecryptable"] += 1
        else:
            self._owner.rtp_received(plain, now)

    # --- packets out ----------------------------------------------------------------------------

    def send(self, packet: Buffer, _: Any = None) -> int:
        """One datagram where the client is; nowhere before its first check."""
        path = self.agent.selected
        if path is not None:
            path.send(bytes(packet))
        return len(packet)

    def send_rtp(self, packet: Buffer, _: Any = None) -> int:
        """A packet that is to be encrypted; nowhere before DTLS stands."""
        srtp, path = self._srtp, self.agent.selected
        if srtp is not None and path is not None:
            sealed = srtp.protect(packet)
            if sealed is not None:
                path.send(sealed)
        return len(packet)

    def protect(self, packet: Buffer) -> bytes | None:
        """RTP, encrypted; None before DTLS stands."""
        srtp = self._srtp
        return srtp.protect(packet) if srtp is not None else None

    def send_rtcp(self, packet: bytes) -> None:
        """A compound packet."""
        srtp = self._srtp
        if srtp is not None:
            self.send(srtp.protect_rtcp(packet))

    def send_message(self, label: str, data: bytes) -> bool:
        """On the data channel of that label; False where there is none (yet)."""
        sctp = self._sctp
        return sctp is not None and sctp.send(label, data)

    def open_channels(self) -> None:
        """Open ours: where the client has opened none (the older signalling)."""
        if self._sctp is not None:
            self._sctp.open(RELIABLE)
            self._sctp.open(LOSSY, ordered=False, max_retransmits=0)

    def buffered(self, label: str) -> int:
        """Octets that wait to be sent there."""
        return self._sctp.buffered(label) if self._sctp is not None else 0

    # --- DTLS -----------------------------------------------------------------------------------

    def _start_dtls(self) -> None:
        """Once it is known whom to expect, and there is a way."""
        if self._dtls is not None or self._described is None or self.closed:
            return
        if self.agent.selected is None or len(self._handshakes) >= MAX_HANDSHAKES:
            return
        self._handshake_at = self._clock.now()
        self._handshakes.add(self)
        dtls = self._dtls = Dtls(
            self._certificate, client=self._client, fingerprints=self._described
        )
        early, self._early = self._early, []
        self._after_dtls(dtls)
        for datagram in early:
            self._dtls_received(datagram)

    def _dtls_received(self, datagram: bytes) -> None:
        self._start_dtls()
        dtls = self._dtls
        if dtls is None:
            if len(self._early) < MAX_EARLY and len(datagram) <= EARLY_SIZE:
                self._early.append(datagram)
            return
        dtls.receive(datagram)
        self._after_dtls(dtls)

    def _after_dtls(self, dtls: Dtls) -> None:
        """Whatever it has to send or to say."""
        self._flush(dtls)
        if dtls.state == "connected" and not self.is_connected:
            self._stands(dtls)
        for data in dtls.read():
            if self._sctp is not None:
                self._dropped["bad_sctp"] += self._sctp.receive(data)
        if dtls.state in {"failed", "closed"} and not self.closed:
            self.closed_by_client = dtls.state == "closed"
            self._lost(f"DTLS: {dtls.failure or 'closed by the client'}")
            return
        self._arm(dtls)

    def _flush(self, dtls: Dtls) -> None:
        """The datagrams that it has ready go out."""
        for datagram in dtls.take():
            self.send(datagram)

    def _stands(self, dtls: Dtls) -> None:
        self.is_connected = True
        self._handshakes.discard(self)
        assert dtls.srtp is not None
        keys = dtls.srtp
        self._srtp = SrtpSession.of_peer(keys.profile, keys.local, keys.remote)
        self._start_sctp()
        self._owner.connected()

    def _start_sctp(self) -> None:
        if self._sctp_port is None or not self.is_connected or self._sctp is not None:
            return
        from ...adapters.sctp import Sctp

        self._sctp = Sctp(self, client=self._client, loop=self._loop)
        self._sctp.start(self._sctp_port, self._max_message)

    def _arm(self, dtls: Dtls) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = dtls.next_timeout()
        if wait is not None and not self.closed:
            self._timer = self._loop.call_later(wait, self._dtls_due)

    def _dtls_due(self) -> None:
        self._timer = None
        dtls = self._dtls
        if dtls is None or self.closed:
            return
        dtls.handle_timeout()
        self._after_dtls(dtls)

    # --- what SCTP asks and tells ---------------------------------------------------------------

    def sctp_send(self, data: bytes) -> None:
        """Of `adapters.sctp.Sctp`."""
        dtls = self._dtls
        if dtls is not None and not self.closed:
            dtls.write(data)
            self._flush(dtls)

    def channel_opened(self, label: str) -> None:
        """The client opened it, or took ours."""
        if not self.closed:
            self._owner.channel_opened(label)

    def channel_message(self, label: str, data: bytes) -> None:
        """One message of the client."""
        if not self.closed:
            self._owner.message_received(label, data)

    # --- time and end ---------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Now and then: whether the client still consents (RFC 7675), and whether DTLS comes to an
        end. Before the first description the client can do neither."""
        if self.closed or self._described is None:
            return
        began = self._handshake_at
        if began is not None and not self.is_connected and now >= began + HANDSHAKE_TIMEOUT:
            self._lost(f"no DTLS within {HANDSHAKE_TIMEOUT:g} s")
        elif now >= self._described_at + CONSENT and self.agent.handle_deadline(now):
            self._lost(f"no ICE check for {CONSENT:g} s")

    def _lost(self, why: str) -> None:
        if not self.closed:
            owner = self._owner
            self.close()
            owner.lost(why)

    def close(self) -> None:
        """Say goodbye to the client and forget it; safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.is_connected = False
        self._handshakes.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._sctp is not None:
            self._sctp.stop()
        if self._dtls is not None:
            self._dtls.close()
            self._flush(self._dtls)
        self.agent.close()
        self._sctp = None
        self._owner = _NO_OWNER
        self._closed(self)
