"""Twirp bodies ↔ LiveKit's protobuf messages (facts §1.1, §1.2).

JSON out is LiveKit's: proto names, unpopulated fields emitted, `null` for an unset message, unset
oneof members and unset `optional` fields left out. Protobuf's own JSON writer leaves unset
messages out too and takes three times as long, hence a writer of our own; it works out the fields
of each message type once.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ..base.errors import ApiError

JSON = "application/json"
PROTOBUF = "application/protobuf"
MAX_DEPTH = 100
"""How deep a JSON request may nest."""

M = TypeVar("M", bound=Message)
Convert = Callable[[Any], Any]
Shape = Literal["plain", "present", "message", "member", "list", "messages", "map"]
Field = tuple[str, Shape, Convert | None]

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_INT64 = frozenset(
    (
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT64,
    )
)
_FLOATS = frozenset((FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT))


def content_kind(content_type: str) -> str:
    """`JSON`, `PROTOBUF`, or "" for what Twirp does not take; case and parameters do not count."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind in (JSON, PROTOBUF) else ""


def decode(kind: str, body: bytes, message_type: type[M]) -> M:
    """Read a request of content kind `kind`.

    Raises:
        ApiError: malformed, with LiveKit's text.
    """
    if kind == PROTOBUF:
        try:
            return message_type.FromString(body)
        except (DecodeError, RecursionError):
            raise ApiError("malformed", "the protobuf request could not be decoded") from None
    message = message_type()
    try:
        values = json.loads(body)
        if b"\\u" in body:
            json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair is no text
        _check_objects(values, message_type.DESCRIPTOR)
        json_format.ParseDict(
            values, message, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH
        )
        message.ByteSize()
    except (
        json_format.Error,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        LookupError,
        RecursionError,
    ):
        # The library lets all of these out for one or another odd value.
        raise ApiError("malformed", "the json request could not be decoded") from None
    return message


def _check_objects(values: object, descriptor: Any) -> None:
    """Protobuf's reader takes a text or a list for an empty message; LiveKit's does not."""
    if not isinstance(values, dict):
        raise ValueError("not an object")
    fields = _object_fields(descriptor)
    for key, value in values.items():
        if value is None or key not in fields:
            continue
        is_list, nested = fields[key]
        for item in value if is_list else (value,):
            _check_objects(item, nested)


@cache
def _object_fields(descriptor: Any) -> dict[str, tuple[bool, Any]]:
    """The fields of a message type that hold messages of LiveKit's, by both their names."""
    fields: dict[str, tuple[bool, Any]] = {}
    for field in descriptor.fields:
        nested = field.message_type
        if nested is None or nested.full_name.startswith("google.protobuf."):
            continue
        if not nested.GetOptions().map_entry:
            fields[field.name] = fields[field.json_name] = (field.is_repeated, nested)
    return fields


class JsonWriter:
    """Writes messages as LiveKit's JSON; keeps what it worked out of each message type."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[Field, ...]] = {}

    def encode(self, message: Message) -> bytes:
        """The body of an answer."""
        return _write(self.to_dict(message)).encode()

    def to_dict(self, message: Message) -> dict[str, Any]:
        """The same as Python values."""
        descriptor = message.DESCRIPTOR
        fields = self._fields.get(descriptor.full_name)
        if fields is None:
            fields = self._fields[descriptor.full_name] = self._plan(descriptor)
        out: dict[str, Any] = {}
        for name, shape, convert in fields:
            if shape == "plain":
                value = getattr(message, name)
                out[name] = value if convert is None else convert(value)
            elif shape == "message":
                present = message.HasField(name)
                out[name] = convert(getattr(message, name)) if present and convert else None
            elif shape in ("list", "messages"):
                values = getattr(message, name)
                out[name] = list(values) if convert is None else [convert(v) for v in values]
            elif shape == "map":
                items = getattr(message, name).items()
                out[name] = {
                    _key(k): v if convert is None else convert(v) for k, v in sorted(items)
                }
            elif message.HasField(name):
                value = getattr(message, name)
                out[name] = value if convert is None else convert(value)
        return out

    def _plan(self, descriptor: Any) -> tuple[Field, ...]:
        return tuple(self._field(field) for field in descriptor.fields)

    def _field(self, field: FieldDescriptor) -> Field:
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            return (field.name, "map", self._convert(nested.fields_by_name["value"]))
        convert = self._convert(field)
        if field.is_repeated:
            return (field.name, "messages" if nested is not None else "list", convert)
        if field.containing_oneof is not None:
            return (field.name, "member" if nested is not None else "present", convert)
        return (field.name, "message" if nested is not None else "plain", convert)

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
