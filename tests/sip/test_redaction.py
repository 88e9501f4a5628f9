"""No credentials are kept, however they are written; all else stays where it was."""

from __future__ import annotations

from time import process_time

import pytest

from hookflash.sip.redaction import all_redacted, may_hold_credentials, redacted

SECRET = b"s3cr3t-9f8e"
PLAIN = (
    b"INVITE sip:+15550100@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9\r\n"
    b"From: <sip:caller@198.51.100.7:5060>;tag=a\r\nTo: <sip:+15550100@192.0.2.10>\r\n"
    b"Call-ID: 1@h\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@198.51.100.7:5060;transport=udp>\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)


def with_header(line: bytes) -> bytes:
    return PLAIN.replace(b"Call-ID", line + b"\r\nCall-ID")


def with_body(body: bytes, kind: bytes = b"application/sdp", more: bytes = b"") -> bytes:
    head = PLAIN.partition(b"Content-Type")[0]
    return head + b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + body


@pytest.mark.parametrize(
    "message",
    [
        with_header(b'Authorization: Digest username="u", realm="r", response="' + SECRET + b'"'),
        with_header(b'PROXY-AUTHORIZATION : Digest response="' + SECRET + b'",realm="r"'),
        with_header(b"authorization:Digest realm=r,\r\n response=" + SECRET),
        with_header(b"Authorization: Basic " + SECRET),
        with_header(b"Authorization:\r\n\tBasic\r\n " + SECRET),
        with_header(b'Authentication-Info: rspauth="' + SECRET + b'"'),
        with_header(b"X-Auth-Token: " + SECRET),
        with_header(b"X-API-Key: " + SECRET),
        with_header(b"P-Password: " + SECRET),
        with_header(b"Refer-To: <sip:a@b?Proxy-Authorization=" + SECRET + b"&X=1>"),
        with_header(b"Contact: <sip:me:" + SECRET + b"@198.51.100.7>"),
        with_header(b"Contact: <SIPS:me:" + SECRET + b":x@198.51.100.7>"),
        PLAIN.replace(b"sip:+15550100@", b"sip:me:" + SECRET + b"@", 1),
        with_body(b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + SECRET + b"|2^20|1:4\r\n"),
        with_body(b"A=crypto:" + SECRET + b"\r\n"),
        with_body(b"a=key-mgmt:mikey " + SECRET),
        with_body(b"v=0\nk=clear:" + SECRET),
        with_body(b"a=ice-pwd:" + SECRET),
        with_body(b"Signal=" + SECRET + b"\r\nDuration=160", b"application/dtmf-relay"),
        with_body(b"signal: " + SECRET, b"application/dtmf-relay"),
        with_body(SECRET, b"application/dtmf"),
        with_body(
            b"p=Digit-Collection\r\nd=" + SECRET, b"application/vnd.nortelnetworks.digits"
        ).replace(b"INVITE", b"INFO"),
        with_body(SECRET, more=b"Content-Encoding: gzip\r\n"),
        with_body(SECRET, more=b"e:deflate\r\n"),
        with_body(b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + SECRET, b"multipart/mixed"),
    ],
)
def test_what_is_secret_is_overwritten(message: bytes) -> None:
    assert SECRET in message
    clean = redacted(message)
    assert SECRET not in clean
    assert len(clean) == len(message)
    assert clean.count(b"\r\n") == message.count(b"\r\n")
    assert all_redacted([PLAIN, message]) == [PLAIN, clean]
    bare = message.replace(b"\r\n", b"\n")
    assert all_redacted([PLAIN, bare]) == [PLAIN, redacted(bare)]


@pytest.mark.parametrize(
    "message",
    [
        PLAIN,
        with_header(b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5'),
        with_header(b'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'),
        with_header(b"Refer-To: <tel:+15105550123>"),
        with_header(b"Accept-Encoding: identity"),
        with_body(
            b"v=0\r\na=fingerprint:sha-256 AB:CD\r\n", more=b"Content-Encoding:  identity\r\n"
        ),
        with_body(b"SIP/2.0 603 Decline\r\n", b"message/sipfrag"),
    ],
)
def test_what_is_no_secret_stays(message: bytes) -> None:
    assert redacted(message) is message or redacted(message) == message


def test_most_messages_are_seen_through_at_a_glance() -> None:
    assert not may_hold_credentials(PLAIN)


def test_whose_password_was_given_is_still_told() -> None:
    line = b'Authorization: Digest username="bob", realm="sip.example.com", response="' + SECRET
    clean = redacted(with_header(line + b'"'))
    assert b'Authorization: Digest xxxxxxxxxxxxxxx realm="sip.example.com"x' in clean
    assert b"bob" not in clean


def test_the_rest_of_a_description_stays() -> None:
    body = (
        b"v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^31\r\n"
    )
    clean = redacted(with_body(body))
    assert clean.endswith(
        b"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxx\r\n"
    )


@pytest.mark.parametrize(
    "evil",
    [
        b"sip:" * 16_000,
        b"sip:a:" * 10_000,
        b"token" * 12_000,
        b"Authorization:" * 4_000,
        b"a=crypto:" + b" " * 60_000,
        b"\nsignal" * 8_000,
        b"e:" + b" " * 60_000,
    ],
)
def test_a_message_that_is_made_to_take_long_does_not(evil: bytes) -> None:
    """Of the processor's time: another process may have it meanwhile."""
    message = with_body(b"authorization secret\r\n" + evil)
    began = process_time()
    redacted(message)
    assert process_time() - began < 0.5
