"""`hookflash trunk …` against a real server."""

from __future__ import annotations

import json

import pytest
import typer
from tests.support.cli import hookflash
from tests.support.lab import Lab, run

from hookflash.cli.trunks import check_address


def test_inbound_trunks_are_made_shown_changed_and_deleted() -> None:
    async def check(lab: Lab) -> None:
        made = await hookflash(
            lab,
            *("trunk", "inbound", "add", "--json", "--name", "main", "--number", "+15550100"),
            *("--number", "+15550101", "--allow-address", "10.0.0.0/8", "--user", "u"),
            *("--password", "p", "--header", "X-A=1", "--header-attribute", "X-B=b"),
            *("--attribute-header", "c=X-C", "--include-headers", "all"),
            *("--ringing-timeout", "45.5", "--encryption", "allow"),
        )
        assert made.code == 0, made.err
        trunk = made.json
        assert trunk["numbers"] == ["+15550100", "+15550101"]
        assert trunk["headers"] == {"X-A": "1"}
        assert trunk["headers_to_attributes"] == {"X-B": "b"}
        assert trunk["attributes_to_headers"] == {"c": "X-C"}
        assert trunk["include_headers"] == "SIP_ALL_HEADERS"
        assert trunk["ringing_timeout"] == "45.500s"
        assert trunk["media_encryption"] == "SIP_MEDIA_ENCRYPT_ALLOW"
        ident = trunk["sip_trunk_id"]

        table = (await hookflash(lab, "trunk", "inbound", "ls")).out
        assert ident in table
        assert "+15550100, +15550101" in table
        assert "10.0.0.0/8" in table

        changed = await hookflash(
            lab,
            *("trunk", "inbound", "edit", ident, "--name", "other", "--number", "+15550199"),
            *("--clear", "addresses", "--json"),
        )
        assert changed.json["name"] == "other"
        assert changed.json["numbers"] == ["+15550199"]
        assert "allowed_addresses" not in changed.json
        assert changed.json["auth_username"] == "u"

        gone = await hookflash(lab, "trunk", "inbound", "rm", ident)
        assert (gone.code, gone.out) == (0, f"deleted {ident}\n")
        assert (await hookflash(lab, "trunk", "inbound", "ls", "--json")).json == []
        assert (await hookflash(lab, "trunk", "inbound", "ls")).out == "no inbound trunks\n"

    run(check)


def test_outbound_trunks_are_made_shown_changed_and_deleted() -> None:
    async def check(lab: Lab) -> None:
        made = await hookflash(
            lab,
            *("trunk", "outbound", "add", "--address", "sip.example.com", "--number", "+15550100"),
            *("--user", "u", "--password", "p", "--transport", "tls", "--from-host", "h.example"),
        )
        assert made.code == 0, made.err
        ident = made.out.split()[-1]
        (trunk,) = (await hookflash(lab, "trunk", "outbound", "ls", "--json")).json
        assert trunk["sip_trunk_id"] == ident
        assert trunk["transport"] == "SIP_TRANSPORT_TLS"
        changed = await hookflash(
            lab,
            *("trunk", "outbound", "edit", ident, "--transport", "tcp", "--number", "+15550101"),
        )
        assert (changed.code, changed.out) == (0, f"changed {ident}\n")
        table = (await hookflash(lab, "trunk", "outbound", "ls")).out
        assert "+15550101" in table
        assert " tcp " in table
        assert (await hookflash(lab, "trunk", "outbound", "rm", ident)).code == 0
        assert (await hookflash(lab, "trunk", "outbound", "ls")).out == "no outbound trunks\n"

    run(check)


@pytest.mark.parametrize(
    "address",
    [
        *("sip.example.com", "sip.example.com.", "pbx", "my_pbx-1:5070", "192.0.2.1"),
        *("192.0.2.1:5060", "[2001:db8::1]", "[2001:db8::1]:65535"),
    ],
)
def test_addresses_that_can_be_called(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        *(("http://foo", "host"), ("sip:foo", "host"), ("foo/bar", "host"), ("a b", "host")),
        *(("user@foo", "host"), ("foo;transport=tcp", "host"), ("", "host"), ("foo:", "host")),
        *(("host:99999", "65535"), ("host:0", "65535"), ("host:port", "host")),
        *(("2001:db8::1", "brackets"), ("[2001:db8::g]", "host"), ("[1::2::3]", "IP address")),
        *(("192.0.2.256", "IP address"), ("1.2.3", "IP address"), ("-foo", "host")),
        *(("b\u00fccher.example", "host"), ("foo\n", "host"), ("[::1]x", "host")),
    ],
)
def test_addresses_that_cannot_be_called(address: str, why: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        check_address(address)
    assert why in str(caught.value)


def test_a_wrong_address_makes_no_trunk() -> None:
    async def check(lab: Lab) -> None:
        add = ("trunk", "outbound", "add", "--number", "+1", "--address")
        assert (await hookflash(lab, *add, "host:99999")).code == 2
        made = (await hookflash(lab, *add, "host:5060", "--json")).json["sip_trunk_id"]
        edit = ("trunk", "outbound", "edit", made, "--address")
        assert (await hookflash(lab, *edit, "http://foo")).code == 2
        assert (await hookflash(lab, *edit, "other:5060", "--json")).json["address"] == "other:5060"
        assert len((await hookflash(lab, "trunk", "outbound", "ls", "--json")).json) == 1

    run(check)


def test_refusals_are_one_line() -> None:
    async def check(lab: Lab) -> None:
        await hookflash(lab, "trunk", "inbound", "add", "--number", "1")
        again = await hookflash(lab, "trunk", "inbound", "add", "--number", "1")
        assert again.code == 1
        assert again.err.count("\n") == 1
        assert "Conflicting inbound SIP Trunks" in again.err
        listed = "; `hookflash trunk inbound ls` lists those that are there\n"
        assert again.err.endswith(listed)
        unknown = await hookflash(lab, "trunk", "inbound", "edit", "ST_none", "--name", "new")
        assert unknown.err.endswith(f"requested sip trunk does not exist{listed}")

    run(check)


@pytest.mark.parametrize(
    "arguments",
    [
        ("inbound", "add", "--header", "X-A"),
        ("inbound", "add", "--name", "for nobody"),
        ("inbound", "add", "--number", ""),
        ("inbound", "add", "--number", "1", "--allow-address", " "),
        ("inbound", "add", "--number", "1", "--password", "p"),
        ("inbound", "add", "--number", "1", "--user", "u"),
        ("outbound", "add", "--address", "h", "--number", ""),
        ("inbound", "edit", "ST_x", "--clear", "everything"),
        ("inbound", "edit", "ST_x"),
        ("outbound", "edit", "ST_x"),
        ("outbound", "add", "--address", "h"),
        ("inbound", "rm"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    async def check(lab: Lab) -> None:
        assert (await hookflash(lab, "trunk", *arguments)).code == 2

    run(check)


def test_a_trunk_names_its_provider_in_its_metadata() -> None:
    async def check(lab: Lab) -> None:
        told = '{"crm": 7, "hookflash.provider": "twilio"}'
        for kind, more in (("inbound", ()), ("outbound", ("--address", "sip.example.com"))):
            add = ("trunk", kind, "add", "--number", "+15550100", *more, "--json")
            made = await hookflash(lab, *add, "--provider", "twilio", "--metadata", '{"crm": 7}')
            assert made.json["metadata"] == told
            ident = made.json["sip_trunk_id"]
            found = lab.server.trunks.provider(ident)
            assert found is not None
            assert found.preset.name == "twilio"
            listed = (await hookflash(lab, "trunk", kind, "ls")).out.splitlines()
            assert listed[0].split()[-1] == "provider"
            assert listed[1].split()[-1] == "twilio"
            edit = ("trunk", kind, "edit", ident, "--json")
            changed = await hookflash(lab, *edit, "--provider", "telnyx")
            assert json.loads(changed.json["metadata"]) == {
                "crm": 7,
                "hookflash.provider": "telnyx",
            }
            both = await hookflash(lab, *edit, "--provider", "plivo", "--metadata", "{}")
            assert both.json["metadata"] == '{"hookflash.provider": "plivo"}'
            plain = await hookflash(lab, *edit, "--metadata", "a note")
            assert plain.json["metadata"] == "a note"
            refused = await hookflash(lab, *edit, "--provider", "twilio")
            assert refused.code == 2
            assert "no JSON object" in refused.err

    run(check)


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    async def check(lab: Lab) -> None:
        ran = await hookflash(
            lab, "trunk", "inbound", "add", "--number", "+15550100", "--provider", "acme"
        )
        assert ran.code == 1
        assert 'unknown hookflash.provider "acme"; known: 3cx, asterisk, ' in ran.err

    run(check)
