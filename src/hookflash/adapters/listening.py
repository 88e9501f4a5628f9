"""Which setting is to blame where a socket cannot be opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..base.errors import ConfigError


@contextmanager
def listening(key: str, value: object, address_key: str, address: str) -> Iterator[None]:
    """Name the setting where a socket cannot be opened: its port, or its address."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(address_key, address, "an address of this machine") from None
        if error.errno == errno.EADDRINUSE:
            flag = "--" + key.replace("_", "-")
            allowed = f"a port that is free ({flag} names another)"
            wrong = "is in use by another program"
            raise ConfigError(key, value, allowed, wrong=wrong) from None
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ConfigError(key, value, f"a port that is free and may be opened ({why})") from None
