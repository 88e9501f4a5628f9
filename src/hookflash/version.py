"""The version, read once from the installed package."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def hookflash_version() -> str:
    """Version of the installed package, `0.0.0` when run from a bare source tree."""
    try:
        return version("hookflash")
    except PackageNotFoundError:
        return "0.0.0"
