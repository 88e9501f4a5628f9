"""DTLS for one peer connection (RFC 6347, RFC 5764), by OpenSSL over memory BIOs.

No I/O and no task in here: the owner gives each datagram to `receive` and each expired timeout to
`handle_timeout`, and sends what `take` returns after either. How long a handshake may take is the
owner's to say (webrtc.md §4: 10 s): OpenSSL alone goes on for minutes. Its timer reads the real
clock.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

MTU: Final = 1200
"""Octets of a datagram of a handshake. What `write` is given is one record and one datagram,
whatever its size: SCTP has cut its packets already."""

_MOST: Final = 16_384
"""Octets of the largest datagram that is looked at. OpenSSL reads one of at least this size in one
go, so that no datagram is cut into two."""

_RECORDS: Final = 8
"""Records of application data that are taken of one datagram. Who sends SCTP mostly writes one in
each (RFC 8261: a record is a packet); by TCP sixteen kilobytes hold four hundred."""

_DTLS_1_2: Final = 0xFEFD
"""The newest version: its records have their length in the clear, which `_datagrams` needs."""

_HEADER: Final = 13
_LENGTH_AT: Final = 11
_HANDSHAKE, _FIRST, _LAST = 22, 20, 23
"""Types of records (RFC 5246 §6.2.1)."""

_HASHES: Final = {"sha-512": "sha512", "sha-384": "sha384", "sha-256": "sha256"}
"""Names in SDP (RFC 8122 §5) and in OpenSSL, the strongest first."""

_CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    b":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    b":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
"""RFC 8827 §6.5 wants the first of every endpoint."""

_PROFILES: Final = {
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}
"""Protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2), ours by preference: the suite's name as in
`srtp.SUITES`, octets of the key, octets of the salt."""


_MISMATCH: Final = "the certificate is not the one of the session description"


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Keys of one peer connection's media; `local` protects what we send, `remote` what the peer
    sends, each key and salt in one (as `sdp.plan.CryptoKey.key`)."""

    profile: str
    local: bytes
    remote: bytes


class DtlsCertificate:
    """Our certificate and its key, with the settings of every connection under it."""

    __slots__ = ("_context", "fingerprint")

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        self.fingerprint = f"sha-256 {digest}"
        """As the value of `a=fingerprint` (RFC 8122 §5)."""
        self._context = _context(certificate, key)

    @classmethod
    def make(cls) -> DtlsCertificate:
        """A new one, ECDSA on P-256, signed by itself. It names nobody: peers know it by its
        fingerprint only."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
        now = datetime.datetime.now(tz=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def connection(self) -> SSL.Connection:
        """A connection of no role yet."""
        connection = SSL.Connection(self._context)
        connection.set_ciphertext_mtu(MTU)
        return connection


class Dtls:
    """One peer connection's DTLS.

    `state` is "new" (a server before its first datagram), "connecting", "connected", "closed" (by
    close_notify of either side) or "failed"; `failure` then says why, in words for a log. The
    peer's certificate is compared before "connected"; until then there is no `srtp` and `read` is
    empty. Nothing that comes from the network raises.

    A client starts when it is made: make it once there is a path to send on. A server sends no
    cookie (RFC 6347 §4.2.1): ICE has proved the address.
    """

    __slots__ = (
        "_allowed", "_answered", "_certificate", "_client", "_connection", "_in", "_out", "failure",
        "srtp", "state",
    )  # fmt: skip

    def __init__(
        self, certificate: DtlsCertificate, *, client: bool, fingerprints: Sequence[str]
    ) -> None:
        """`fingerprints`: the values of the peer's `a=fingerprint` lines. Of several hashes the
        strongest that we know counts, and any certificate named under it (RFC 8122 §5.1). With
        none that we know the connection has failed from the start."""
        self._certificate, self._client = certificate, client
        self._allowed = _strongest(fingerprints)
        self._answered = False
        self._in: list[bytes] = []
        self._out: list[bytes] = []
        self.state = "new"
        self.failure = ""
        self.srtp: SrtpKeys | None = None
        self._connection = self._fresh()
        if not self._allowed:
            self._fail("no fingerprint of a known hash")
        elif client:
            self.state = "connecting"
            self._proceed()

    def receive(self, datagram: bytes) -> None:
        """Take one datagram of the peer. What is no DTLS or not of this connection is dropped."""
        if self.state in ("closed", "failed") or not _well_formed(datagram):
            return
        if self.state == "new":
            if not _begins(datagram):
                return
            self.state = "connecting"
        self._connection.bio_write(datagram)
        self._proceed()

    def take(self) -> list[bytes]:
        """The datagrams to send now, in order, each once."""
        taken, self._out = self._out, []
        return taken

    def read(self) -> list[bytes]:
        """The application data that has come, one entry a record, each once."""
        taken, self._in = self._in, []
        return taken

    def write(self, data: bytes) -> None:
        """Send application data, one record in one datagram. Dropped unless connected."""
        if self.state != "connected" or not 0 < len(data) <= _MOST:
            return
        try:
            self._connection.send(data)
        except SSL.Error as error:
            self._fail(_words(error))
        self._collect()

    def next_timeout(self) -> float | None:
        """Seconds from now until `handle_timeout` is due; None for never."""
        if self.state != "connecting":
            return None
        left = self._connection.DTLSv1_get_timeout()
        return None if left is None else float(left)

    def handle_timeout(self) -> None:
        """Send the last flight again if it is time (RFC 6347 §4.2.4); else do nothing."""
        if self.state != "connecting":
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(_words(error))
        self._collect()

    def close(self) -> None:
        """End it; `take` then has a close_notify if the peer should know."""
        if self.state == "connected":
            self._shut_down()
        if self.state != "failed":
            self.state = "closed"

    def _fresh(self) -> SSL.Connection:
        connection = self._certificate.connection()
        connection.set_app_data(self._allowed)
        (connection.set_connect_state if self._client else connection.set_accept_state)()
        return connection

    def _proceed(self) -> None:
        """Let OpenSSL work through what is in its BIO, to the last record: what it has not read
        now comes with the next datagram."""
        before = len(self._in)
        try:
            if self.state == "connecting":
                self._connection.do_handshake()
                self._connected()
            while self.state == "connected":
                data = self._connection.recv(_MOST)
                if len(self._in) < before + _RECORDS:
                    self._in.append(data)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._shut_down()
            self.state = "closed"
        except SSL.Error as error:
            if not self._client and not self._answered:
                # Nobody has had an answer yet, so the true ClientHello can still come.
                self._connection, self.state = self._fresh(), "new"
            else:
                self._fail(_words(error))
        self._collect()
        self._answered = self._answered or bool(self._out)

    def _connected(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=False)
        profile = _PROFILES.get(self._connection.get_selected_srtp_profile())
        # OpenSSL has asked `_judge` already; that it did is not taken on trust.
        if certificate is None or not _matches(certificate, self._allowed):
            self._fail(_MISMATCH)
        elif profile is None:
            self._fail("no protection profile for SRTP in common")
            self._shut_down()
        else:
            self.srtp = self._keys(*profile)
            self.state = "connected"

    def _keys(self, name: str, key: int, salt: int) -> SrtpKeys:
        """RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's."""
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        of_client = material[:key] + material[2 * key : 2 * key + salt]
        of_server = material[key : 2 * key] + material[2 * key + salt :]
        if self._client:
            return SrtpKeys(name, of_client, of_server)
        return SrtpKeys(name, of_server, of_client)

    def _shut_down(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            return
        finally:
            self._collect()

    def _fail(self, failure: str) -> None:
        self.state, self.failure, self.srtp = "failed", failure, None
        self._in.clear()

    def _collect(self) -> None:
        written = b""
        try:
            while True:
                written += self._connection.bio_read(65_536)
        except SSL.Error:
            self._out += _datagrams(written)


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    # Without tickets and sessions no handshake is resumed, so each shows the peer's certificate.
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(_PROFILES))
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _judge)
    return context


def _judge(
    connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _verified: int
) -> bool:
    """OpenSSL's question about each certificate; False ends the handshake with an alert. Who signed
    it does not matter (RFC 8122 §6.2)."""
    return depth > 0 or _matches(certificate, connection.get_app_data())


def _strongest(fingerprints: Sequence[str]) -> frozenset[tuple[str, str]]:
    """(name in OpenSSL, digest in capitals) of those with the strongest known hash."""
    read = [line.split() for line in fingerprints]
    named = [(words[0].lower(), words[1].upper()) for words in read if len(words) == 2]
    for name, openssl in _HASHES.items():
        found = frozenset((openssl, digest) for other, digest in named if other == name)
        if found:
            return found
    return frozenset()


def _matches(certificate: crypto.X509, allowed: frozenset[tuple[str, str]]) -> bool:
    return any(certificate.digest(name).decode() == digest for name, digest in allowed)


def _well_formed(datagram: bytes) -> bool:
    """Whether it is whole records of DTLS 1.x and nothing else (RFC 6347 §4.1)."""
    at, end = 0, len(datagram)
    if end > _MOST:
        return False
    while at + _HEADER <= end:
        if not _FIRST <= datagram[at] <= _LAST or datagram[at + 1] != 0xFE:
            return False
        at += _HEADER + int.from_bytes(datagram[at + _LENGTH_AT : at + _HEADER])
    return at == end > 0


def _begins(datagram: bytes) -> bool:
    """Whether a client's handshake can begin with it: with (a fragment of) a ClientHello. OpenSSL
    gives up for good on anything else, which somebody's late datagram of another connection is."""
    return datagram[0] == _HANDSHAKE and datagram[_HEADER : _HEADER + 1] == b"\1"


def _datagrams(written: bytes) -> list[bytes]:
    """What OpenSSL has written, cut between records into datagrams of at most `MTU` octets: the BIO
    keeps octets, not what was one write."""
    cut, start, at = [], 0, 0
    while at < len(written):
        after = at + _HEADER + int.from_bytes(written[at + _LENGTH_AT : at + _HEADER])
        if after - start > MTU and at > start:
            cut.append(written[start:at])
            start = at
        at = after
    if start < at:
        cut.append(written[start:])
    return cut


def _words(error: SSL.Error) -> str:
    """The reason out of OpenSSL's error queue: the first entry is the cause."""
    queue = error.args[0] if error.args else None
    if isinstance(queue, list) and queue:
        reason = str(queue[0][-1])
        return _MISMATCH if reason == "certificate verify failed" else reason or "refused"
    return str(error) or "refused"
