"""The SIP messages of a call, into the database and out of it."""

from __future__ import annotations

import pytest

from hookflash.adapters.store.messages import kept_messages, messages_blob, messages_from
from hookflash.base.errors import StoreError
from hookflash.calls.records import KeptMessage, KeptMessages
from hookflash.sip.flow import Flow
from hookflash.sip.trace import Trace

ANYWHERE = Flow("udp", ("0.0.0.0", 5060), ("198.51.100.7", 5060))
STREAM = Flow("tls", ("192.0.2.10", 5061), ("2001:db8::1", 40000), 7)
TRACE = Trace(
    (
        (1.5, ANYWHERE, True, b"INVITE sip:a@b SIP/2.0\r\n\r\n\xff"),
        (2.5, STREAM, False, b"SIP/2.0 100 Trying\r\n\r\n"),
        (2.5, ANYWHERE, False, b""),
    ),
    3,
    "192.0.2.10",
)
SHOWN = KeptMessages(
    (
        KeptMessage(
            *(101.5, True, "udp", ("192.0.2.10", 5060), ("198.51.100.7", 5060)),
            b"INVITE sip:a@b SIP/2.0\r\n\r\n\xff",
        ),
        KeptMessage(
            *(102.5, False, "tls", ("192.0.2.10", 5061), ("2001:db8::1", 40000)),
            b"SIP/2.0 100 Trying\r\n\r\n",
        ),
        KeptMessage(102.5, False, "udp", ("192.0.2.10", 5060), ("198.51.100.7", 5060), b""),
    ),
    3,
)


def test_they_come_out_as_they_went_in_at_the_worlds_time_and_at_our_address() -> None:
    assert messages_from(messages_blob(TRACE, 100.0)) == SHOWN
    assert kept_messages(TRACE, 100.0) == SHOWN


def test_neither_the_file_nor_who_asks_meanwhile_gets_credentials() -> None:
    message = b'BYE sip:a@b SIP/2.0\r\nAuthorization: Digest response="s3cr3t"\r\n\r\n'
    trace = Trace(((1.0, ANYWHERE, False, message),))
    assert b"s3cr3t" not in messages_blob(trace, 0.0)
    assert b"s3cr3t" not in kept_messages(trace).messages[0].data


@pytest.mark.parametrize("cut", [0, 5, 20, 60, -1])
def test_what_is_cut_off_is_said_to_be_damaged(cut: int) -> None:
    with pytest.raises(StoreError, match="kept messages"):
        messages_from(messages_blob(TRACE, 0.0)[:cut])


def test_a_later_form_is_refused() -> None:
    with pytest.raises(StoreError, match="form 2"):
        messages_from(b"\x02" + messages_blob(TRACE, 0.0)[1:])
