"""Bodies of Twirp requests → LiveKit's protobuf messages (facts §1.1, §1.2).

Answers are written by `base.protojson.JsonWriter`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from ..base.counts import MOST_ENTRIES, check_count
from ..base.errors import ApiError

JSON = "application/json"
PROTOBUF = "application/protobuf"
MAX_DEPTH = 100
"""How deep a JSON request may nest."""

M = TypeVar("M", bound=Message)


def content_kind(content_type: str) -> str:
    """`JSON`, `PROTOBUF`, or "" for what Twirp does not take; case and parameters do not count."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind in (JSON, PROTOBUF) else ""


def decode(kind: str, body: bytes, message_type: type[M]) -> M:
    """Read a request of content kind `kind`.

    Raises:
        ApiError: malformed, with LiveKit's text; invalid_argument for JSON with a list of more
            messages than `MOST_ENTRIES`, each of which takes the library 10 µs.
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
        if is_list and isinstance(value, list):
            check_count(key, len(value), MOST_ENTRIES)
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
