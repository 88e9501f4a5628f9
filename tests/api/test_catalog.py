"""Inbound trunks, outbound trunks and dispatch rules are kept in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.api.support import Client, api

from hookflash.adapters.store.sql import AuditLine, Page


@dataclass(frozen=True)
class Kind:
    """What the API calls it, and one that can be made."""

    audited: str
    method: str
    wrapped: str
    id_field: str
    info: dict[str, Any]
    delete: str
    noun: str

    def create(self, client: Client, **more: object) -> dict[str, Any]:
        answer = client.call(f"Create{self.method}", {self.wrapped: {**self.info, **more}})
        assert answer.status == 200, answer.body
        made: dict[str, Any] = answer.json
        return made

    def listed(self, client: Client) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = client.call(f"List{self.method}").json["items"]
        return items


KINDS = [
    Kind(
        *("inbound trunk", "SIPInboundTrunk", "trunk", "sip_trunk_id"),
        *({"numbers": ["+1"]}, "DeleteSIPTrunk", "trunk"),
    ),
    Kind(
        *("outbound trunk", "SIPOutboundTrunk", "trunk", "sip_trunk_id"),
        *({"numbers": ["+1"], "address": "example.com"}, "DeleteSIPTrunk", "trunk"),
    ),
    Kind(
        *("dispatch rule", "SIPDispatchRule", "dispatch_rule", "sip_dispatch_rule_id"),
        {"rule": {"dispatch_rule_direct": {"room_name": "lobby"}}},
        *("DeleteSIPDispatchRule", "rule"),
    ),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.audited for kind in KINDS])


def audit(client: Client) -> list[AuditLine]:
    lines: list[AuditLine] = client.runner.run(client.parts.store.audit(Page()))
    return lines


@every_kind
def test_from_creation_to_deletion(kind: Kind) -> None:
    """With a line in the audit for each change."""
    with api() as client:
        made = kind.create(client, name="a")
        named = {kind.id_field: made[kind.id_field]}
        change = {**named, "update": {"name": "b"}}
        changed = client.call(f"Update{kind.method}", change).json
        same = made.keys() - {"name", "media", "updated_at"}
        assert {key: changed[key] for key in same} == {key: made[key] for key in same}
        whole = {**named, "replace": {**kind.info, "name": "c"}}
        replaced = client.call(f"Update{kind.method}", whole).json
        assert (replaced["name"], replaced["created_at"]) == ("c", made["created_at"])
        assert kind.listed(client) == [replaced]
        refused = {**named, "update": {"media": {"media_timeout": "-1s"}}}
        assert client.call(f"Update{kind.method}", refused).status == 400
        assert client.call(kind.delete, named).json[kind.id_field] == named[kind.id_field]
        client.call(kind.delete, named)
        assert kind.listed(client) == []
        lines = audit(client)
        assert {(line.api_key, line.subject) for line in lines} == {("devkey", *named.values())}
        assert [(line.action, line.detail) for line in reversed(lines)] == [
            (f"create {kind.audited}", "a"),
            (f"update {kind.audited}", "b"),
            (f"replace {kind.audited}", "c"),
            (f"delete {kind.audited}", "c"),
        ]


@every_kind
def test_updates_are_checked_in_order(kind: Kind) -> None:
    """Id, action, the new whole, whether it is there, the change, conflicts."""
    unknown = {kind.id_field: "X_unknown"}
    other = {kind.id_field: "X_other", **kind.info}
    with api() as client:
        named = {kind.id_field: kind.create(client)[kind.id_field]}
        for body, text in (
            ({}, f"{kind.noun} id must be set"),
            (unknown, "missing or unsupported update action"),
            (
                {**unknown, "replace": other},
                f"{kind.noun} id in the info must be empty or match the id in the update",
            ),
            ({**unknown, "replace": kind.info}, "does not exist"),
            ({**unknown, "update": {"media": {"media_timeout": "-1s"}}}, "does not exist"),
            ({**named, "update": {"media": {"media_timeout": "-1s"}}}, "must not be negative"),
        ):
            answer = client.call(f"Update{kind.method}", body)
            assert answer.status == (404 if "exist" in text else 400)
            assert text in answer.json["msg"], body
        assert len(audit(client)) == 1


@every_kind
def test_a_new_one_has_no_id_yet(kind: Kind) -> None:
    with api() as client:
        body = {kind.wrapped: {**kind.info, kind.id_field: "X_mine"}}
        answer = client.call(f"Create{kind.method}", body)
        assert answer.json["msg"] == f"{kind.noun} id must not be set"
        empty: list[dict[str, Any]] = [{}, {kind.wrapped: None}]
        for body in empty:
            assert client.call(f"Create{kind.method}", body).json["msg"] == f"missing {kind.noun}"
        assert kind.listed(client) == []
