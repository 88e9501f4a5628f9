"""Parameters of Twilio's REST."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.carrier.twilio import fields
from hookflash.carrier.twilio.account import KINDS, Kind
from hookflash.carrier.twilio.errors import RestError
from hookflash.carrier.twilio.fields import Param, Reader, read, read_params

SID = "TK" + "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        (fields.text, "x" * 64, "x" * 64),
        (fields.boolean, "TRUE", True),
        (fields.boolean, "false", False),
        (fields.one_of("GET", "POST"), "GET", "GET"),
        (fields.integer(1, 65535), "65535", 65535),
        (fields.sid("TK"), SID, SID),
        (fields.sip_url, "sip:1.example.com:5060", "sip:1.example.com:5060"),
        (fields.web_url, "https://example.com/x", "https://example.com/x"),
        (fields.domain, "ACME.pstn.twilio.com", "acme.pstn.twilio.com"),
        (fields.domain, "acme.pstn.twilio.com", "acme.pstn.twilio.com"),
        (fields.ip_address, "192.0.2.1", "192.0.2.1"),
        (fields.user, "me@home", "me@home"),
        (fields.password, "IWasAtSignal2018", "IWasAtSignal2018"),
        (fields.number, "+15105550123", "+15105550123"),
    ],
)
def test_what_is_allowed(reader: Reader, value: str, found: object) -> None:
    assert read("X", value, reader) == found


@pytest.mark.parametrize(
    ("reader", "value", "allowed"),
    [
        (fields.text, "x" * 65, "a text of at most 64 characters in one line"),
        (fields.text, "a\nb", "a text of at most 64 characters in one line"),
        (fields.boolean, "yes", "true or false"),
        (fields.one_of("GET", "POST"), "get", "one of GET, POST"),
        (fields.integer(1, 65535), "0", "an integer from 1 to 65535"),
        (fields.integer(1, 65535), "65536", "an integer from 1 to 65535"),
        (fields.integer(1, 65535), "٣", "an integer from 1 to 65535"),
        (fields.integer(1, 65535), "9" * 5000, "an integer from 1 to 65535"),
        (fields.sid("TK"), SID.replace("TK", "PN"), "TK and 32 hexadecimal digits"),
        (fields.sid("TK"), SID[:-1], "TK and 32 hexadecimal digits"),
        (fields.sip_url, "sips:a.test", "an address such as sip:sip.example.com:5060"),
        (fields.sip_url, "tel:+15105550123", "an address such as sip:"),
        (fields.sip_url, "sip:" + "a" * 2000, "an address such as sip:"),
        (fields.web_url, "ftp://example.com", "an address such as https://example.com/"),
        (fields.domain, "acme.example.com", "letters, digits and - before .pstn.twilio.com"),
        (fields.domain, ".pstn.twilio.com", "letters, digits and - before .pstn.twilio.com"),
        (fields.ip_address, "2001:db8::1", "an IP address such as 192.0.2.1"),
        (fields.ip_address, "example.com", "an IP address such as 192.0.2.1"),
        (fields.user, "a b", "a user name of at most 32 characters"),
        (fields.password, "only-lower-case-1", "12 characters at least, with a digit"),
        (fields.password, "NoDigitsInThis", "12 characters at least, with a digit"),
        (fields.password, "Sh0rt", "12 characters at least, with a digit"),
        (fields.number, "15105550123", "a number such as"),
    ],
)
def test_what_is_refused_says_what_is_allowed(reader: Reader, value: str, allowed: str) -> None:
    with pytest.raises(RestError) as caught:
        read("X", value, reader, 21245)
    assert (caught.value.status, caught.value.code) == (400, 21245)
    assert caught.value.text.startswith(f"Invalid X: {value[:60]!r} is not allowed; allowed: ")
    assert allowed in caught.value.text
    assert len(caught.value.text) < 300


def test_no_password_is_shown() -> None:
    with pytest.raises(RestError, match="Invalid Password: hidden is not allowed") as caught:
        read("Password", "my-secret", fields.password)
    assert "my-secret" not in caught.value.text


PARAMS = (
    Param("Name", "name", fields.text, needed=True),
    Param("Mode", "mode", fields.text, default="off"),
    Param("Number", "number", fields.text, once=True),
    Param("Secret", "", fields.text),
)


def test_what_is_set() -> None:
    made = read_params(PARAMS, {"Name": "a", "Secret": "s", "Colour": "red"}, making=True, code=1)
    assert made == {"name": "a", "mode": "off", "number": None}
    later = read_params(PARAMS, {"Name": "", "Mode": "", "Number": "2"}, making=False, code=1)
    assert later == {"mode": "off"}, "an empty one is as at the beginning, where that can be"
    assert read_params(PARAMS, {}, making=False, code=1) == {}
    with pytest.raises(RestError, match="Missing required parameter Name") as caught:
        read_params(PARAMS, {"Name": ""}, making=True, code=1)
    assert caught.value.code == 20001


@given(st.sampled_from(KINDS), st.data(), st.booleans())
def test_whatever_is_sent_is_read_or_refused(kind: Kind, data: st.DataObject, making: bool) -> None:
    names = st.sampled_from([param.name for param in kind.params])
    form = data.draw(st.dictionaries(names, st.text(max_size=80)))
    with contextlib.suppress(RestError):
        read_params(kind.params, form, making=making, code=kind.code)
