"""The ports of all peer connections, and whose a packet is (webrtc.md §4).

OpenSSL and libsrtp are imported when the first client comes.

A check says by its USERNAME whose path it comes from; everything else is taken from paths that were
checked, and from no others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from ...adapters.open_files import OpenFiles
from ...adapters.rtc_connection import RtcPath
from ...adapters.rtc_socket import RtcSockets
from ...base.errors import StunError
from ...base.ids import Ids
from ...exchange.peer_ways import DROPPED, PeerWayOwner
from ...ports import Clock
from ...webrtc import stun
from ...webrtc.ice import IceAgent, IceAgents

if TYPE_CHECKING:
    from ...adapters.dtls import DtlsCertificate
    from .transport import PeerTransport

_log = structlog.get_logger("rtc")

SWEEP: Final = 1.0
"""Seconds between two looks at who still consents."""
MANY: Final = 200
"""Packets between two looks from which on it is cheaper to let them wait for each other."""


class RtcPorts:
    """One UDP port and one TCP port for all clients."""

    def __init__(
        self, clock: Clock, ids: Ids, loop: asyncio.AbstractEventLoop, files: OpenFiles
    ) -> None:
        self._clock = clock
        self._loop = loop
        self.agents: IceAgents[RtcPath] = IceAgents(ids)
        self.sockets = RtcSockets(self, clock.now, files=files)
        self._made: DtlsCertificate | None = None
        self._transports: dict[IceAgent[RtcPath], PeerTransport] = {}
        self.handshakes: set[PeerTransport] = set()
        """Of those, where DTLS has begun and is not done."""
        self._sweep: asyncio.TimerHandle | None = None
        self._packets = 0
        self._hurried = False
        """Since the last look."""
        self.dropped = dict.fromkeys(DROPPED, 0)

    async def stop(self) -> None:
        """End every peer connection, and close the ports."""
        for transport in list(self._transports.values()):
            transport.close()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        await self.sockets.stop()

    @property
    def udp_port(self) -> int:
        """The real one."""
        return self.sockets.udp_port

    @property
    def tcp_port(self) -> int:
        """The real one; 0: none."""
        return self.sockets.tcp_port

    def __len__(self) -> int:
        return len(self._transports)

    @property
    def _certificate(self) -> DtlsCertificate:
        """Ours, made when the first client comes."""
        if self._made is None:
            from ...adapters.dtls import DtlsCertificate

            self._made = DtlsCertificate.make()
        return self._made

    @property
    def fingerprint(self) -> str:
        """Of our certificate, as descriptions have it."""
        return self._certificate.fingerprint

    def open(self, owner: PeerWayOwner) -> PeerTransport:
        """A way for one more peer connection."""
        from .transport import PeerTransport

        self.hurry()
        agent = self.agents.new(self._clock.now())
        transport = PeerTransport(
            agent,
            self._certificate,
            self._clock,
            self._loop,
            owner,
            self._closed_one,
            self.handshakes,
            self.dropped,
        )
        self._transports[agent] = transport
        if self._sweep is None:
            self._sweep = self._loop.call_later(SWEEP, self._look)
        return transport

    def _closed_one(self, transport: PeerTransport) -> None:
        self._transports.pop(transport.agent, None)

    def hurry(self) -> None:
        """Something has come, or will, that somebody waits for, and not the ticks alone: packets
        are read as they come, until there was nothing such from one look to the next."""
        if not self._hurried:
            self._hurried = True
            self.sockets.be_patient(False)

    def _look(self) -> None:
        now = self._clock.now()
        idle = not (self._hurried or self.handshakes)
        self.sockets.be_patient(self._packets >= MANY and idle)
        self._packets, self._hurried = 0, False
        self._sweep = self._loop.call_later(SWEEP, self._look) if self._transports else None
        for transport in list(self._transports.values()):
            try:
                transport.check(now)
            except Exception:  # noqa: BLE001  # logged; the others are looked at too
                _log.exception("internal_error")

    # --- what the sockets tell ------------------------------------------------------------------

    def received(self, path: RtcPath, data: bytes, now: float) -> None:
        """One packet. A mistake of ours about it is in the log, and costs that packet alone."""
        if not data:
            return
        self._packets += 1
        try:
            if data[0] < 4:
                self._check_received(path, data, now)
                return
            agent = self.agents.at(path)
            if agent is None:
                self.dropped["unknown_path"] += 1
                return
            self._transports[agent].received(data, now)
        except Exception:  # noqa: BLE001  # logged; the next packet has its turn
            _log.exception("internal_error", path=repr(path))

    def admits(self, path: RtcPath) -> bool:
        """Whether a peer connection has checked this path."""
        return self.agents.at(path) is not None

    def closed(self, path: RtcPath) -> None:
        """A TCP connection has ended."""
        agent = self.agents.at(path)
        if agent is not None:
            self.agents.path_closed(path)
            self._transports[agent].path_checked()

    def _check_received(self, path: RtcPath, data: bytes, now: float) -> None:
        try:
            message = stun.parse(data)
        except StunError:
            self.dropped["unreadable"] += 1
            return
        agent = self.agents.find(message)
        if agent is None:
            return
        answer = agent.request(path, message, now)
        if answer is not None:
            path.send(answer)
        self._transports[agent].path_checked()
