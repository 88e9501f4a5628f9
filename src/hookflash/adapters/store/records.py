"""Records as JSON and back. What a later version adds is ignored, what it left out has its
default, so that a database can be read by both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from ...base.errors import StoreError
from ...calls.records import (
    AttemptRecord,
    CallRecord,
    DialogRecord,
    DialRecord,
    MediaStats,
    StageEntry,
    TransferRecord,
)

Record = TypeVar(
    "Record",
    TransferRecord,
    AttemptRecord,
    CallRecord,
    DialogRecord,
    DialRecord,
    MediaStats,
    StageEntry,
)


_TRANSFER = tuple(field.name for field in fields(TransferRecord))
_ATTEMPT = tuple(field.name for field in fields(AttemptRecord))
_CALL = tuple(field.name for field in fields(CallRecord))
_STATS = tuple(field.name for field in fields(MediaStats))


def transfer_dict(record: TransferRecord) -> dict[str, Any]:
    """As GET /hookflash/transfers shows it."""
    values = {name: getattr(record, name) for name in _TRANSFER}
    values["stages"] = _stages(record.stages)
    values["notes"] = list(record.notes)
    values["attempts"] = [
        {name: getattr(attempt, name) for name in _ATTEMPT} | {"stages": _stages(attempt.stages)}
        for attempt in record.attempts
    ]
    return values


def _stages(entries: Iterable[StageEntry]) -> list[dict[str, Any]]:
    return [{"stage": entry.stage, "at": entry.at} for entry in entries]


def call_dict(record: CallRecord) -> dict[str, Any]:
    """As GET /hookflash/calls shows it."""
    values = {name: getattr(record, name) for name in _CALL}
    values["stats"] = {name: getattr(record.stats, name) for name in _STATS}
    return values


def record_json(record: TransferRecord | CallRecord | DialogRecord | DialRecord) -> str:
    """For its table. What a peer wrote may be no Unicode: orjson, which is quick, refuses that."""
    try:
        return orjson.dumps(record).decode()
    except orjson.JSONEncodeError:
        return json.dumps(asdict(record), separators=(",", ":"))


def transfer_from(text: str) -> TransferRecord:
    """Raises StoreError for what is no transfer."""
    values = _load(text)
    values["stages"], values["notes"] = _stages_from(values), tuple(_list(values, "notes"))
    values["attempts"] = tuple(_attempt_from(each) for each in _list(values, "attempts"))
    return _build(TransferRecord, values)


def _attempt_from(values: Any) -> AttemptRecord:
    if not isinstance(values, dict):
        raise StoreError("a stored attempt is no JSON object")
    return _build(AttemptRecord, {**values, "stages": _stages_from(values)})


def _stages_from(values: Mapping[str, Any]) -> tuple[StageEntry, ...]:
    return tuple(_build(StageEntry, entry) for entry in _list(values, "stages"))


def call_from(text: str) -> CallRecord:
    """Raises StoreError for what is no call."""
    values = _load(text)
    values["stats"] = _build(MediaStats, values.get("stats") or {})
    return _build(CallRecord, values)


def dialog_from(text: str) -> DialogRecord:
    """Raises StoreError for what is no dialog."""
    values = _load(text)
    for name in ("route_set", "local_address", "next_hop"):
        values[name] = tuple(_list(values, name))
    return _build(DialogRecord, values)


def dial_from(text: str) -> DialRecord:
    """Raises StoreError for what is no request for a call."""
    return _build(DialRecord, _load(text))


def _load(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise StoreError(f"a stored record cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise StoreError("a stored record is no JSON object")
    return values


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    found = values.get(name)
    return found if isinstance(found, list) else []


def _build(kind: type[Record], values: Mapping[str, Any]) -> Record:
    try:
        given = {f.name: values[f.name] for f in fields(kind) if f.name in values}
        record = kind(**given)
    except (TypeError, AttributeError) as error:
        raise StoreError(f"a stored record is not whole: {error}") from None
    classes = _FIELDS[kind]
    for name, value in given.items():
        if not isinstance(value, classes[name]):
            raise StoreError(f"a stored record is not whole: {name} is {value!r}")
    return record


def _classes(hint: Any) -> Iterator[type]:
    """What a whole number is to a float, JSON does not tell apart."""
    origin = get_origin(hint)
    if origin is Literal:
        yield from {type(value) for value in get_args(hint)}
    elif origin in (Union, UnionType):
        for part in get_args(hint):
            yield from _classes(part)
    elif origin is not None:
        yield origin
    else:
        yield hint
        if hint is float:
            yield int


_FIELDS: dict[type, dict[str, tuple[type, ...]]] = {
    kind: {name: tuple(_classes(hint)) for name, hint in get_type_hints(kind).items()}
    for kind in Record.__constraints__
}
"""Of each field the classes that its values may have."""
