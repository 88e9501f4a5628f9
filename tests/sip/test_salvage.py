"""What sense is made of addresses that the grammar refuses."""

from __future__ import annotations

import contextlib
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import SipError
from hookflash.sip.message import Request, Response
from hookflash.sip.salvage import MOST, read_address, read_addresses

READ = [
    ('"Sami\\" <sip:+1@h>;tag=f1', "sip:+1@h", "f1"),
    ('""unknown"" <sip:+1@h>;tag=f1', "sip:+1@h", "f1"),
    ("Doe, John <sip:+1@h>;tag=f1", "sip:+1@h", "f1"),
    ('"Joe <sip:+1@h>;tag=f1', "sip:+1@h", "f1"),
    ("a;b <sip:+1@h> ; tag = f1", "sip:+1@h", "f1"),
    ('<sip:+1@h>;x="open;tag=f1', "sip:+1@h", "f1"),
    ("Joe < sip:+1@h >;tag=f1", "sip:+1@h", "f1"),
    ("Joe\\ <tel:+1>", "tel:+1", None),
    ("<SIPS:a@h> and more", "sips:a@h", None),
    ('"Anna" <sip:a@h>;tag=1', "sip:a@h", "1"),
    ("<sip:John Doe@h:5080>;tag=1", "sip:john%20doe@h:5080", "1"),
    ("< sip: 100\t@h>;tag=1", "sip:100@h", "1"),
    ('"a" <sip:a@b@h;transport=tcp>', "sip:a%40b@h;transport=tcp", None),
    ("<sip:100@h:>;tag=1", "sip:100@h", "1"),
    ("<sip:100@[2001:db8::1]:;transport=udp>", "sip:100@[2001:db8::1];transport=udp", None),
]


@pytest.mark.parametrize(("text", "uri", "tag"), READ)
def test_address_and_tag_count(text: str, uri: str, tag: str | None) -> None:
    address = read_address(text)
    assert (str(address.uri).lower(), address.tag) == (uri.lower(), tag)


def test_a_contact_with_a_user_as_it_was_typed_in() -> None:
    for start in (Request("INVITE", "sip:a@b"), Response(200)):
        start.headers.add("Contact", "<sip:John Doe@192.0.2.1:5080>;expires=60")
        assert [str(contact.uri) for contact in start.contacts] == ["sip:John%20Doe@192.0.2.1:5080"]


@pytest.mark.parametrize("text", ["", '"Joe', "Joe <sip:", "<sip:a b>", "sip:a@b?x=y", "a <<sip:>"])
def test_nothing_can_be_made_of_it(text: str) -> None:
    with pytest.raises(SipError):
        read_address(text)


def test_a_contact_with_brackets_in_a_parameter() -> None:
    """As IMS and VoLTE peers write +sip.instance (RFC 3261 §20.10: it belongs to the header)."""
    text = 'sip:peer@h:5070;+sip.instance="<urn:gsma:imei:35-0>";+g.3gpp="urn%3A";audio'
    for name in ("Contact", "From", "To"):
        message = Request("INVITE", "sip:a@b", [(name, text)])
        view = {"Contact": message.contact} if name == "Contact" else {}
        address = view.get(name) or (message.from_ if name == "From" else message.to)
        assert (str(address.uri), address.param("+sip.instance")) == (
            "sip:peer@h:5070",
            "<urn:gsma:imei:35-0>",
        )


@pytest.mark.parametrize(
    ("text", "uri", "tag"),
    [
        ("<sip:@192.0.2.1>;tag=1", "sip:192.0.2.1", "1"),
        (
            '"Anonymous" <SIP:@192.0.2.1:5070;user=phone>;tag=1',
            "sip:192.0.2.1:5070;user=phone",
            "1",
        ),
        ("sip:@h;tag=1", "sip:h", "1"),
        ('"Sami\\" <sips::secret@h>;tag=1', "sips:h", "1"),
    ],
)
def test_a_uri_with_an_empty_user_has_none(text: str, uri: str, tag: str) -> None:
    """As some write an anonymous caller; what the name says stays out of it."""
    address = read_address(text)
    assert (str(address.uri), address.uri.user, address.tag) == (uri, None, tag)
    assert [str(found.uri) for found in read_addresses([f"<{uri}>", "<sip:@h>"], named=True)] == [
        uri,
        "sip:h",
    ]


def test_contacts_that_can_be_read_count() -> None:
    values = ['"Sami\\" <sip:a@h:5070>;q=1', "x, <sip:b@h>, <sip:>, <sips:c@h>"]
    assert [str(found.uri) for found in read_addresses(values, named=True)] == [
        "sip:a@h:5070",
        "sip:b@h",
        "sips:c@h",
    ]
    contacts = Request("INVITE", "sip:a@b", [("Contact", values[0])]).contacts
    assert [str(contact.uri) for contact in contacts] == ["sip:a@h:5070"]
    assert len(read_addresses(["<sip:a@h>" * 1000], named=False)) == MOST


def test_without_any_a_request_is_refused_and_a_response_has_none() -> None:
    broken = [("Contact", "sip:a@b?x=y")]
    with pytest.raises(SipError):
        _ = Request("INVITE", "sip:a@b", broken).contact
    assert Response(200, headers=broken).contact is None


@given(st.text(alphabet=string.printable + "é\0", max_size=80))
def test_only_sip_errors_escape(text: str) -> None:
    for shaped in (text, f"{text}<sip:a@b>{text}"):
        with contextlib.suppress(SipError):
            read_address(shaped)
        read_addresses([shaped], named=True)
        read_addresses([shaped], named=False)


def test_work_is_linear() -> None:
    """Texts that make careless patterns backtrack, each as long as a header may be."""
    chance = random.Random(1)
    for piece in ("<", "<sip:", "sip::", "<sip:a", '"', ";tag", ";tag=", " <", "<sip:a@b>;", "\\"):
        text = piece * (8192 // len(piece)) + chance.choice(["", ">"])
        with contextlib.suppress(SipError):
            read_address(text)
        read_addresses([text], named=True)
        read_addresses([text], named=False)
