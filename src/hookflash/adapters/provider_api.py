"""Where a provider's API is asked, and what is raised where it does not answer."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ..base.errors import HookflashError

TIMEOUT = 20.0
"""Seconds for an answer."""


class ProviderApiError(HookflashError):
    """The provider's library is missing, there are no credentials, or the provider refused; the
    text says which."""


def no_library(title: str, extra: str) -> ProviderApiError:
    """`title`: the provider, in words; `extra`: which of this package brings its library."""
    return ProviderApiError(f"{title}'s library is not installed: pip install 'hookflash[{extra}]'")


def refused(title: str, status: object, text: object, code: object) -> ProviderApiError:
    """An answer that is an error; `code`: the provider's own, where it gave one."""
    named = f" (error {code})" if code else ""
    return ProviderApiError(f"{title} answered {status}: {text}{named}")


def unreached(title: str, error: object) -> ProviderApiError:
    """There was no answer; of a library's error that names its own objects, the system's words."""
    why, cause = error, error if isinstance(error, BaseException) else None
    while cause is not None:
        why = getattr(cause, "strerror", None) or why
        cause = cause.__cause__ or cause.__context__
    return ProviderApiError(f"{title} cannot be asked: {why}")


def stand_in(api: str) -> SplitResult:
    """The address of a server that stands for a provider's.

    Raises:
        ProviderApiError: it is none, or the secret would go there in clear.
    """
    base = urlsplit(api)
    if base.scheme not in {"http", "https"} or not base.hostname:
        raise ProviderApiError(f"{api!r} is no address such as http://127.0.0.1:8080")
    if base.scheme == "http" and not _loopback(base.hostname):
        raise ProviderApiError(f"{api!r}: the secret would go in clear; use https")
    return base


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
