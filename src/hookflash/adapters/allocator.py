"""The C library's store of free memory, which is to be the system's again (glibc only).

What is taken and freed by the thousand in sizes that change, the heap keeps: pages with one small
block in use on each, or a top that stays since something lives above it. And once a big block was
freed, glibc takes blocks of that size from the heap too, where they had pages of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BIG: Final = 128 * 1024
"""Octets of a block from which on it has pages of its own, always."""
_M_MMAP_THRESHOLD: Final = -3
"""Of malloc.h."""


def settle() -> Callable[[], object]:
    """Let big blocks have pages of their own; a function is given back that returns what else is
    free to the system, in half a millisecond. Other C libraries have neither."""
    import ctypes  # what is imported at the start takes time there

    libc = ctypes.CDLL(None)
    try:
        libc.mallopt(_M_MMAP_THRESHOLD, BIG)
        trim = libc.malloc_trim
    except AttributeError:
        return lambda: None
    return lambda: trim(0)
