"""DTLS of a peer connection, by OpenSSL with memory in place of sockets (RFC 6347, RFC 5764).

The certificates are self-signed; what counts is that the peer's is the one whose fingerprint its
session description has (RFC 8122). Nothing that was encrypted is handed on before that is known.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from ..base.light import light_dataclass

State = Literal["connecting", "connected", "closed", "failed"]

MTU: Final = 1200
_LARGEST: Final = 65536
_LABEL: Final = b"EXTRACTOR-dtls_srtp"
_KEY_LENGTHS: Final[dict[bytes, tuple[str, int, int]]] = {
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}
"""OpenSSL's names of the profiles that we take, best first: ours, octets of key and of salt."""
_HASHES: Final = frozenset(("sha-256", "sha-384", "sha-512"))


class DtlsCertificate:
    """Ours, with its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key
        digest = certificate.fingerprint(hashes.SHA256())
        self.fingerprint = f"sha-256 {_colons(digest)}"
        """As it stands in a session description."""

    @classmethod
    def make(cls) -> DtlsCertificate:
        """ECDSA on P-256, good for a month: one for each start of the process."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hookflash")])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=365),
        )
        return cls(builder.sign(key, hashes.SHA256()), key)


@light_dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What both sides encrypt sound with (RFC 5764 §4.2): key and salt in one."""

    profile: str
    local: bytes
    remote: bytes


class Dtls:
    """One association. Give it what comes, take what is to be sent; nothing here raises for what a
    peer sends. How long a handshake may take is the owner's to say."""

    def __init__(
        self, certificate: DtlsCertificate, *, client: bool, fingerprints: Sequence[str]
    ) -> None:
        """`client`: we speak first; `fingerprints`: those of the peer's description."""
        self._fingerprints = [_split(one) for one in fingerprints]
        self.state: State = "connecting"
        self.failure = ""
        """Why it failed."""
        self._client = client
        self._srtp: SrtpKeys | None = None
        self._incoming: list[bytes] = []
        self._connection = SSL.Connection(_context(certificate))
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._connection.set_ciphertext_mtu(MTU)

    def start(self) -> None:
        """Speak first, if that is for us."""
        self._advance()

    def receive(self, datagram: bytes) -> None:
        """One datagram of the peer's."""
        if self.state in ("closed", "failed"):
            return
        try:
            self._connection.bio_write(datagram)
        except SSL.Error:
            return
        self._advance()

    def take(self) -> list[bytes]:
        """Datagrams to be sent, in order."""
        data = b""
        with contextlib.suppress(SSL.Error):
            while True:
                data += self._connection.bio_read(_LARGEST)
        return _datagrams(data)

    def read(self) -> list[bytes]:
        """What the peer has sent through it, since the last time."""
        incoming, self._incoming = self._incoming, []
        return incoming

    def write(self, data: bytes) -> None:
        """Send that; nothing before it is connected, or after its end."""
        if self.state != "connected":
            return
        try:
            self._connection.send(data)
        except SSL.Error as error:
            self._fail(f"DTLS: {_why(error)}")

    @property
    def srtp(self) -> SrtpKeys:
        """After it is connected."""
        assert self._srtp is not None
        return self._srtp

    def next_timeout(self) -> float | None:
        """Seconds until `handle_timeout` is due: something was not answered."""
        if self.state != "connecting":
            return None
        wait = self._connection.DTLSv1_get_timeout()
        return float(wait) if wait is not None else None

    def handle_timeout(self) -> None:
        """Say it again."""
        if self.state == "connecting":
            try:
                self._connection.DTLSv1_handle_timeout()
            except SSL.Error as error:
                self._fail(f"DTLS: {_why(error)}")

    def close(self) -> None:
        """Say goodbye."""
        if self.state == "connected":
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()
        if self.state not in ("closed", "failed"):
            self.state = "closed"

    def _advance(self) -> None:
        if self.state == "connecting":
            try:
                self._connection.do_handshake()
            except SSL.WantReadError:
                return
            except SSL.Error as error:
                self._fail(f"DTLS: {_why(error)}")
                return
            self._handshake_done()
        while self.state == "connected":
            try:
                self._incoming.append(self._connection.recv(_LARGEST))
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                self.state = "closed"
            except SSL.Error as error:
                self._fail(f"DTLS: {_why(error)}")

    def _handshake_done(self) -> None:
        found = self._connection.get_peer_certificate(as_cryptography=True)
        if found is None or not self._is_described(found):
            self._fail("DTLS: the certificate is not the one of the session description")
            return
        profile = self._connection.get_selected_srtp_profile()
        if profile not in _KEY_LENGTHS:
            self._fail("DTLS: no SRTP profile in common")
            return
        name, key, salt = _KEY_LENGTHS[profile]
        secret = self._connection.export_keying_material(_LABEL, 2 * (key + salt))
        keys = [secret[:key], secret[key : 2 * key]]
        salts = [secret[2 * key : 2 * key + salt], secret[2 * key + salt :]]
        ours, theirs = (0, 1) if self._client else (1, 0)
        self._srtp = SrtpKeys(name, keys[ours] + salts[ours], keys[theirs] + salts[theirs])
        self.state = "connected"

    def _is_described(self, certificate: x509.Certificate) -> bool:
        from cryptography.hazmat.primitives.serialization import Encoding

        octets = certificate.public_bytes(Encoding.DER)
        return any(
            name in _HASHES
            and _colons(hashlib.new(name.replace("-", ""), octets).digest()) == digits
            for name, digits in self._fingerprints
        )

    def _fail(self, why: str) -> None:
        self.state = "failed"
        self.failure = why


def _context(certificate: DtlsCertificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.key)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
    context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_tlsext_use_srtp(b":".join(_KEY_LENGTHS))
    return context


def _datagrams(data: bytes) -> list[bytes]:
    """Records as datagrams of at most `MTU`: the memory in place of a socket keeps no bounds."""
    found: list[bytes] = []
    current = b""
    at = 0
    while at + 13 <= len(data):
        size = 13 + int.from_bytes(data[at + 11 : at + 13], "big")
        record = data[at : at + size]
        if current and len(current) + len(record) > MTU:
            found.append(current)
            current = b""
        current += record
        at += size
    if current:
        found.append(current)
    return found


def _split(fingerprint: str) -> tuple[str, str]:
    name, _, digits = fingerprint.partition(" ")
    return name.lower(), digits.strip().upper()


def _colons(digest: bytes) -> str:
    return digest.hex(":").upper()


def _why(error: SSL.Error) -> str:
    """OpenSSL's reason in words."""
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(reasons[-1][-1]) if reasons else type(error).__name__
