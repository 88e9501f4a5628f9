"""What a value of a setting may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hookflash.setting_kinds import Duration, IpAddressOrEmpty, ListOf, Network, Port, PortRange


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (PortRange, "10000-20000", (10000, 20000)),
        (PortRange, {"start": 1024, "end": 65535}, (1024, 65535)),
        (Duration, "1.5m", 90.0),
        (Duration, 3, 3.0),
        (Port, 65535, 65535),
        (IpAddressOrEmpty, "", ""),
        (IpAddressOrEmpty, "::0:1", "::1"),
        (Network, "10.1.2.3/8", "10.0.0.0/8"),
        (ListOf[str], "a, b", ["a", "b"]),
    ],
)
def test_what_is_taken(kind: Any, value: object, found: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == found


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((PortRange, "10"), (PortRange, "2000-1000"), (PortRange, {"start": 1024})),
        *((Duration, "soon"), (Duration, -1), (Port, 65536)),
        *((IpAddressOrEmpty, "here"), (Network, "10.0.0.0/40")),
    ],
)
def test_what_is_not(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)
