from __future__ import annotations

import pytest
from tests.api.support import Client, api

DIRECT = {"dispatch_rule_direct": {"room_name": "lobby"}}


def create(client: Client, **fields: object) -> str:
    answer = client.call("CreateSIPDispatchRule", {"dispatch_rule": {"rule": DIRECT, **fields}})
    assert answer.status == 200, answer.body
    return str(answer.json["sip_dispatch_rule_id"])


@pytest.mark.parametrize(
    "method",
    [
        "CreateSIPDispatchRule",
        "UpdateSIPDispatchRule",
        "ListSIPDispatchRule",
        "DeleteSIPDispatchRule",
    ],
)
def test_sip_admin_is_needed(method: str) -> None:
    with api() as client:
        assert client.call(method, {}, grants={"sip": {"call": True}}).status == 401


def test_a_rule_of_no_kind() -> None:
    with api() as client:
        answer = client.call("CreateSIPDispatchRule", {"dispatch_rule": {"rule": {}}})
        assert answer.status == 400
        assert answer.json["msg"] == "twirp error unknown: unsupported SIP Dispatch Rule: <nil>"


def test_the_flat_form_keeps_every_field() -> None:
    with api() as client:
        made = client.call(
            "CreateSIPDispatchRule",
            {
                "rule": DIRECT,
                "trunk_ids": ["ST_a"],
                "hide_phone_number": True,
                "inbound_numbers": ["+1"],
                "name": "n",
                "metadata": "m",
                "attributes": {"a": "b"},
                "room_preset": "p",
                "room_config": {"empty_timeout": 5},
            },
        ).json
        assert made["room_config"]["empty_timeout"] == 5
        assert made["media"] is None
        assert (made["trunk_ids"], made["inbound_numbers"]) == (["ST_a"], ["+1"])
        assert (made["name"], made["metadata"], made["attributes"]) == ("n", "m", {"a": "b"})
        assert (made["hide_phone_number"], made["room_preset"]) == (True, "p")


def test_pages_and_filters() -> None:
    with api() as client:
        ids = sorted([create(client), create(client, trunk_ids=["ST_a"])])
        body = {"page": {"limit": 1}}
        found = client.call("ListSIPDispatchRule", body).json["items"]
        assert [rule["sip_dispatch_rule_id"] for rule in found] == ids[:1]
        body = {"dispatch_rule_ids": [ids[1], "SDR_x"]}  # type: ignore[dict-item]
        found = client.call("ListSIPDispatchRule", body).json["items"]
        assert [rule["sip_dispatch_rule_id"] for rule in found] == ids[1:]


def test_updates_that_are_refused_change_nothing() -> None:
    with api() as client:
        ident = create(client, name="a")
        create(client, trunk_ids=["ST_a"], name="b")
        before = client.call("ListSIPDispatchRule").json
        for body, status in (
            ({"update": {"name": "x"}}, 400),
            ({"sip_dispatch_rule_id": ident}, 400),
            ({"sip_dispatch_rule_id": ident, "replace": {}}, 400),
            ({"sip_dispatch_rule_id": "SDR_x", "replace": {"rule": DIRECT}}, 404),
            ({"sip_dispatch_rule_id": ident, "update": {"trunk_ids": {}}}, 400),
            ({"sip_dispatch_rule_id": ident, "update": {"trunk_ids": {"set": ["ST_a"]}}}, 400),
            ({"sip_dispatch_rule_id": ident, "update": {"rule": {}}}, 400),
        ):
            assert client.call("UpdateSIPDispatchRule", body).status == status, body
        assert client.call("ListSIPDispatchRule").json == before
