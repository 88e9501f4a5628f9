"""Seconds of an option as protobuf wants them, and times as people do."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration


def duration(seconds: float) -> Duration | None:
    """None for 0: the server's default."""
    if not seconds:
        return None
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


def clock(seconds: float) -> str:
    """`1:02:03`, `4:05`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(seconds: float) -> str:
    """`2026-02-28 14:03:59`, in UTC; `seconds` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
