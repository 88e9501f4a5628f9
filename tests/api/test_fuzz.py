"""Random and mutated requests to every method: an answer of the table, never a bug of ours, and
nothing changed by what is refused."""

from __future__ import annotations

import json
import random
import sqlite3
from copy import deepcopy
from typing import Any

import pytest
from google.protobuf.message import Message
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo
from structlog.testing import capture_logs
from tests.api.support import Client, all_grants, api, sign

from hookflash.api.context import Method
from hookflash.calls.trunks.table import TrunkTable
from hookflash.rooms.info import participant_info, room_info
from hookflash.rooms.orders import Join
from hookflash.twirp.errors import STATUS

TRUNK = {
    "name": "n",
    "numbers": ["+15105550100", "+1 5"],
    "allowed_addresses": ["10.0.0.0/8", "h"],
    "allowed_numbers": ["+2"],
    "auth_username": "u",
    "auth_password": "p",
    "headers": {"X-A": "1"},
    "headers_to_attributes": {"X-B": "b"},
    "attributes_to_headers": {"c": "X-C"},
    "include_headers": "SIP_X_HEADERS",
    "ringing_timeout": "20s",
    "media": {"codecs": [{"name": "PCMU", "rate": 8000}], "media_timeout": "5s"},
    "created_at": "2026-01-01T00:00:00Z",
}
OUTBOUND = {"name": "o", "numbers": ["+1"], "address": "h:5060", "transport": "SIP_TRANSPORT_TCP"}
RULE = {
    "rule": {"dispatch_rule_individual": {"room_prefix": "c", "pin": "12"}},
    "trunk_ids": ["ST_a"],
    "inbound_numbers": ["+1"],
    "numbers": ["+2"],
    "attributes": {"a": "b"},
    "room_config": {"agents": [{"agent_name": "a"}]},
}
CHANGE = {"add": ["+3"], "remove": ["+1"]}
WHO = {"room": "lobby", "identity": "sip_+1"}
CALL = {
    "sip_trunk_id": "ST_a",
    "sip_call_to": "+1",
    "room_name": "lobby",
    "display_name": "d",
    "destination": {"country": "US"},
    "headers": {"X-A": "1"},
    "trunk": {"hostname": "h"},
}
BASES: dict[str, list[dict[str, Any]]] = {
    "SIP/CreateSIPInboundTrunk": [{"trunk": TRUNK}],
    "SIP/CreateSIPOutboundTrunk": [{"trunk": OUTBOUND}],
    "SIP/UpdateSIPInboundTrunk": [
        {"sip_trunk_id": "ST_a", "update": {"numbers": CHANGE, "name": "x"}},
        {"sip_trunk_id": "ST_a", "replace": TRUNK},
    ],
    "SIP/UpdateSIPOutboundTrunk": [
        {"sip_trunk_id": "ST_b", "update": {"numbers": CHANGE, "address": "x"}},
        {"sip_trunk_id": "ST_b", "replace": OUTBOUND},
    ],
    "SIP/GetSIPInboundTrunk": [{"sip_trunk_id": "ST_a"}],
    "SIP/GetSIPOutboundTrunk": [{"sip_trunk_id": "ST_b"}],
    "SIP/ListSIPInboundTrunk": [
        {"page": {"limit": 3, "after_id": "ST"}, "trunk_ids": ["ST_a"], "numbers": ["+1"]}
    ],
    "SIP/ListSIPOutboundTrunk": [{"page": {"limit": 3}, "numbers": ["+1"]}],
    "SIP/ListSIPTrunk": [{"page": {"limit": 3, "after_id": "ST"}}],
    "SIP/DeleteSIPTrunk": [{"sip_trunk_id": "ST_a"}],
    "SIP/CreateSIPDispatchRule": [{"dispatch_rule": RULE}, RULE],
    "SIP/UpdateSIPDispatchRule": [
        {"sip_dispatch_rule_id": "SDR_a", "update": {"trunk_ids": CHANGE, "rule": RULE["rule"]}},
        {"sip_dispatch_rule_id": "SDR_a", "replace": RULE},
    ],
    "SIP/ListSIPDispatchRule": [{"page": {"limit": 3}, "trunk_ids": ["ST_a"]}],
    "SIP/DeleteSIPDispatchRule": [{"sip_dispatch_rule_id": "SDR_a"}],
    "SIP/CreateSIPParticipant": [CALL],
    "SIP/TransferSIPParticipant": [
        {
            "room_name": "lobby",
            "participant_identity": "sip_+1",
            "transfer_to": "sip:a@b;x=y?Subject=z",
            "headers": {"X-A": "1"},
            "ringing_timeout": "5s",
        }
    ],
    "RoomService/CreateRoom": [{"name": "lobby", "metadata": "m", "agents": [{"metadata": "a"}]}],
    "RoomService/ListRooms": [{"names": ["lobby"]}],
    "RoomService/DeleteRoom": [{"room": "other"}],
    "RoomService/UpdateRoomMetadata": [{"room": "lobby", "metadata": "m"}],
    "RoomService/ListParticipants": [{"room": "lobby"}],
    "RoomService/GetParticipant": [WHO],
    "RoomService/RemoveParticipant": [{"room": "lobby", "identity": "x"}],
    "RoomService/UpdateParticipant": [
        {**WHO, "metadata": "m", "attributes": {"a": ""}, "permission": {"can_publish": True}}
    ],
    "RoomService/MutePublishedTrack": [{**WHO, "track_sid": "TR_a", "muted": True}],
    "RoomService/UpdateSubscriptions": [{**WHO, "track_sids": ["TR_a"], "subscribe": True}],
    "RoomService/SendData": [{"room": "lobby", "data": "MSM=", "topic": "hookflash.dtmf"}],
    "RoomService/ForwardParticipant": [{**WHO, "destination_room": "b"}],
    "RoomService/MoveParticipant": [{**WHO, "destination_room": "b"}],
    "RoomService/PerformRpc": [{"room": "lobby", "destination_identity": "sip_+1"}],
    "AgentDispatchService/CreateDispatch": [{"room": "lobby", "agent_name": "a"}],
    "AgentDispatchService/DeleteDispatch": [{"room": "lobby", "dispatch_id": "AD_a"}],
    "AgentDispatchService/ListDispatch": [{"room": "lobby"}],
}
ODD: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**63, 1e400, 1.5, "", "x", [], {}, [None], {"a": None}),
    *("\x00", "\r\n", "é" * 300, "\ud800", "999999999999s", "-1s", "0.0000000001s", "NaN"),
    *(["", ""], ["x"] * 5, {"": ""}, {"x y": "z"}, "ST_a", "+1", "sip:", "<sip:a@b>", "tel:"),
]
NO_RESPONSE = {(503, "unavailable")}
FAULTS: dict[str, set[tuple[int, str]]] = {
    "SIP/CreateSIPParticipant": {(501, "unimplemented")},  # by the fake SIP
    "RoomService/MutePublishedTrack": NO_RESPONSE,
    "RoomService/UpdateSubscriptions": NO_RESPONSE,
    "RoomService/SendData": NO_RESPONSE,
    "RoomService/PerformRpc": NO_RESPONSE | {(501, "unimplemented")},  # nobody's connection
    "RoomService/ForwardParticipant": NO_RESPONSE | {(500, "unknown")},
    "RoomService/MoveParticipant": NO_RESPONSE | {(500, "unknown")},
    "AgentDispatchService/ListDispatch": NO_RESPONSE,
    "AgentDispatchService/DeleteDispatch": NO_RESPONSE,
}
"""The 5xx that LiveKit's tables have: no response from servers, ForwardParticipant."""


class Fuzz:
    """One run over a whole API, with its own seeded randomness."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        every = all_grants("lobby")
        every["video"]["destinationRoom"] = "b"
        self.token = sign(every)
        self.methods = _methods(client)
        self.known: Any = None
        """The state after a refused request, which is that before the next one."""
        rooms = client.rooms
        join = Join("sip_+1", kind=ParticipantInfo.SIP, attributes={"sip.callID": "SCL_a"})
        rooms.activate(rooms.join("lobby", join))

    def step(self) -> None:
        """One request, and what must hold after it."""
        name = self.random.choice(sorted(BASES))
        kind, body = self.request(name)
        before, self.known = self.known or self.state(), None
        answer = self.client.http(
            "POST",
            f"/twirp/livekit.{name}",
            body,
            {"content-type": kind, "authorization": f"Bearer {self.token}"},
        )
        where = f"{name} {kind} {body!r} → {answer.status} {answer.body!r}"
        if answer.status == 200:
            assert answer.content_type == kind, where
            if kind == "application/json":
                assert isinstance(answer.json, dict), where
            return
        code = answer.json["code"]
        assert STATUS[code] == answer.status, where
        if answer.status >= 500:
            assert (answer.status, code) in FAULTS.get(name, ()), where
        assert "panic" not in answer.json["msg"], where
        self.known = self.state()
        assert self.known == before, where

    def state(self) -> Any:
        """All that a refused request may not change: in memory, on disk, told to the exchange."""
        client, parts = self.client, self.client.parts
        trunks = parts.trunks
        rooms = list(client.rooms.all())
        return (
            known(trunks),
            [len(table._claims) for table in (trunks.inbound, trunks.outbound, trunks.rules)],
            [contents(room_info(room)) for room in rooms],
            [
                contents(participant_info(who))
                for room in rooms
                for who in room.participants.values()
            ],
            (len(client.notes.events), len(client.sip.transfers)),
            self.client.runner.run(parts.store._ask(lambda c: c.total_changes)),
        )

    def request(self, name: str) -> tuple[str, bytes]:
        way = self.random.random()
        if way < 0.05:
            kind = self.random.choice(("application/json", "application/protobuf"))
            return kind, self.random.randbytes(self.random.randrange(60))
        if way < 0.15:
            anything = self.anything(self.methods[name].request_type.DESCRIPTOR, depth=4)
            return "application/json", json.dumps(anything).encode()
        return self.mutation(name)

    def anything(self, kind: Any, depth: int) -> Any:
        """Random JSON, much of it under the field names of `kind`, a descriptor or None."""
        choice = self.random.random()
        if depth == 0 or choice < 0.3:
            return deepcopy(self.random.choice(ODD))
        count = self.random.randrange(5)
        if choice < 0.4:
            return [self.anything(kind, depth - 1) for _ in range(count)]
        fields: dict[str, Any] = dict(kind.fields_by_name) if kind is not None else {}
        made: dict[str, Any] = {}
        for _ in range(count):
            name = self.random.choice([*fields, "x", ""])
            inner = fields[name].message_type if name in fields else None
            made[name] = self.anything(inner, depth - 1)
        return made

    def mutation(self, name: str) -> tuple[str, bytes]:
        """A valid request, but for a few places."""
        base = json.loads(json.dumps(self.random.choice(BASES[name])))
        self.use_real_ids(base)
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 4))):
            base = mutated(self.random, base)
        way = self.random.random()
        if way < 0.55:
            return "application/json", json.dumps(base).encode()
        if way < 0.65:
            return "application/json", self.broken(json.dumps(base).encode())
        return "application/protobuf", self.protobuf(name, base, damaged=way < 0.85)

    def protobuf(self, name: str, base: Any, *, damaged: bool) -> bytes:
        from google.protobuf import json_format

        message: Message = self.methods[name].request_type()
        try:
            json_format.ParseDict(base, message, ignore_unknown_fields=True)
        except Exception:  # noqa: BLE001  # what JSON cannot say is sent as random bytes
            return self.random.randbytes(self.random.randrange(40))
        data = message.SerializeToString()
        return self.broken(data) if damaged else data

    def broken(self, data: bytes) -> bytes:
        content = bytearray(data)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(content) + 1)
            if self.random.random() < 0.5 and at < len(content):
                content[at] = self.random.randrange(256)
            elif self.random.random() < 0.5:
                del content[at : at + self.random.randrange(5)]
            else:
                content[at:at] = self.random.randbytes(self.random.randrange(4))
        return bytes(content)

    def use_real_ids(self, base: dict[str, Any]) -> None:
        trunks = self.client.parts.trunks
        for key in ("sip_trunk_id", "sip_dispatch_rule_id"):
            if key in base and self.random.random() < 0.8:
                table: Any = self.random.choice((trunks.inbound, trunks.outbound))
                if key == "sip_dispatch_rule_id":
                    table = trunks.rules
                base[key] = self.random.choice([*table.ids(), base[key]])


def mutated(rng: random.Random, value: Any) -> Any:
    """One place of `value` changed."""
    odd = deepcopy(rng.choice(ODD))
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        choice = rng.random()
        if choice < 0.5:
            value[key] = mutated(rng, value[key])
        elif choice < 0.65:
            value[key] = odd
        elif choice < 0.8:
            del value[key]
        elif choice < 0.9:
            value[rng.choice(("nope", "roomName", "replace", "update", "clear"))] = odd
        else:
            value = odd
        return value
    if isinstance(value, list) and value and rng.random() < 0.6:
        index = rng.randrange(len(value))
        value[index] = mutated(rng, value[index])
        return value
    if isinstance(value, str) and rng.random() < 0.5:
        return value + rng.choice(("\r\n", " ", "é", "<", ";transport=x", "0", "\x00"))
    return odd


def contents(message: Any) -> bytes:
    """Everything in a message, comparable."""
    found: bytes = message.SerializeToString(deterministic=True)
    return found


def known(trunks: TrunkTable) -> dict[str, bytes]:
    """The trunks and rules in memory, by id."""
    found = {ident: contents(trunks.inbound_trunk(ident)) for ident in trunks.inbound.ids()}
    found |= {ident: contents(trunks.outbound_trunk(ident)) for ident in trunks.outbound.ids()}
    return found | {ident: contents(trunks.rule(ident)) for ident in trunks.rules.ids()}


def stored(connection: sqlite3.Connection) -> dict[str, bytes]:
    """The trunks and rules on disk, by id."""
    found = {}
    for ident, kind, data in connection.execute("SELECT id, kind, data FROM trunks").fetchall():
        inbound = kind == "inbound"
        trunk = SIPInboundTrunkInfo() if inbound else SIPOutboundTrunkInfo()
        trunk.ParseFromString(data)
        found[ident] = contents(trunk)
    for ident, data in connection.execute("SELECT id, data FROM rules").fetchall():
        found[ident] = contents(SIPDispatchRuleInfo.FromString(data))
    return found


def _methods(client: Client) -> dict[str, Method]:
    routes = client.app._twirp._methods
    return {path.removeprefix("/twirp/livekit."): method for path, method in routes.items()}


def run(seed: int, count: int) -> None:
    with api() as client, capture_logs() as lines:
        fuzz = Fuzz(client, seed)
        assert fuzz.methods.keys() == BASES.keys()
        for _ in range(count):
            fuzz.step()
        faults = [line for line in lines if line["log_level"] in ("error", "critical")]
        assert faults == []
        assert [line for line in lines if "exc_info" in line] == []
        kept = client.runner.run(client.parts.store._ask(stored))
        assert kept == known(client.parts.trunks)


def test_requests_of_every_kind() -> None:
    run(seed=1, count=2_000)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_requests_of_every_kind(seed: int) -> None:
    run(seed=seed, count=2_000)


def test_random_bodies_to_every_method() -> None:
    rng = random.Random(3)
    with api() as client, capture_logs() as lines:
        token = {"authorization": "Bearer " + sign(all_grants("lobby"))}
        for name in BASES:
            for _ in range(10):
                for kind in ("application/json", "application/protobuf"):
                    answer = client.http(
                        "POST",
                        f"/twirp/livekit.{name}",
                        rng.randbytes(rng.randrange(60)),
                        {"content-type": kind, **token},
                    )
                    assert answer.status < 500 or answer.status in (501, 503), (name, answer)
        assert lines == []
