"""`Dtls` with others' DTLS: OpenSSL's program, and aiortc's use of the library."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import cast

import pytest
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceTransport,
)
from cryptography.hazmat.primitives import serialization
from tests.support.ports import PORTS

from hookflash.adapters.dtls import Dtls, DtlsCertificate, SrtpKeys
from hookflash.adapters.srtp import SrtpSession
from hookflash.rtp.packet import RtpPacket
from hookflash.sdp.plan import CryptoKey

OURS = DtlsCertificate.make()
PACKET = RtpPacket(111, 1, 960, 9, b"sound").encode()


def session(keys: SrtpKeys) -> SrtpSession:
    return SrtpSession(CryptoKey(keys.profile, keys.local), CryptoKey(keys.profile, keys.remote))


class Pipe:
    """What an `RTCDtlsTransport` takes for its ICE transport, with a `Dtls` at the other end."""

    def __init__(self, dtls: Dtls) -> None:
        self.dtls, self.role, self.state = dtls, "controlling", "completed"
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.moved = asyncio.Event()
        self._flush()

    async def _recv(self) -> bytes:
        return await self._queue.get()

    async def _send(self, data: bytes) -> None:
        self.dtls.receive(data)
        self._flush()

    def _flush(self) -> None:
        for datagram in self.dtls.take():
            self._queue.put_nowait(datagram)
        self.moved.set()


@pytest.mark.parametrize("client", [True, False])
def test_aiortc(client: bool) -> None:
    asyncio.run(_aiortc(client))


async def _aiortc(client: bool) -> None:
    certificate = RTCCertificate.generateCertificate()
    lines = [f"{f.algorithm} {f.value}" for f in certificate.getFingerprints()]
    pipe = Pipe(Dtls(OURS, client=client, fingerprints=lines))
    other = RTCDtlsTransport(cast(RTCIceTransport, pipe), [certificate])
    other._set_role("server" if client else "client")
    digest = OURS.fingerprint.split()[1]
    await other.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", digest)]))
    assert other.state == "connected"
    while pipe.dtls.state != "connected":
        pipe.moved.clear()
        await pipe.moved.wait()
    assert pipe.dtls.srtp is not None
    ours = session(pipe.dtls.srtp)
    assert ours.unprotect(other._tx_srtp.protect(PACKET)) == PACKET
    assert other._rx_srtp.unprotect(ours.protect(PACKET) or b"") == PACKET
    await other.stop()
    assert pipe.dtls.state == "closed"


@pytest.mark.interop
@pytest.mark.parametrize(
    ("profile", "named", "length"),
    [
        ("SRTP_AEAD_AES_128_GCM", "AEAD_AES_128_GCM", 56),
        ("SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_80", 60),
    ],
)
@pytest.mark.parametrize("client", [True, False])
def test_openssl(tmp_path: Path, client: bool, profile: str, named: str, length: int) -> None:
    """The program prints the octets it would key SRTP with (RFC 5764 §4.2)."""
    asyncio.run(asyncio.wait_for(_openssl(tmp_path, client, profile, named, length), 60))


async def _openssl(path: Path, client: bool, profile: str, named: str, length: int) -> None:
    certificate = RTCCertificate.generateCertificate()
    encoding = serialization.Encoding.PEM
    (path / "cert").write_bytes(certificate._cert.public_bytes(encoding))
    form, sealed = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (path / "key").write_bytes(certificate._key.private_bytes(encoding, form, sealed))
    lines = [f"{f.algorithm} {f.value}" for f in certificate.getFingerprints()]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        theirs = ("127.0.0.1", PORTS.take())
        where = ["-connect", f"127.0.0.1:{udp.getsockname()[1]}"]
        if client:
            where = ["-accept", str(theirs[1]), "-Verify", "1"]
        program = await asyncio.create_subprocess_exec(
            "openssl", "s_server" if client else "s_client", "-dtls1_2", *where,
            "-cert", str(path / "cert"), "-key", str(path / "key"), "-use_srtp", profile,
            "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", str(length),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        output = program.stdout

        async def line() -> bytes:
            read = await output.readline()
            assert read, "the program has ended"
            return read

        if client:
            while b"ACCEPT" not in await line():
                pass
        dtls = Dtls(OURS, client=client, fingerprints=lines)
        while dtls.state != "connected":
            assert dtls.state != "failed", dtls.failure
            for datagram in dtls.take():
                udp.sendto(datagram, theirs)
            data, theirs = await loop.sock_recvfrom(udp, 65_536)
            dtls.receive(data)
        for datagram in dtls.take():
            udp.sendto(datagram, theirs)
        text = b""
        while not (found := re.search(rb"Keying material: ([0-9A-F]+)", text)):
            text += await line()
        dtls.write(b"from us\n")
        (datagram,) = dtls.take()
        udp.sendto(datagram, theirs)
        while b"from us" not in text:
            text += await line()
        program.stdin.write(b"from them\n")
        while not (read := dtls.read()):
            dtls.receive((await loop.sock_recvfrom(udp, 65_536))[0])
        assert read == [b"from them\n"]
        program.stdin.close()
        await program.communicate()
    material = bytes.fromhex(found[1].decode())
    key, salt = 16, length // 2 - 16
    first = material[:key] + material[2 * key : 2 * key + salt]
    second = material[key : 2 * key] + material[2 * key + salt :]
    assert dtls.srtp is not None
    assert dtls.srtp.profile == named
    ours = (dtls.srtp.local, dtls.srtp.remote)
    assert ours == ((first, second) if client else (second, first))
