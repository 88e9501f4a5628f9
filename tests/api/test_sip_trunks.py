from __future__ import annotations

import pytest
from livekit.protocol.sip import (
    CreateSIPInboundTrunkRequest,
    SIPInboundTrunkInfo,
)
from structlog.testing import capture_logs
from tests.api.support import Client, api, sign

from hookflash.api.sip_trunks import warn_of_providers

CALL_ONLY = {"sip": {"call": True}}
METHODS = [
    "CreateSIPInboundTrunk",
    "CreateSIPOutboundTrunk",
    "UpdateSIPInboundTrunk",
    "UpdateSIPOutboundTrunk",
    "GetSIPInboundTrunk",
    "GetSIPOutboundTrunk",
    "ListSIPInboundTrunk",
    "ListSIPOutboundTrunk",
    "ListSIPTrunk",
    "DeleteSIPTrunk",
]


def inbound(client: Client, *numbers: str, **more: object) -> str:
    answer = client.call("CreateSIPInboundTrunk", {"trunk": {"numbers": numbers, **more}})
    assert answer.status == 200, answer.body
    return str(answer.json["sip_trunk_id"])


def outbound(client: Client, **more: object) -> str:
    trunk = {"numbers": ["+1"], "address": "h", **more}
    answer = client.call("CreateSIPOutboundTrunk", {"trunk": trunk})
    assert answer.status == 200, answer.body
    return str(answer.json["sip_trunk_id"])


@pytest.mark.parametrize("method", METHODS)
def test_sip_admin_is_needed(method: str) -> None:
    with api() as client:
        answer = client.call(method, {}, grants=CALL_ONLY)
        assert (answer.status, answer.json["msg"]) == (401, "permissions denied")


def test_in_protobuf_as_the_sdks_send_it() -> None:
    request = CreateSIPInboundTrunkRequest(trunk=SIPInboundTrunkInfo(numbers=["+1"]))
    with api() as client:
        answer = client.http(
            "POST",
            "/twirp/livekit.SIP/CreateSIPInboundTrunk",
            request.SerializeToString(),
            {
                "content-type": "application/protobuf",
                "authorization": "Bearer " + sign({"sip": {"admin": True}}),
            },
        )
        assert answer.content_type == "application/protobuf"
        assert SIPInboundTrunkInfo.FromString(answer.body).sip_trunk_id.startswith("ST_")


def test_times() -> None:
    with api() as client:
        ident = inbound(client, "+1")
        made = client.call("GetSIPInboundTrunk", {"sip_trunk_id": ident}).json["trunk"]
        assert made["created_at"] == made["updated_at"]
        changed = client.call(
            "UpdateSIPInboundTrunk", {"sip_trunk_id": ident, "replace": {"numbers": ["+2"]}}
        ).json
        assert changed["created_at"] == made["created_at"]
        assert changed["updated_at"] >= made["updated_at"]


def test_passwords_can_be_hidden() -> None:
    secret = {"auth_username": "u", "auth_password": "p"}
    for hide, shown in ((False, "p"), (True, "")):
        with api(hide_passwords=hide) as client:
            one, two = inbound(client, "+1", **secret), outbound(client, **secret)
            got = client.call("GetSIPInboundTrunk", {"sip_trunk_id": one}).json["trunk"]
            assert got["auth_password"] == shown
            got = client.call("GetSIPOutboundTrunk", {"sip_trunk_id": two}).json["trunk"]
            assert got["auth_password"] == shown
            legacy = client.call("ListSIPTrunk").json["items"]
            assert {item["inbound_password"] for item in legacy} == {"", shown}
            trunk = client.parts.trunks.inbound_trunk(one)
            assert trunk is not None
            assert trunk.auth_password == "p"


def test_pages() -> None:
    with api() as client:
        ids = sorted([inbound(client, "+1"), inbound(client, "+2"), outbound(client)])
        first = client.call("ListSIPTrunk", {"page": {"limit": 2}}).json["items"]
        assert [item["sip_trunk_id"] for item in first] == ids[:2]
        rest = client.call("ListSIPTrunk", {"page": {"after_id": ids[1]}}).json["items"]
        assert [item["sip_trunk_id"] for item in rest] == ids[2:]
        page = {"page": {"limit": 1}}
        assert len(client.call("ListSIPInboundTrunk", page).json["items"]) == 1
        assert len(client.call("ListSIPOutboundTrunk", page).json["items"]) == 1


def test_outbound_trunks_can_be_changed_and_deleted() -> None:
    with api() as client:
        ident = outbound(client)
        replaced = client.call(
            "UpdateSIPOutboundTrunk",
            {"sip_trunk_id": ident, "replace": {"numbers": ["+2"], "address": "x"}},
        )
        assert replaced.json["address"] == "x"
        assert replaced.json["media"] is None
        for body, status in (
            ({"sip_trunk_id": "ST_x", "update": {"name": "n"}}, 404),
            ({"sip_trunk_id": ident}, 400),
            ({"update": {"name": "n"}}, 400),
            ({"sip_trunk_id": "ST_x", "replace": {"numbers": ["+2"], "address": "x"}}, 404),
        ):
            assert client.call("UpdateSIPOutboundTrunk", body).status == status
        assert client.call("GetSIPOutboundTrunk", {"sip_trunk_id": "ST_x"}).status == 404
        assert client.call("DeleteSIPTrunk", {"sip_trunk_id": ident}).status == 200
        assert client.call("GetSIPOutboundTrunk", {"sip_trunk_id": ident}).status == 404


def test_replace_of_an_unknown_inbound_trunk() -> None:
    with api() as client:
        body = {"sip_trunk_id": "ST_x", "replace": {"numbers": ["+2"]}}
        assert client.call("UpdateSIPInboundTrunk", body).status == 404


def test_a_new_number_is_free_at_once_after_a_change() -> None:
    with api() as client:
        ident = inbound(client, "+1")
        body = {"sip_trunk_id": ident, "update": {"numbers": {"set": ["+2"]}}}
        assert client.call("UpdateSIPInboundTrunk", body).status == 200
        inbound(client, "+1")
        again = client.call("CreateSIPInboundTrunk", {"trunk": {"numbers": ["+2"]}})
        assert again.status == 400
        assert ident in again.json["msg"]


def test_a_trunk_that_trusts_from_is_in_the_log() -> None:
    """Its answer is the same as ever (`sip.allowed_hosts: from_header`)."""
    with capture_logs() as logs, api() as client:
        ident = inbound(client, "+1", allowed_addresses=["Sip.Carrier.example", "192.0.2.1"])
        update = {"sip_trunk_id": ident, "update": {"name": "x"}}
        assert client.call("UpdateSIPInboundTrunk", update).status == 200
        inbound(client, "+2", allowed_addresses=["192.0.2.0/24"])
    lines = [line for line in logs if line["event"] == "allowed_hosts_from_header"]
    assert [(line["trunk_id"], line["hosts"]) for line in lines] == [
        (ident, ["sip.carrier.example"]),
        (ident, ["sip.carrier.example"]),
    ]


def test_where_passwords_are_hidden_a_trunk_without_one_is_shown_as_it_is() -> None:
    with api(hide_passwords=True) as client:
        ident = inbound(client, "+1", name="open")
        got = client.call("GetSIPInboundTrunk", {"sip_trunk_id": ident}).json["trunk"]
        assert (got["name"], got["numbers"], got["auth_password"]) == ("open", ["+1"], "")


METADATA = '{"hookflash.provider": "%s"}'


def test_a_trunk_of_an_unknown_provider_is_refused_with_the_names_of_the_known_ones() -> None:
    with api() as client:
        ident = inbound(client, "+1", metadata=METADATA % "twilio")
        out = outbound(client, metadata=METADATA % "telnyx")
        update = {"metadata": METADATA % "acme"}
        trunk = {"numbers": ["+2"], **update}
        for method, request in (
            ("CreateSIPInboundTrunk", {"trunk": trunk}),
            ("CreateSIPOutboundTrunk", {"trunk": {**trunk, "address": "h"}}),
            ("UpdateSIPInboundTrunk", {"sip_trunk_id": ident, "update": update}),
            ("UpdateSIPInboundTrunk", {"sip_trunk_id": ident, "replace": trunk}),
            ("UpdateSIPOutboundTrunk", {"sip_trunk_id": out, "update": update}),
        ):
            answer = client.call(method, request)
            assert (answer.status, answer.json["code"]) == (400, "invalid_argument")
            words = 'unknown hookflash.provider "acme"; known: 3cx, asterisk, '
            assert answer.json["msg"].startswith(words), method
        got = client.call("GetSIPInboundTrunk", {"sip_trunk_id": ident}).json["trunk"]
        assert got["metadata"] == METADATA % "twilio"


@pytest.mark.parametrize("metadata", ["our own note", '{"crm": 7}', '{"hookflash": 1}'])
def test_anything_else_may_stand_in_metadata(metadata: str) -> None:
    with api() as client:
        ident = inbound(client, "+1", metadata=metadata)
        got = client.call("GetSIPInboundTrunk", {"sip_trunk_id": ident}).json["trunk"]
        assert got["metadata"] == metadata


def test_a_stored_trunk_whose_provider_is_not_known_is_in_the_log() -> None:
    with capture_logs() as logs:
        warn_of_providers([("ST_a", "unknown hookflash.provider")])
    assert [(line["event"], line["trunk_id"]) for line in logs] == [
        ("trunk_provider_ignored", "ST_a")
    ]
