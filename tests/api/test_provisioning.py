from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from livekit.protocol.sip import SIPInboundTrunkInfo
from structlog.testing import capture_logs
from tests.api.support import Client, api

from hookflash.adapters.store.ops import StoreOp
from hookflash.adapters.store.store import Store
from hookflash.api.provisioning import Provisioning, stamp_change, stamp_new
from hookflash.base.errors import StoreError
from hookflash.base.ids import Ids
from hookflash.calls.trunks.table import TrunkTable


def test_of_many_conflicting_creations_one_wins() -> None:
    with api() as client:

        async def create() -> list[int]:
            trunk = {"trunk": {"numbers": ["+1 555"]}}
            answers = await asyncio.gather(
                *(client.acall("CreateSIPInboundTrunk", trunk) for _ in range(20))
            )
            return sorted(answer.status for answer in answers)

        assert client.runner.run(create()) == [200] + [400] * 19
        assert len(client.parts.trunks.inbound) == 1


def test_clients_that_change_trunks_at_once_leave_no_two_in_conflict() -> None:
    with api() as client:
        statuses = client.runner.run(_turmoil(client))
        assert statuses <= {200, 400, 404}
        trunks = client.parts.trunks
        cells: dict[Any, str] = {}
        for ident in trunks.inbound.ids():
            entry = trunks.inbound.get(ident)
            assert entry is not None
            for cell in entry.cells:
                assert cells.setdefault(cell, ident) == ident
                assert trunks.inbound.claimed(cell) == (ident,)
        stored = client.runner.run(_reloaded(client))
        assert stored == set(trunks.inbound.ids())


async def _turmoil(client: Client) -> set[int]:
    seen: set[int] = set()

    async def one(number: int) -> None:
        numbers = [f"+1{number % 7}", f"+2{number % 5}"]
        created = await client.acall("CreateSIPInboundTrunk", {"trunk": {"numbers": numbers}})
        seen.add(created.status)
        if created.status != 200:
            return
        ident = created.json["sip_trunk_id"]
        change = {"numbers": {"add": [f"+3{number % 3}"], "remove": numbers[:1]}}
        body = {"sip_trunk_id": ident, "update": change}
        answers = await asyncio.gather(
            client.acall("UpdateSIPInboundTrunk", body),
            client.acall("UpdateSIPInboundTrunk", body),
        )
        seen.update(answer.status for answer in answers)
        if number % 2:
            deleted = await client.acall("DeleteSIPTrunk", {"sip_trunk_id": ident})
            seen.add(deleted.status)

    await asyncio.gather(*(one(number) for number in range(100)))
    return seen


async def _reloaded(client: Client) -> set[str]:
    rows = await client.parts.store._ask(lambda c: c.execute("SELECT id FROM trunks").fetchall())
    return {ident for (ident,) in rows}


def test_what_cannot_be_stored_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: Store, *ops: StoreOp) -> None:
        raise StoreError("disk full")

    with api() as client:
        made = client.call("CreateSIPInboundTrunk", {"trunk": {"numbers": ["+1"]}}).json
        ident = made["sip_trunk_id"]
        before = client.call("ListSIPInboundTrunk").json
        with monkeypatch.context() as broken, capture_logs() as lines:
            broken.setattr(Store, "write", refuse)
            for method, body in (
                ("CreateSIPInboundTrunk", {"trunk": {"numbers": ["+2"]}}),
                ("UpdateSIPInboundTrunk", {"sip_trunk_id": ident, "update": {"name": "x"}}),
                ("DeleteSIPTrunk", {"sip_trunk_id": ident}),
            ):
                answer = client.call(method, body)
                assert answer.status == 500
                assert answer.json["msg"] == "the change could not be stored"
        assert len(lines) == 3
        assert client.call("ListSIPInboundTrunk").json == before
        assert client.call("CreateSIPInboundTrunk", {"trunk": {"numbers": ["+2"]}}).status == 200


def test_stamps() -> None:
    old, new = SIPInboundTrunkInfo(), SIPInboundTrunkInfo()
    stamp_new(old, 1.5)
    stamp_change(new, old, 2.25)
    assert (new.created_at.ToMilliseconds(), new.updated_at.ToMilliseconds()) == (1500, 2250)
    assert old.updated_at.ToJsonString() == "1970-01-01T00:00:01.500Z"


def test_an_id_that_something_has_is_drawn_again() -> None:
    taken = Ids(random.Random(7)).new("ST_")
    provisioning = Provisioning(TrunkTable(), Store(), Ids(random.Random(7)))
    ident = provisioning.new_id("ST_", {taken}.__contains__)
    assert ident.startswith("ST_")
    assert ident != taken
