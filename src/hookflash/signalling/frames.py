"""Messages of signalling as they come and go in WebSocket frames."""

from __future__ import annotations

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol.rtc import SignalRequest, SignalResponse

from ..base.counts import check_text
from ..base.errors import ProtocolError
from ..base.protojson import JsonWriter

MAX_FRAME = 640 * 1024
"""Bytes of one frame: metadata and attributes at their limits, or a long description."""

_json = JsonWriter("json", defaults=False)


class SignalError(ProtocolError):
    """A frame that is no SignalRequest. The session goes on without it."""


def read_request(frame: bytes | str) -> SignalRequest:
    """A binary frame (protobuf) or a text frame (its JSON); unknown fields are passed over.

    Raises SignalError.
    """
    if isinstance(frame, str):
        check_text(frame, SignalError)  # no SDK sends text
    elif len(frame) > MAX_FRAME:
        raise SignalError(f"a frame of {len(frame)} bytes")
    message = SignalRequest()
    try:
        if isinstance(frame, bytes):
            message.ParseFromString(frame)
        else:
            json_format.Parse(frame, message, ignore_unknown_fields=True, max_recursion_depth=20)
    except (DecodeError, json_format.ParseError, UnicodeError, RecursionError) as error:
        raise SignalError(f"a frame that is no SignalRequest: {type(error).__name__}") from None
    return message


def write_response(message: SignalResponse, *, as_text: bool) -> bytes | str:
    """A frame for a client: JSON for one whose last frame was text."""
    return _json.encode(message).decode() if as_text else message.SerializeToString()
