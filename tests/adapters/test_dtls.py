"""webrtc.md §4, row *DTLS*; RFC 5764, RFC 6347, RFC 8122."""

from __future__ import annotations

import contextlib
import datetime
import random
import re
import threading

import pytest
from aiortc import RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from hookflash.adapters import dtls
from hookflash.adapters.dtls import MTU, Dtls, DtlsCertificate

OURS, THEIRS = DtlsCertificate.make(), DtlsCertificate.make()
_DTLS_1_0 = 0xFEFF
WRONG = "sha-256 " + ":".join(["00"] * 32)


def client(*fingerprints: str) -> Dtls:
    return Dtls(OURS, client=True, fingerprints=fingerprints or (THEIRS.fingerprint,))


def server(*fingerprints: str) -> Dtls:
    return Dtls(THEIRS, client=False, fingerprints=fingerprints or (OURS.fingerprint,))


def carry(source: Dtls, target: Dtls) -> int:
    datagrams = source.take()
    for datagram in datagrams:
        target.receive(datagram)
    return len(datagrams)


def exchange(one: Dtls, two: Dtls) -> None:
    while carry(one, two) + carry(two, one):
        pass


def connected() -> tuple[Dtls, Dtls]:
    one, two = client(), server()
    exchange(one, two)
    assert (one.state, two.state) == ("connected", "connected")
    return one, two


def test_two_connect_and_have_the_same_keys() -> None:
    one, two = client(), server()
    assert (one.state, two.state) == ("connecting", "new")
    assert one.srtp is None
    assert one.read() == []
    exchange(one, two)
    assert (one.state, two.state) == ("connected", "connected")
    assert one.next_timeout() is None
    assert one.srtp is not None
    assert two.srtp is not None
    assert one.srtp.profile == two.srtp.profile == "AEAD_AES_128_GCM"
    assert (one.srtp.local, one.srtp.remote) == (two.srtp.remote, two.srtp.local)
    assert len(one.srtp.local) == len(one.srtp.remote) == 28
    assert one.srtp.local != one.srtp.remote


def test_the_fingerprint_is_as_in_sdp() -> None:
    assert re.fullmatch("sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", OURS.fingerprint)


def test_our_key_is_on_p_256() -> None:
    """RFC 8827 §6.5 wants it of every endpoint."""
    _, two = connected()
    certificate = two._connection.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_application_data_keeps_its_boundaries() -> None:
    one, two = connected()
    sizes = [1, 2, 1189, 1, 1200]
    for size in sizes:
        one.write(bytes(size))
    datagrams = one.take()
    assert len(datagrams) == 5
    for datagram in datagrams:
        two.receive(datagram)
    assert [len(data) for data in two.read()] == sizes
    assert two.read() == []


def test_two_records_in_one_datagram() -> None:
    """RFC 6347 §4.1.1 lets the peer do that."""
    one, two = connected()
    one.write(b"a")
    one.write(b"b")
    two.receive(b"".join(one.take()))
    assert two.read() == [b"a", b"b"]


def test_of_one_datagram_so_many_records_are_read() -> None:
    """Sixteen kilobytes of small ones were up to 0.19 s of the loop."""
    one, two = connected()
    for number in range(300):
        one.write(bytes([number % 256]))
    two.receive(b"".join(one.take()))
    one.write(b"next")
    carry(one, two)
    assert two.read() == [*(bytes([number]) for number in range(8)), b"next"]


@pytest.mark.parametrize("wrong", ["client", "server"])
def test_another_certificate_lets_nothing_through(wrong: str) -> None:
    one = client(*[WRONG] if wrong == "client" else [])
    two = server(*[WRONG] if wrong == "server" else [])
    exchange(one, two)
    deceived, other = (one, two) if wrong == "client" else (two, one)
    assert deceived.state == "failed"
    assert deceived.failure == "the certificate is not the one of the session description"
    assert deceived.srtp is None
    assert other.state == "failed", "told by an alert"
    assert "alert" in other.failure
    other.write(b"x")
    carry(other, deceived)
    assert deceived.read() == []


def test_fingerprints_of_several_hashes() -> None:
    """RFC 8122 §5.1: the strongest known hash counts; upper and lower case are one."""
    certificate = RTCCertificate.generateCertificate()
    fingerprints = {f.algorithm: f"{f.algorithm} {f.value}" for f in certificate.getFingerprints()}
    theirs = DtlsCertificate(certificate._cert, certificate._key)

    def goes(*lines: str) -> bool:
        one = client(*lines)
        exchange(one, Dtls(theirs, client=False, fingerprints=[OURS.fingerprint]))
        return one.state == "connected"

    assert goes(WRONG, fingerprints["sha-512"])
    assert not goes(fingerprints["sha-256"], "sha-512 00:11")
    assert goes("sha-1 00:11", fingerprints["sha-384"].lower())
    assert goes(WRONG, fingerprints["sha-256"].replace("sha", "SHA"))


@pytest.mark.parametrize("lines", [[], ["sha-1 00:11"], ["sha-256"], [""]])
def test_without_a_known_fingerprint_it_has_failed(lines: list[str]) -> None:
    one = Dtls(OURS, client=True, fingerprints=lines)
    assert one.state == "failed"
    assert one.failure == "no fingerprint of a known hash"
    assert one.take() == []


def test_nothing_older_than_1_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system's OpenSSL would take."""
    monkeypatch.setattr(dtls, "_CIPHERS", b"ALL:@SECLEVEL=0")

    def states(version: int) -> list[str]:
        ours, theirs = DtlsCertificate.make(), DtlsCertificate.make()
        theirs._context.set_min_proto_version(version)
        theirs._context.set_max_proto_version(version)
        one = Dtls(theirs, client=True, fingerprints=(ours.fingerprint,))
        two = Dtls(ours, client=False, fingerprints=(theirs.fingerprint,))
        exchange(one, two)
        return [one.state, two.state]

    assert states(dtls._DTLS_1_2) == ["connected", "connected"]
    assert "connected" not in states(_DTLS_1_0)


def test_without_a_certificate_nobody_connects() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
    stranger, two = SSL.Connection(context), server()
    stranger.set_connect_state()
    for _ in range(4):
        with pytest.raises(SSL.Error):
            stranger.do_handshake()
        try:
            two.receive(stranger.bio_read(65_536))
        except SSL.WantReadError:
            break
        for datagram in two.take():
            stranger.bio_write(datagram)
    assert two.state == "failed"
    assert "certificate" in two.failure


def test_the_other_profile() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    two = stranger(context)
    assert two.state == "connected"
    assert two.srtp is not None
    assert two.srtp.profile == "AES_CM_128_HMAC_SHA1_80"
    assert len(two.srtp.local) == 30


def test_no_profile_in_common() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_32")
    two = stranger(context)
    assert two.state == "failed"
    assert two.failure == "no protection profile for SRTP in common"


def stranger(context: SSL.Context) -> Dtls:
    """Our server after the handshake of a client with these settings."""
    certificate = RTCCertificate.generateCertificate()
    context.use_certificate(certificate._cert)
    context.use_privatekey(certificate._key)
    shown = DtlsCertificate(certificate._cert, certificate._key).fingerprint
    other, two = SSL.Connection(context), server(shown)
    other.set_connect_state()
    for _ in range(4):
        with contextlib.suppress(SSL.WantReadError):
            other.do_handshake()
        try:
            two.receive(other.bio_read(65_536))
        except SSL.WantReadError:
            break
        for datagram in two.take():
            other.bio_write(datagram)
    return two


def test_close_notify() -> None:
    one, two = connected()
    one.close()
    assert one.state == "closed"
    carry(one, two)
    assert (two.state, two.failure) == ("closed", "")
    two.write(b"x")
    one.receive(b"x")
    carry(two, one)
    assert one.read() == []


def test_closed_before_it_began() -> None:
    two = server()
    two.close()
    one = client()
    carry(one, two)
    assert two.state == "closed"
    assert two.take() == []


def test_a_large_flight_leaves_in_datagrams_of_whole_records() -> None:
    """A certificate of more than the MTU is cut into fragments; the BIO merges what was written."""
    big = large_certificate()
    two = Dtls(big, client=False, fingerprints=[OURS.fingerprint])
    one = client(big.fingerprint)
    carry(one, two)
    flight = two.take()
    assert len(flight) >= 3
    for datagram in flight:
        assert len(datagram) <= MTU
        at = 0
        while at < len(datagram):
            assert datagram[at] == 22
            at += 13 + int.from_bytes(datagram[at + 11 : at + 13])
        assert at == len(datagram)
    random.Random(2).shuffle(flight)
    for datagram in flight:
        one.receive(datagram)
    exchange(one, two)
    assert (one.state, two.state) == ("connected", "connected")


def large_certificate() -> DtlsCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "large")])
    now, day = datetime.datetime.now(tz=datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.DNSName(f"name-{i}.example") for i in range(150)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(7).add_extension(names, False)
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    return DtlsCertificate(builder.sign(key, hashes.SHA256()), key)


@pytest.mark.parametrize("seed", range(3))
def test_lost_shuffled_and_doubled_datagrams(seed: int) -> None:
    """Flights are sent again by OpenSSL's timer, by the real clock: so it is waited for."""
    chance = random.Random(seed)
    one, two = client(), server()

    def some(datagrams: list[bytes]) -> list[bytes]:
        kept = [d for d in datagrams if chance.random() >= 0.3]
        kept += [d for d in kept if chance.random() < 0.3]
        chance.shuffle(kept)
        return kept

    while not one.state == two.state == "connected":
        for source, target in ((one, two), (two, one)):
            for datagram in some(source.take()):
                target.receive(datagram)
        due = [left for side in (one, two) if (left := side.next_timeout()) is not None]
        if due:
            threading.Event().wait(min(due))
        for side in (one, two):
            side.handle_timeout()
    one.write(b"x")
    exchange(one, two)
    assert two.read() == [b"x"]


def test_a_timeout_that_is_not_due_does_nothing() -> None:
    one = client()
    assert len(one.take()) == 1
    left = one.next_timeout()
    assert left is not None
    assert 0 < left <= 1
    one.handle_timeout()
    assert one.take() == []


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_dropped_and_the_peer_connects(seed: int) -> None:
    """Random datagrams, and those of the handshake cut short, replayed and out of order."""
    chance = random.Random(seed)
    one, two = client(), server()
    sent: dict[Dtls, list[bytes]] = {one: [], two: []}

    def garbage(source: Dtls) -> bytes:
        seen = sent[source]
        kind = chance.randrange(4)
        if kind == 0 or not seen:
            return chance.randbytes(chance.randrange(1500))
        datagram = chance.choice(seen)
        if kind == 1:
            return datagram[: chance.randrange(len(datagram))]
        if kind == 2:
            return bytes([chance.randrange(20, 64)]) + chance.randbytes(chance.randrange(100))
        return datagram

    for _ in range(8):
        for source, target in ((one, two), (two, one)):
            datagrams = source.take()
            sent[source] += datagrams
            chance.shuffle(datagrams)
            for datagram in datagrams:
                for _ in range(5):
                    target.receive(garbage(source))
                target.receive(datagram)
    for source, target in ((one, two), (two, one)):
        for _ in range(200):
            target.receive(garbage(source))
        source.write(b"true")
        carry(source, target)
        assert target.read() == [b"true"], (target.state, target.failure)


@pytest.mark.parametrize("seed", range(100))
def test_changed_datagrams_never_raise(seed: int) -> None:
    """Before the keys are agreed OpenSSL may give up on a changed message; after, it must not."""
    chance = random.Random(seed)

    def changed(datagram: bytes) -> bytes:
        octets = bytearray(datagram)
        for _ in range(chance.randrange(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        return bytes(octets)

    one, two = client(), server()
    for _ in range(6):
        for source, target in ((one, two), (two, one)):
            for datagram in source.take():
                target.receive(changed(datagram))
                target.receive(datagram)
            source.handle_timeout()
    for side in (one, two):
        assert bool(side.failure) == (side.state == "failed")
    one, two = connected()
    for index in range(50):
        one.write(bytes([index] * 20))
        (datagram,) = one.take()
        two.receive(changed(datagram))
        two.receive(datagram)
    assert all(len(set(data)) == 1 for data in two.read())
    assert two.state == "connected"


@pytest.mark.parametrize("seed", range(20))
def test_a_false_client_hello_leaves_the_server_for_the_true_one(seed: int) -> None:
    chance = random.Random(seed)
    one, two = client(), server()
    (hello,) = one.take()
    for _ in range(20):
        at = chance.randrange(26, len(hello))
        two.receive(hello[:at] + chance.randbytes(len(hello) - at))
        if two.take() and two.state == "connecting":
            return  # it was one that can be answered: the handshake is that client's
        assert two.state in ("new", "connecting")
    two.receive(hello)
    if not two.take():
        two.receive(hello)
    assert two.state == "connecting"


def test_only_a_client_hello_begins() -> None:
    """Here a datagram that came late, of a connection before this one."""
    earlier, _ = connected()
    earlier.write(b"x")
    earlier.close()
    two = server()
    for datagram in earlier.take():
        two.receive(datagram)
        assert (two.state, two.take()) == ("new", [])
    exchange(client(), two)
    assert two.state == "connected"


class Refusing:
    """A connection of which OpenSSL can do no more: what no peer can order from it."""

    def __init__(self, real: SSL.Connection, error: SSL.Error) -> None:
        self.bio_read = real.bio_read
        self._error = error

    def refuse(self, *_: object) -> None:
        raise self._error

    send = shutdown = DTLSv1_handle_timeout = refuse


QUEUE = SSL.Error([("SSL routines", "", "read timeout expired")])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (QUEUE, "read timeout expired"),
        (SSL.Error([("SSL routines", "", "")]), "refused"),
        (SSL.SysCallError(-1, "Unexpected EOF"), "(-1, 'Unexpected EOF')"),
        (SSL.Error(), "refused"),
    ],
)
def test_what_openssl_refuses_to_send_fails_with_its_words(error: SSL.Error, words: str) -> None:
    one, _ = connected()
    one._connection = Refusing(one._connection, error)  # type: ignore[assignment]
    one.write(b"x")
    assert (one.state, one.failure, one.srtp) == ("failed", words, None)
    assert one.take() == []


def test_a_flight_that_was_sent_too_often_fails() -> None:
    one = client()
    one._connection = Refusing(one._connection, QUEUE)  # type: ignore[assignment]
    one.handle_timeout()
    assert (one.state, one.failure) == ("failed", "read timeout expired")
    assert one.next_timeout() is None


def test_it_is_closed_also_where_no_close_notify_can_be_sent() -> None:
    one, _ = connected()
    one._connection = Refusing(one._connection, QUEUE)  # type: ignore[assignment]
    one.close()
    assert (one.state, one.take()) == ("closed", [])


def test_the_certificate_is_compared_though_openssl_let_it_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dtls, "_judge", lambda *_: True)
    lenient = DtlsCertificate.make()
    one = Dtls(lenient, client=True, fingerprints=[WRONG])
    exchange(one, server(lenient.fingerprint))
    assert one.state == "failed"
    assert one.failure == "the certificate is not the one of the session description"
    assert one.srtp is None


def test_a_datagram_longer_than_any_record_is_dropped() -> None:
    one, two = connected()
    for _ in range(15):
        one.write(bytes(1200))
    two.receive(b"".join(one.take()))
    assert two.read() == []
    one.write(b"next")
    carry(one, two)
    assert two.read() == [b"next"]
