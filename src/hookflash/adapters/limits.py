"""Limits that the operating system sets."""

from __future__ import annotations

import resource

FILES_BESIDES_CALLS = 128
FILES_PER_CALL = 2
"""RTP and RTCP."""


MOST_CONNECTIONS = 4096


def share_of_connections(files: int) -> int:
    """How many connections of peers HTTP may have of so many open files, and SIP as many: calls
    come first."""
    return min(max(files // 8, 16), MOST_CONNECTIONS)


def raise_open_files() -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one (calls.md §5).

    Returns the limit and how many calls it allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1_048_576)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft, max(0, (soft - FILES_BESIDES_CALLS) // FILES_PER_CALL)
