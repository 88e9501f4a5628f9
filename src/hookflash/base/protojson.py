"""Protobuf messages as JSON: what the API answers, and what webhooks say.

`google.protobuf.json_format.MessageToDict` takes some five times as long, and leaves unset messages
out where LiveKit writes `null`. The fields of each message type are worked out once.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Literal

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Json = dict[str, Any]
Convert = Callable[[Any], Any]
Shape = Literal["plain", "present", "message", "list", "map"]
Field = tuple[str, str, Shape, Convert | None]
"""Attribute of the message, JSON name, kind, conversion (None: as it is)."""
Populated = dict[int, tuple[int, str, Convert | None]]
"""By field number: place in the declaration, JSON name, conversion of the whole value."""

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_INT64 = frozenset((FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64))
_FLOATS = frozenset((FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT))


class JsonWriter:
    """Fields in the order of the .proto file (as LiveKit's own writers put them), 64-bit numbers as
    texts, the keys of maps sorted.

    `names`: `proto` (snake_case) or `json` (camelCase). `defaults`: whether fields that are not set
    are written: then `null` stands for an unset message, and unset members of a oneof and unset
    `optional` fields are left out all the same.
    """

    def __init__(self, names: Literal["proto", "json"] = "proto", *, defaults: bool = True) -> None:
        self._camel = names == "json"
        self._fields: dict[Any, tuple[Field, ...]] = {}
        self._populated: dict[Any, Populated] = {}
        self.to_dict: Callable[[Message], Json] = self._all if defaults else self._set
        """A message as Python values."""

    def encode(self, message: Message) -> bytes:
        """A message as JSON."""
        return _write(self.to_dict(message)).encode()

    def _all(self, message: Message) -> Json:
        descriptor: Any = message.DESCRIPTOR
        fields = self._fields.get(descriptor)
        if fields is None:
            fields = tuple(self._field(field) for field in descriptor.fields)
            self._fields[descriptor] = fields
        out: Json = {}
        for attribute, name, shape, convert in fields:
            if shape == "plain":
                value = getattr(message, attribute)
                out[name] = value if convert is None else convert(value)
            elif shape == "message":
                present = message.HasField(attribute)
                out[name] = convert(getattr(message, attribute)) if present and convert else None
            elif shape == "list":
                values = getattr(message, attribute)
                out[name] = list(values) if convert is None else [convert(v) for v in values]
            elif shape == "map":
                out[name] = _map(getattr(message, attribute), convert)
            elif message.HasField(attribute):
                value = getattr(message, attribute)
                out[name] = value if convert is None else convert(value)
        return out

    def _set(self, message: Message) -> Json:
        descriptor: Any = message.DESCRIPTOR
        plan = self._populated.get(descriptor)
        if plan is None:
            plan = self._populated[descriptor] = self._plan(descriptor)
        found = [(*plan[field.number], value) for field, value in message.ListFields()]
        found.sort(key=_place)
        return {
            name: value if convert is None else convert(value) for _, name, convert, value in found
        }

    # --- what is worked out once ----------------------------------------------------------------

    def _plan(self, descriptor: Any) -> Populated:
        plan: Populated = {}
        for place, field in enumerate(descriptor.fields):
            _, name, shape, convert = self._field(field)
            plan[field.number] = (place, name, _whole(shape, convert))
        return plan

    def _field(self, field: FieldDescriptor) -> Field:
        name = field.json_name if self._camel else field.name
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            return (field.name, name, "map", self._convert(nested.fields_by_name["value"]))
        shape: Shape = "plain" if nested is None else "message"
        if field.is_repeated:
            shape = "list"
        elif field.containing_oneof is not None:
            shape = "present"
        return (field.name, name, shape, self._convert(field))

    def _convert(self, field: FieldDescriptor) -> Convert | None:
        if field.message_type is not None:
            special = _SPECIAL.get(field.message_type.full_name)
            if special is not None:
                return special
            if field.message_type.full_name.startswith("google.protobuf."):
                return json_format.MessageToDict
            return self.to_dict
        if field.enum_type is not None:
            return _enum(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _base64
        if field.cpp_type in _INT64:
            return str
        return _float if field.cpp_type in _FLOATS else None


def _place(entry: tuple[int, str, Convert | None, Any]) -> int:
    return entry[0]


def _whole(shape: Shape, convert: Convert | None) -> Convert | None:
    """The conversion of a field's whole value."""
    if shape == "map":
        return lambda values: _map(values, convert)
    if shape != "list":
        return convert
    if convert is None:
        return list
    return lambda values: [convert(value) for value in values]


def _map(values: Any, convert: Convert | None) -> Json:
    items = sorted(values.items())
    if convert is None and items and isinstance(items[0][0], str):
        return dict(items)
    return {_key(k): v if convert is None else convert(v) for k, v in items}


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _enum(enum: EnumDescriptor) -> Convert:
    names = {value.number: value.name for value in reversed(enum.values)}

    def convert(number: int) -> str | int:
        return names.get(number, number)

    return convert


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _duration(value: Any) -> str:
    """`30s`, `1.500s`: nanoseconds in groups of three digits. What protobuf forbids (a client can
    send it in binary) is written all the same."""
    seconds, nanos = value.seconds, value.nanos
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _timestamp(value: Any) -> str | None:
    try:
        text: str = value.ToJsonString()
    except (ValueError, OverflowError):
        return None
    return text


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    digits = f"{nanos:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return "." + digits


_SPECIAL: dict[str, Convert] = {
    "google.protobuf.Duration": _duration,
    "google.protobuf.Timestamp": _timestamp,
}
