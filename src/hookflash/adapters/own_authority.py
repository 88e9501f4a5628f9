"""A certificate authority of our own for TLS on one machine: made, used and forgotten (RFC 5280).

What it signs is for somebody to try TLS with, where nobody else's certificate can be had.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..base.hosts import ip_literal
from ..base.light import light_dataclass

DAYS: Final = 365
"""For which a certificate holds."""
_KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@light_dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


class OwnAuthority:
    """It lives as long as this object: its key is written nowhere."""

    def __init__(self, name: str) -> None:
        """`name`: its common name, for people."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(self._name, self._name, self._key.public_key(), DAYS)
        self._certificate = (
            builder.add_extension(usage, critical=True)
            .add_extension(_KEY_USAGE, critical=True)
            .add_extension(_own_identifier(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = _pem(self._certificate)
        """Its own certificate in PEM: what others are to trust."""

    def issue(self, name: str, hosts: Sequence[str]) -> Issued:
        """A certificate for these host names and IP addresses (RFC 5922 §7.1)."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        alternatives = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        certificate = (
            _builder(_named(name), self._name, key.public_key(), DAYS)
            .add_extension(alternatives, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(_own_identifier(key), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        written = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Issued(_pem(certificate), written)


def holds(authority: bytes, certificate: bytes, hosts: Sequence[str], *, days: float) -> bool:
    """Whether a certificate (PEM) is this authority's, for all of these hosts, and good for so many
    days more. Raises ValueError for what is no PEM."""
    issuer = x509.load_pem_x509_certificate(authority)
    found = x509.load_pem_x509_certificate(certificate)
    try:
        found.verify_directly_issued_by(issuer)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001  # of whatever sort: it is not ours
        return False
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left > datetime.timedelta(days=days) and all(
        _alternative(host) in list(names) for host in hosts
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _own_identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _alternative(host: str) -> x509.GeneralName:
    address = ip_literal(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
