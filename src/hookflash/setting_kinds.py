"""Kinds of values that settings have, and what is allowed of them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A group of settings; unknown keys are errors, so that a typing slip is found."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


def _port_range(value: object) -> object:
    """`10000-20000` as LiveKit writes it, or `{start, end}`."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", value)
        if match is None:
            raise ValueError("a range of ports such as 10000-20000")
        value = (int(match[1]), int(match[2]))
    if isinstance(value, Mapping):
        value = (value.get("start"), value.get("end"))
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError("a range of ports such as 10000-20000")
    return value


def _check_range(value: tuple[int, int]) -> tuple[int, int]:
    low, high = value
    if not 1024 <= low < high <= 65535:
        raise ValueError("a range of ports such as 10000-20000, within 1024-65535")
    return value


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(value: object) -> object:
    """`30s`, `5m`, `24h`, `30d`, or a number of seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*", value)
        if match is None:
            raise ValueError("a duration such as 30s, 5m, 24h or 30d")
        return float(match[1]) * _UNITS[match[2] or "s"]
    return value


def _one_or_many(value: object) -> object:
    """Lists take one value or several, which a variable separates by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("an IP address such as 192.0.2.1") from None


def _ip_or_empty(value: str) -> str:
    return _ip(value) if value else value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError("a network such as 10.0.0.0/8") from None


PortRange = Annotated[tuple[int, int], BeforeValidator(_port_range), AfterValidator(_check_range)]
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
IpAddress = Annotated[str, AfterValidator(_ip)]
IpAddressOrEmpty = Annotated[str, AfterValidator(_ip_or_empty)]
Network = Annotated[str, AfterValidator(_network)]
Item = TypeVar("Item")
ListOf = Annotated[list[Item], BeforeValidator(_one_or_many)]


class TurnServer(Section):
    """A relay that clients are told of (LiveKit's `rtc.turn_servers`)."""

    host: str
    port: Port
    protocol: Literal["udp", "tcp", "tls"] = "udp"
    username: str = ""
    credential: SecretStr = SecretStr("")
