"""What goes wrong on the way from the carrier to the exchange, as data. Pure.

Read from a profile, or from what somebody posts while the carrier runs.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from ..base.errors import ConfigError
from ..base.hosts import ip_literal
from ..base.light import light_dataclass
from . import reading
from .reading import NotAllowed, Reader


@light_dataclass(frozen=True, slots=True)
class Faults:
    """Shares are from 0 to 1, times in seconds. Only messages by UDP are lost, doubled or
    reordered."""

    sip_loss: float = 0.0
    """Share of SIP messages to the exchange that are lost."""
    sip_duplicate: float = 0.0
    """Share of those that come twice."""
    sip_delay: float = 0.0
    """How late they come."""
    sip_reorder: float = 0.0
    """Share of those that are overtaken by the next one, where that comes soon."""
    rtp_loss: float = 0.0
    rtp_duplicate: float = 0.0
    rtp_delay: float = 0.0
    rtp_reorder: float = 0.0
    """The same of the sound that the exchange gets."""
    one_way: bool = False
    """The exchange gets no sound at all."""
    wrong_address: str = ""
    """The carrier's SDP names this IP address; "": the right one."""
    unavailable: bool = False
    """INVITE, REFER and OPTIONS of the exchange get 503."""
    no_dns: bool = False
    """The carrier finds no address of a host name: what goes to one does not go out."""
    wrong_host: str = ""
    """The host name that the carrier's Contact has, and behind proxies its Record-Route, where
    there would be its address; "": the right one."""


def read_faults(key: str, value: object) -> Faults:
    """A mapping from some names of `Faults` to their values; `key` is named in errors.

    Raises:
        ConfigError: names the fault, its value and what is allowed.
    """
    found = reading.read(key, value, reading.mapping)
    reading.only(key, found, tuple(_READERS))
    read = {
        str(name): reading.read(f"{key}: {name}", one, _READERS[str(name)])
        for name, one in found.items()
    }
    return Faults(**read)  # type: ignore[arg-type]  # each as its reader has it


def faults(value: object) -> Faults:
    """The reader of the trait."""
    try:
        return read_faults("faults", value)
    except ConfigError as error:
        raise NotAllowed(f"some of {', '.join(_READERS)} ({error})") from None


def shown(faults: Faults) -> dict[str, object]:
    """Those that there are, as JSON has them."""
    usual = Faults()
    return {
        entry.name: getattr(faults, entry.name)
        for entry in fields(Faults)
        if getattr(faults, entry.name) != getattr(usual, entry.name)
    }


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotAllowed("a share from 0 to 1")
    return float(value)


def _delay(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 60:
        raise NotAllowed("seconds from 0 to 60")
    return float(value)


def _address(value: object) -> str:
    if not isinstance(value, str) or ip_literal(value) is None:
        raise NotAllowed("an IP address")
    return value


def _host(value: object) -> str:
    try:
        return reading.domain(value)
    except NotAllowed:
        raise NotAllowed("a host name such as edge.carrier.invalid") from None


_READERS: Final[dict[str, Reader]] = {
    "sip_loss": _share,
    "sip_duplicate": _share,
    "sip_delay": _delay,
    "sip_reorder": _share,
    "rtp_loss": _share,
    "rtp_duplicate": _share,
    "rtp_delay": _delay,
    "rtp_reorder": _share,
    "one_way": reading.boolean,
    "wrong_address": _address,
    "unavailable": reading.boolean,
    "no_dns": reading.boolean,
    "wrong_host": _host,
}
