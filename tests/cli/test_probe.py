"""OPTIONS to peers on this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from tests.support.lab import Lab, run

from hookflash.adapters.entropy import Entropy
from hookflash.adapters.sip_sockets import TlsFiles
from hookflash.base.ids import Ids
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.cli.probe import OptionsProbe
from hookflash.sip.codec import parse
from hookflash.sip.digest import Accepted, DigestServer
from hookflash.sip.flow import Transport
from hookflash.sip.message import Request, Response


@pytest.mark.parametrize("transport", ["udp", "tcp", None])
def test_an_exchange_answers(transport: Transport | None) -> None:
    async def check(lab: Lab) -> None:
        async with OptionsProbe() as probe:
            found = await probe.ask(f"127.0.0.1:{lab.sip[1]}", transport)
        assert found.response is not None
        assert found.response.status == 200
        assert "INVITE" in found.response.allow
        assert found.seconds > 0

    run(check)


def test_silence_and_a_closed_port_and_a_name_that_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hookflash.cli.probe.REPEAT", 0.01)

    async def nowhere(*_: object) -> list[object]:
        return []

    async def check() -> None:
        silent, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
        port = silent.get_extra_info("sockname")[1]
        async with OptionsProbe(wait=0.1) as probe:
            found = await probe.ask(f"127.0.0.1:{port}", "udp")
            assert found.why.startswith("no answer to OPTIONS by UDP")
            found = await probe.ask(f"127.0.0.1:{port}", "tcp")
            assert found.why.startswith("no connection by TCP: ")
            found = await probe.ask("a b", "udp")
            assert found.why.startswith("no address")
            monkeypatch.setattr(probe._resolver, "locate", nowhere)
            found = await probe.ask("carrier.example", "udp")
            assert found.why == "the name has no address (DNS)"
        silent.close()

    asyncio.run(check())


class Guarded(asyncio.DatagramProtocol):
    """Wants a user and a password, and says each time twice what it says."""

    def __init__(self, offered: str = "") -> None:
        self.seen: list[Request] = []
        self._door, self._offered = DigestServer(b"key", Ids(Entropy())), offered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = parse(data)
        assert isinstance(request, Request)
        self.seen.append(request)
        judged = self._door.check(1.0, request, "OPTIONS", "me", "right", "there")
        if isinstance(judged, Accepted):
            answer = Response.reply(request, 200)
        else:
            (challenge,) = self._door.challenge(1.0, "there")
            answer = Response.reply(request, 401)
            answer.headers.add("WWW-Authenticate", self._offered or challenge)
        self._transport.sendto(answer.encode(), address)
        self._transport.sendto(answer.encode(), address)


@pytest.mark.parametrize(
    ("user", "password", "offered", "status", "given", "asked"),
    [
        ("me", "right", "", 200, True, 2),
        ("me", "wrong", "", 401, True, 2),
        ("me", "", "", 401, False, 1),
        ("", "", "", 401, False, 1),
        ("me", "right", "Basic realm=there", 401, False, 1),
    ],
)
def test_user_and_password_are_given_where_they_are_wanted(
    user: str, password: str, offered: str, status: int, given: bool, asked: int
) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        peer, door = await loop.create_datagram_endpoint(
            lambda: Guarded(offered), local_addr=("127.0.0.1", 0)
        )
        async with OptionsProbe() as probe:
            address = f"127.0.0.1:{peer.get_extra_info('sockname')[1]}"
            found = await probe.ask(address, "udp", user, password)
        assert found.response is not None
        assert (found.response.status, found.gave_password) == (status, given)
        assert [one.cseq.number for one in door.seen] == [1, 2][:asked]
        assert len({one.call_id for one in door.seen}) == 1
        assert len({one.header("Via") for one in door.seen}) == asked
        peer.close()

    asyncio.run(check())


@asynccontextmanager
async def peer_over_tls(files: TlsFiles) -> AsyncIterator[str]:
    """Its address. It answers one OPTIONS, until who asked hangs up."""
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = parse(await reader.readuntil(b"\r\n\r\n"))
        assert isinstance(request, Request)
        writer.write(Response.reply(request, 200).encode())
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert_file, files.key_file)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(5):
        await gone.wait()
    server.close()


def test_a_certificate_counts_whose_authority_is_trusted(tmp_path: Path) -> None:
    folder = TlsFolder(tmp_path)
    folder.fill([], [])

    async def check() -> None:
        async with peer_over_tls(folder.files) as address:
            async with OptionsProbe() as probe:
                found = await probe.ask(address, "tls")
            assert found.why.startswith("no connection by TLS: certificate refused: ")
            async with OptionsProbe(tls=TlsFiles(ca_file=str(folder.authority))) as probe:
                found = await probe.ask(address, "tls")
            assert found.response is not None

    asyncio.run(check())


def test_what_is_lost_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over UDP, ever more seldom."""
    monkeypatch.setattr("hookflash.cli.probe.REPEAT", 0.001)

    async def check() -> None:
        came: list[bytes] = []

        class Deaf(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast(asyncio.DatagramTransport, transport)

            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                came.append(data)
                if len(came) == 3:
                    answer = data.replace(b"OPTIONS sip:", b"SIP/2.0 200 sip:", 1)
                    self.transport.sendto(answer, address)

        loop = asyncio.get_running_loop()
        peer, _ = await loop.create_datagram_endpoint(Deaf, local_addr=("127.0.0.1", 0))
        async with OptionsProbe(wait=1) as probe:
            found = await probe.ask(f"127.0.0.1:{peer.get_extra_info('sockname')[1]}", "udp")
        assert found.response is not None
        assert found.response.status == 200
        assert came[0] == came[1] == came[2]
        peer.close()

    asyncio.run(check())


def test_other_peoples_messages_are_passed_over() -> None:
    async def check() -> None:
        async with OptionsProbe(wait=0.5) as probe:

            class Peer(asyncio.DatagramProtocol):
                def connection_made(self, transport: asyncio.BaseTransport) -> None:
                    self.transport = cast(asyncio.DatagramTransport, transport)

                def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                    lines = data.decode().split("\r\n")
                    kept = [line for line in lines[1:] if line.startswith(("Via", "From", "To"))]
                    ids = [line for line in lines if line.startswith(("Call-ID", "CSeq"))]
                    for start, more in (
                        ("SIP/2.0 200 Wrong", ["Call-ID: other", "CSeq: 1 OPTIONS"]),
                        ("SIP/2.0 100 Trying", ids),
                        ("no SIP", []),
                        ("SIP/2.0 200 Odd", [line for line in ids if line.startswith("Call")]),
                        ("OPTIONS sip:a@b SIP/2.0", ids),
                        ("SIP/2.0 486 Busy", ids),
                        ("SIP/2.0 200 Late", ids),
                    ):
                        text = "\r\n".join([start, *kept, *more, "Content-Length: 0", "", ""])
                        self.transport.sendto(text.encode(), address)

            loop = asyncio.get_running_loop()
            peer, _ = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
            found = await probe.ask(f"127.0.0.1:{peer.get_extra_info('sockname')[1]}", "udp")
            assert found.response is not None
            assert found.response.reason == "Busy"
            peer.close()

    asyncio.run(check())
