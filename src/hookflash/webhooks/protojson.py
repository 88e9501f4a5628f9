"""Protobuf messages as the JSON of webhooks: camelCase, defaults left out, 64-bit as strings.

The same as `google.protobuf.json_format.MessageToDict`, at a fifth of its cost and in the order
in which the .proto file declares the fields (as LiveKit's own writer puts them). It knows the
kinds of fields that rooms, participants, tracks and SIP records have; others raise TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Json = dict[str, Any]
_Convert = Callable[[Any], Any]
_Plan = dict[int, tuple[int, str, _Convert | None]]
"""By field number: place in the declaration, JSON name, conversion (None: as it is)."""

_PLAIN = frozenset(
    (
        FieldDescriptor.TYPE_BOOL,
        FieldDescriptor.TYPE_STRING,
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_UINT32,
    )
)
_LONG = frozenset((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64))


def to_json(message: Message) -> Json:
    """The set fields of `message`, ready for `json.dumps`."""
    plan = _plan(message.DESCRIPTOR)
    found = [(*plan[field.number], value) for field, value in message.ListFields()]
    found.sort(key=_place)
    return {key: value if convert is None else convert(value) for _, key, convert, value in found}


def _place(entry: tuple[int, str, _Convert | None, Any]) -> int:
    return entry[0]


@lru_cache(maxsize=64)
def _plan(descriptor: Descriptor) -> _Plan:
    if descriptor.full_name.startswith("google.protobuf."):
        raise TypeError(f"{descriptor.full_name} has a JSON form of its own")
    return {
        field.number: (place, field.json_name, _conversion(field))
        for place, field in enumerate(descriptor.fields)
    }


def _conversion(field: FieldDescriptor) -> _Convert | None:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        texts = all(part.type == FieldDescriptor.TYPE_STRING for part in inner.fields)
        return _text_map if texts else _refusal(field)
    scalar = _scalar(field)
    if not field.is_repeated:
        return scalar
    if scalar is None:
        return list
    return lambda values: [scalar(value) for value in values]


def _scalar(field: FieldDescriptor) -> _Convert | None:
    if field.type in _PLAIN:
        return None
    if field.type in _LONG:
        return str
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return to_json
    if field.enum_type is not None:
        return _enum(field.enum_type)
    return _refusal(field)


def _text_map(entries: Mapping[str, str]) -> Json:
    return dict(sorted(entries.items()))


def _refusal(field: FieldDescriptor) -> _Convert:
    def refuse(_value: object) -> None:
        raise TypeError(f"no JSON form for {field.full_name}")

    return refuse


def _enum(enum: EnumDescriptor) -> _Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)
