"""What a customer has at a carrier, as its REST shows it: each of a kind, all with an end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from .messages import RestFaceError

MOST: Final = 1000
"""Resources of one kind below one other, where the carrier says no other number."""
ALL: Final = 10_000
"""Resources of all kinds together."""


class ResourceKind(Protocol):
    """A kind of resource."""

    @property
    def key(self) -> str:
        """What several of them are called."""
        ...

    @property
    def most(self) -> int:
        """How many there may be below one other."""
        ...


KindT = TypeVar("KindT", bound=ResourceKind)


@dataclass(slots=True, eq=False)
class Resource(Generic[KindT]):
    """One resource; times in seconds since the epoch."""

    kind: KindT
    sid: str
    """What the carrier's REST calls it by."""
    values: dict[str, Any]
    """By their keys in JSON."""
    parent: str
    """SID of the one that it is in, "" where it is the account's."""
    created: float
    updated: float
    password: str = field(default="", repr=False)
    """Where it has one; it is never among the values."""


One = TypeVar("One", bound=Resource[Any])


class Resources(Generic[One]):
    """All that there are of one account."""

    def __init__(self) -> None:
        self._things: dict[str, One] = {}
        """By SID, oldest first."""

    def below(self, kind: ResourceKind, parent: str) -> list[One]:
        """All of a kind that are in this one, oldest first; `parent` "": those of the account."""
        found = self._things.values()
        return [one for one in found if one.kind is kind and one.parent == parent]

    def find(self, kind: ResourceKind, sid: str, parent: str = "") -> One | None:
        """One of this kind, of the account or in this one."""
        thing = self._things.get(sid)
        right = thing is not None and thing.kind is kind and thing.parent == parent
        return thing if right else None

    def _room_for(self, kind: ResourceKind, parent: str) -> None:
        """Raises `_full` where there may be no further one."""
        if len(self.below(kind, parent)) >= kind.most:
            raise self._full(kind, f"There are {kind.most} {kind.key} already")
        if len(self._things) >= ALL:
            raise self._full(kind, f"There are {ALL} resources already")

    def _full(self, kind: Any, text: str) -> RestFaceError:
        """The carrier's error."""
        raise NotImplementedError
