"""What a customer has at a carrier, and that it has an end."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from hookflash.carrier.rest.messages import RestFaceError
from hookflash.carrier.rest.resources import Resource, Resources


class Kind(NamedTuple):
    key: str
    most: int


BOX, PIN = Kind("boxes", 2), Kind("pins", 3)


class Held(Resources[Resource[Kind]]):
    """Adds as the accounts do."""

    def add(self, kind: Kind, sid: str, parent: str = "") -> None:
        self._room_for(kind, parent)
        self._things[sid] = Resource(kind, sid, {}, parent, 0.0, 0.0)

    def _full(self, kind: Any, text: str) -> RestFaceError:
        return RestFaceError(400, text)


def test_each_is_found_where_it_is() -> None:
    held = Held()
    held.add(BOX, "b1")
    held.add(BOX, "b2")
    held.add(PIN, "p1", "b1")
    assert [one.sid for one in held.below(BOX, "")] == ["b1", "b2"]
    assert [one.sid for one in held.below(PIN, "b1")] == ["p1"]
    assert held.below(PIN, "") == []
    found = held.find(PIN, "p1", "b1")
    assert found is not None
    assert found.sid == "p1"
    for wrong in ((PIN, "p1"), (PIN, "p1", "b2"), (BOX, "p1", "b1"), (BOX, "b3")):
        assert held.find(*wrong) is None


def test_there_are_so_many_below_one_and_so_many_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    held.add(BOX, "b1")
    held.add(BOX, "b2")
    with pytest.raises(RestFaceError, match="There are 2 boxes already"):
        held.add(BOX, "b3")
    monkeypatch.setattr("hookflash.carrier.rest.resources.ALL", 2)
    with pytest.raises(RestFaceError, match="There are 2 resources already"):
        held.add(PIN, "p1", "b1")
