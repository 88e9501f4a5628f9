"""OPTIONS to peers on this machine."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from tests.support.lab import Lab, run

from hookflash.cli.probe import OptionsProbe
from hookflash.sip.flow import Transport


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
        async with OptionsProbe(wait=5) as probe:
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
