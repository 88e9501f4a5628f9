"""Random and mutated requests to every method: an answer of the table, never a bug of ours, and
nothing changed by what is refused."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import pytest
from google.protobuf.message import Message
from livekit.protocol.models import ParticipantInfo
from structlog.testing import capture_logs
from tests.api.support import Client, all_grants, api, sign

from hookflash.api.context import Method
from hookflash.rooms.participant import Join
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
ALLOWED_5XX = {501: {"unimplemented"}, 503: {"unavailable"}, 500: {"unknown"}}
"""What the table has: not implemented, no response from servers, ForwardParticipant."""


class Fuzz:
    """One run over a whole API, with its own seeded randomness."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        every = all_grants("lobby")
        every["video"]["destinationRoom"] = "b"
        self.token = sign(every)
        self.methods = _methods(client)
        self.audited = 0
        rooms = client.parts.rooms
        join = Join("sip_+1", kind=ParticipantInfo.SIP, attributes={"sip.callID": "SCL_a"})
        rooms.activate(1.0, rooms.join(1.0, "lobby", join)[0])

    def step(self) -> None:
        """One request, and what must hold after it."""
        name = self.random.choice(sorted(BASES))
        kind, body = self.request(name)
        before = self.state()
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
            assert code in ALLOWED_5XX.get(answer.status, ()), where
        assert "panic" not in answer.json["msg"], where
        assert self.state() == before, where

    def state(self) -> Any:
        """All that a refused request may not change."""
        book = self.client.parts.book
        shelves = (book.inbound, book.outbound, book.rules)
        return (
            [[(ident, id(shelf.get(ident))) for ident in shelf.ids()] for shelf in shelves],
            [len(shelf._claims) for shelf in shelves],
            len(self.client.telephony.events),
        )

    def request(self, name: str) -> tuple[str, bytes]:
        base = json.loads(json.dumps(self.random.choice(BASES[name])))
        self.use_real_ids(base)
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 4))):
            base = self.mutated(base)
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
        book = self.client.parts.book
        for key in ("sip_trunk_id", "sip_dispatch_rule_id"):
            if key in base and self.random.random() < 0.8:
                shelf: Any = self.random.choice((book.inbound, book.outbound))
                if key == "sip_dispatch_rule_id":
                    shelf = book.rules
                base[key] = self.random.choice([*shelf.ids(), base[key]])

    def mutated(self, value: Any) -> Any:
        """One place of `value` changed."""
        odd = deepcopy(self.random.choice(ODD))
        if isinstance(value, dict) and value:
            key = self.random.choice(sorted(value))
            choice = self.random.random()
            if choice < 0.5:
                value[key] = self.mutated(value[key])
            elif choice < 0.65:
                value[key] = odd
            elif choice < 0.8:
                del value[key]
            elif choice < 0.9:
                value[self.random.choice(("nope", "roomName", "replace", "update", "clear"))] = odd
            else:
                value = odd
            return value
        if isinstance(value, list) and value and self.random.random() < 0.6:
            index = self.random.randrange(len(value))
            value[index] = self.mutated(value[index])
            return value
        if isinstance(value, str) and self.random.random() < 0.5:
            return value + self.random.choice(("\r\n", " ", "é", "<", ";transport=x", "0", "\x00"))
        return odd


def _methods(client: Client) -> dict[str, Method]:
    routes = client.app._twirp._methods
    return {path.removeprefix("/twirp/livekit."): method for path, method in routes.items()}


def run(seed: int, count: int) -> None:
    with api() as client, capture_logs() as lines:
        fuzz = Fuzz(client, seed)
        assert fuzz.methods.keys() == BASES.keys()
        for _ in range(count):
            fuzz.step()
        assert [line for line in lines if line["log_level"] in ("error", "critical")] == []
        book = client.parts.book
        rows = client.runner.run(
            client.parts.store._ask(
                lambda c: c.execute("SELECT id FROM trunks UNION SELECT id FROM rules").fetchall()
            )
        )
        known = {*book.inbound.ids(), *book.outbound.ids(), *book.rules.ids()}
        assert {ident for (ident,) in rows} == known


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
