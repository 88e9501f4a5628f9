"""Tables that say what is done with each kind of an effect or event.

Looked into by type, for they are on the way of every message: `match` would ask for one kind after
another. What `match` with `assert_never` would see to is seen to all the same: that each performer
takes the kind that it is for, by the type checker (`on`), and that there is one for every kind of
the union, when the table is made (`performers`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, TypeVar, TypeVarTuple, Unpack, get_args

_Kind = TypeVar("_Kind")
_Before = TypeVarTuple("_Before")
_Result = TypeVar("_Result")


def on(
    kind: type[_Kind], perform: Callable[[Unpack[_Before], _Kind], _Result]
) -> tuple[type, Callable[[Unpack[_Before], Any], _Result]]:
    """A row: what is done with this kind. The effect is the last argument of `perform`."""
    return kind, perform


def performers(
    union: UnionType,
    *rows: tuple[type, Callable[[Unpack[_Before], Any], _Result]],
    but: UnionType | None = None,
) -> dict[type, Callable[[Unpack[_Before], Any], _Result]]:
    """One performer for every kind of `union`, but for those of `but`, which are passed over.

    Raises TypeError where one is missing, or is there twice or for something else.
    """
    wanted = [kind for kind in get_args(union) if kind not in get_args(but)]
    given = [kind for kind, _ in rows]
    wrong = [f"no performer for {kind.__name__}" for kind in wanted if kind not in given]
    wrong += [f"nobody asked for {kind.__name__}" for kind in given if kind not in wanted]
    wrong += [f"two performers for {kind.__name__}" for kind in wanted if given.count(kind) > 1]
    if wrong:
        raise TypeError("; ".join(wrong))
    return dict(rows)
