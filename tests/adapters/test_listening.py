"""What somebody is told whose port is taken."""

from __future__ import annotations

import errno
import os

import pytest

from hookflash.adapters.listening import listening
from hookflash.base.errors import ConfigError


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "port: 7880 is in use by another program; allowed: a port that is free"),
        (errno.EADDRNOTAVAIL, "bind_addresses: '192.0.2.1' is not allowed; allowed: an address of"),
        (errno.EACCES, f"port: 7880 is not allowed; .*{os.strerror(errno.EACCES).lower()}"),
    ],
)
def test_the_setting_is_named(number: int, text: str) -> None:
    with (
        pytest.raises(ConfigError, match=text),
        listening("port", 7880, "bind_addresses", "192.0.2.1"),
    ):
        raise OSError(number, os.strerror(number))
