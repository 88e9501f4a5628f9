"""The SIP messages of a call as one value of the database, and back.

The value: a number that names this form, how many messages were dropped, the ways (JSON), then of
each message its time, its way, its direction and its length, then their bytes one after another.
It is made in the store's thread; credentials are taken out here, before anything is written.
"""

from __future__ import annotations

import json
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from ...base.errors import StoreError
from ...calls.records import KeptMessage, KeptMessages
from ...sip.flow import Flow
from ...sip.redaction import all_redacted
from ...sip.trace import Trace

FORM: Final = 1
_HEAD: Final = Struct("<BIII")
"""Form, messages dropped, messages, octets of the ways."""
_MESSAGE: Final = Struct("<dHBI")
"""Seconds since the epoch, number of its way, whether it came in, octets."""
_ANY: Final = frozenset({"0.0.0.0", "::"})


def kept_messages(trace: Trace, shift: float = 0.0) -> KeptMessages:
    """What may be shown of a call that is up: no credentials. `shift`: to the world's time."""
    bodies = all_redacted(entry[3] for entry in trace.entries)
    messages = [
        KeptMessage(at + shift, received, *_way(flow, trace.here), data)
        for (at, flow, received, _), data in zip(trace.entries, bodies, strict=True)
    ]
    return KeptMessages(tuple(messages), trace.dropped)


def messages_blob(trace: Trace, shift: float) -> bytes:
    """For the table."""
    entries = trace.entries
    ways: dict[Flow, int] = {}
    bodies = all_redacted(entry[3] for entry in entries)
    heads = [
        _MESSAGE.pack(at + shift, ways.setdefault(flow, len(ways)), received, len(data))
        for (at, flow, received, _), data in zip(entries, bodies, strict=True)
    ]
    named = _named(tuple(ways), trace.here)
    head = _HEAD.pack(FORM, trace.dropped, len(entries), len(named))
    return b"".join((head, named, *heads, *bodies))


def messages_from(blob: bytes) -> KeptMessages:
    """Raises StoreError for what is none."""
    try:
        form, dropped, count, size = _HEAD.unpack_from(blob)
        if form != FORM:
            raise StoreError(f"kept messages are of form {form}, this Hookflash knows {FORM}")
        ways = json.loads(blob[_HEAD.size : _HEAD.size + size])
        start = _HEAD.size + size
        place = start + count * _MESSAGE.size
        messages = []
        for number in range(count):
            at, way, received, length = _MESSAGE.unpack_from(blob, start + number * _MESSAGE.size)
            transport, local_ip, local_port, ip, port = ways[way]
            data = blob[place : place + length]
            if len(data) != length:
                raise StoreError("kept messages are not whole")
            place += length
            messages.append(
                KeptMessage(at, bool(received), transport, (local_ip, local_port), (ip, port), data)
            )
    except (StructError, ValueError, TypeError, IndexError) as error:
        raise StoreError(f"kept messages cannot be read: {error}") from None
    return KeptMessages(tuple(messages), dropped)


def _way(flow: Flow, here: str) -> tuple[str, tuple[str, int], tuple[str, int]]:
    ip, port = flow.local
    return flow.transport, (here if ip in _ANY and here else ip, port), flow.remote


@lru_cache(1024)
def _named(flows: tuple[Flow, ...], here: str) -> bytes:
    """Calls of one peer have the same ways."""
    rows = [(way[0], *way[1], *way[2]) for way in (_way(flow, here) for flow in flows)]
    return json.dumps(rows, separators=(",", ":")).encode()
