"""One OPTIONS to the peer of a trunk, from this machine."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Final

from ..adapters.addresses import Addresses
from ..adapters.dns import Resolver
from ..adapters.entropy import Entropy
from ..adapters.sip_sockets import SipSockets, TlsFiles, connect_failure
from ..base.errors import SipError
from ..base.ids import Ids
from ..doctor.trunks import Probe
from ..sip.digest import DigestClient
from ..sip.flow import Flow, Transport
from ..sip.location import Target
from ..sip.message import Request, Response
from ..sip.uri import Uri

WAIT: Final = 3.0
"""Seconds for an answer."""
REPEAT: Final = 0.5
"""Seconds to the first repetition over UDP; each next one takes twice as long."""


class OptionsProbe:
    """Listens on free ports while it asks. `tls` None: only authorities that the machine trusts.
    `async with`."""

    def __init__(self, wait: float = WAIT, tls: TlsFiles | None = None) -> None:
        self._wait = wait
        self._tls = tls
        self._ids = Ids(Entropy())
        self._resolver = Resolver(self._ids)
        self._addresses = Addresses("0.0.0.0")
        self._sockets = SipSockets()
        self._sockets.attach(self)
        self._waiting: dict[tuple[str, int], asyncio.Future[Response]] = {}
        """By Call-ID and number of CSeq."""
        self._lost = asyncio.Event()

    async def __aenter__(self) -> OptionsProbe:
        await self._sockets.start("0.0.0.0", 0)
        if self._tls is not None:
            await self._sockets.start_tls("0.0.0.0", 0, self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sockets.stop()
        for connection in list(self._sockets.open_connections()):
            connection.give_way()  # TLS would wait for its peer, and the loop ends with this
        while list(self._sockets.open_connections()):
            self._lost.clear()
            await self._lost.wait()

    async def ask(
        self, address: str, transport: Transport | None, user: str = "", password: str = ""
    ) -> Probe:
        """`address`: as a trunk has it (host or host:port); None: the transport that DNS says.
        With `user` and `password` a challenge is answered (RFC 3261 §22)."""
        try:
            params = () if transport is None else (("transport", transport),)
            uri = Uri.parse(f"sip:{address}")
            uri = Uri.sip(None, uri.host or "", uri.port, params)
        except SipError as error:
            return Probe(why=f"no address of a SIP server ({error.text})")
        targets = await self._resolver.locate(uri, ("udp", "tcp", "tls"))
        if not targets:
            return Probe(why="the name has no address (DNS)")
        digest = DigestClient(user, password, self._ids) if user and password else None
        return await self._ask(uri, targets[0], digest)

    async def _ask(self, uri: Uri, target: Target, digest: DigestClient | None) -> Probe:
        began = time.monotonic()
        remote = (target.ip, target.port)
        try:
            if target.transport == "udp":
                flow = Flow("udp", self._sockets.local["udp"], remote)
            else:
                flow = await self._sockets.connect(target.transport, remote, name=uri.host or "")
        except (OSError, TimeoutError) as error:
            failure = error if isinstance(error, OSError) else OSError(str(error))
            why = connect_failure(failure)
            return Probe(why=f"no connection by {target.transport.upper()}: {why}")
        request, gave_password = self._request(uri, flow), False
        try:
            response = await self._answer(request, flow)
            seconds = time.monotonic() - began
            while response.status in (401, 407) and digest and digest.challenged(response):
                request, gave_password = self._with_password(request, digest), True
                response = await self._answer(request, flow)
        except TimeoutError:
            which = " with user and password" if gave_password else ""
            by = target.transport.upper()
            return Probe(why=f"no answer to OPTIONS{which} by {by} in {WAIT:.0f} s")
        return Probe(response, seconds=seconds, gave_password=gave_password)

    async def _answer(self, request: Request, flow: Flow) -> Response:
        data, key = request.encode(), (request.call_id, request.cseq.number)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            async with asyncio.timeout(self._wait):
                pause = REPEAT
                while True:
                    self._sockets.send(data, flow)
                    if flow.reliable:
                        return await answer
                    done, _ = await asyncio.wait([answer], timeout=pause)
                    if done:
                        return answer.result()
                    pause *= 2
        finally:
            del self._waiting[key]

    def _with_password(self, request: Request, digest: DigestClient) -> Request:
        """The same once more: another transaction of the same Call-ID (RFC 3261 §22.2)."""
        old = request.header("Via") or ""
        changed = {
            "Via": f"{old.partition(';branch=')[0]};branch={self._ids.branch()};rport",
            "CSeq": f"{request.cseq.number + 1} OPTIONS",
        }
        kept = [
            (name, changed.get(name, value))
            for name, value in request.headers.raw()
            if name not in ("Authorization", "Proxy-Authorization")
        ]
        given = digest.credentials("OPTIONS", request.uri_text)
        return Request("OPTIONS", request.uri_text, [*kept, *given])

    def _request(self, uri: Uri, flow: Flow) -> Request:
        ip, port = self._addresses.advertised(flow.remote[0]), flow.local[1]
        host = f"[{ip}]" if ":" in ip else ip
        branch = self._ids.branch()
        headers = [
            ("Via", f"SIP/2.0/{flow.transport.upper()} {host}:{port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:doctor@{host}>;tag={self._ids.token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{secrets.token_hex(12)}@{host}"),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:doctor@{host}:{port}>"),
            ("Accept", "application/sdp"),
        ]
        return Request("OPTIONS", uri, headers)

    # --- `adapters.sip_connection.SipReceiver` ----------------------------------------------------

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """An answer, or something else that found the port."""
        if not isinstance(message, Response) or message.status < 200:
            return
        try:
            waiting = self._waiting.get((message.call_id, message.cseq.number))
        except SipError:
            return
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def bad_message(self, error: SipError, flow: Flow) -> None:
        """Not for us."""

    def flow_failed(self, flow: Flow) -> None:
        """The wait for an answer goes to its end."""
        self._lost.set()
