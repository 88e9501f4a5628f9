"""What a load run is to do, read from its terms: `calls=200 rate=20`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from ..base.errors import ConfigError
from ..base.light import light_dataclass
from . import reading
from .config import NetworkConfig, PhoneConfig
from .reading import NotAllowed

OPTION: Final = "--load"
MOST_CALLS: Final = 10_000
MOST_A_SECOND: Final = 1000.0
LONGEST_RUN: Final = 86_400.0
SHORTEST_HOLD: Final = 1.0
FIRST_CALLER: Final = 14156000000
"""Telephones that call in a load run have the numbers from this one on."""
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)", re.ASCII)
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_TARGET: Final = re.compile(r"(?i)\+\d{2,19}|(tel|sips?):[!-~]+", re.ASCII)


@light_dataclass(frozen=True, slots=True)
class LoadOrder:
    """Calls of one load run."""

    calls: int = 10
    """At once, at most."""
    rate: float = 1.0
    """New ones a second."""
    seconds: float = 60.0
    """For so long new ones are made."""
    hold: float = 10.0
    """Seconds from the answer until the telephone hangs up."""
    transfers: float = 0.0
    """The share of calls that the exchange is asked to transfer, 0 to 1."""
    to: str = ""
    """Whom it is to transfer them to: a number, or a tel or SIP URI."""
    room: str = ""
    """The room of all calls, with `{called}` for the number that is called; "": the API is asked
    where each is."""
    sound: bool = True
    """Telephones speak and listen."""


def read_load(terms: Sequence[str], lasts: str, network: NetworkConfig) -> LoadOrder:
    """`calls=200`, `rate=20`, … in any order, and for how long (`60s`, `10m`; "" for a minute).

    Raises:
        ConfigError: names the option and the term, its value and what is allowed.
    """
    values: dict[str, Any] = {}
    for term in " ".join(terms).split():
        name, equals, text = term.partition("=")
        if name not in _READERS:
            raise ConfigError(OPTION, name, ", ".join(_READERS), wrong="is unknown")
        if name in values:
            raise ConfigError(OPTION, name, "each term once", wrong="is there twice")
        values[name] = reading.read(f"{OPTION} {name}", text if equals else "", _READERS[name])
    if lasts:
        values["seconds"] = reading.read("--for", lasts, _time(SHORTEST_HOLD, LONGEST_RUN))
    order = LoadOrder(**values)
    if "hold" not in values:
        order = replace(order, hold=max(SHORTEST_HOLD, order.calls / order.rate))
    if order.transfers and not order.to:
        order = replace(order, to=_first_target(network))
    return order


def load_network(order: LoadOrder, network: NetworkConfig) -> tuple[NetworkConfig, list[str]]:
    """The network with a telephone for each call, as its first one is but for the number; and the
    numbers of these. Raises ConfigError where no number leads to an exchange."""
    if not dialled_numbers(network):
        names = [trunk.name for trunk in network.trunks]
        raise ConfigError("--config: trunks", names, "one with a number and an origination")
    known = {phone.number for phone in network.phones} | set(dialled_numbers(network))
    callers: list[PhoneConfig] = []
    following = FIRST_CALLER
    while len(callers) < order.calls:
        number, following = f"+{following}", following + 1
        if number not in known:
            first = network.phones[0]
            callers.append(replace(first, number=number, name="load", calls=""))
    whole = replace(network, phones=(*network.phones, *callers))
    return whole, [phone.number for phone in callers]


def dialled_numbers(network: NetworkConfig) -> list[str]:
    """Every number that leads to an exchange: the calls go to these in turn."""
    trunks = [trunk for trunk in network.trunks if trunk.origination is not None]
    return [number for trunk in trunks for number in trunk.numbers]


def _first_target(network: NetworkConfig) -> str:
    """The first telephone that is answered, but for the one that calls."""
    for phone in network.phones[1:]:
        if phone.does == "answers":
            return phone.number
    allowed = "a number, since no other telephone of this carrier is answered"
    raise ConfigError(f"{OPTION} to", "", allowed)


def _number(least: float, most: float, what: str) -> Callable[[object], float]:
    def reader(value: object) -> float:
        text = str(value)
        found = float(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else -1.0
        if not least <= found <= most:
            raise NotAllowed(f"{what} from {least:g} to {most:g}")
        return found

    return reader


def _count(value: object) -> int:
    text = str(value)
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= MOST_CALLS:
        raise NotAllowed(f"a whole number from 1 to {MOST_CALLS}")
    return int(text)


def _time(least: float, most: float) -> Callable[[object], float]:
    def reader(value: object) -> float:
        found = _TIME.fullmatch(str(value))
        seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
        if not least <= seconds <= most:
            raise NotAllowed(f"a time such as 60s, 10m or 1h, from {least:g} s to {most:g} s")
        return seconds

    return reader


def _target(value: object) -> str:
    text = str(value)
    if not _TARGET.fullmatch(text):
        raise NotAllowed("a number such as +15105550123, or a tel: or sip: URI")
    return text


def _switch(value: object) -> bool:
    return reading.one_of("yes", "no")(value) == "yes"


_READERS: Final[dict[str, reading.Reader]] = {
    "calls": _count,
    "rate": _number(0.01, MOST_A_SECOND, "calls a second"),
    "hold": _time(SHORTEST_HOLD, reading.LONGEST),
    "transfers": _number(0, 1, "a share of the calls"),
    "to": _target,
    "room": reading.text,
    "sound": _switch,
}
TERMS: Final = tuple(_READERS)
"""What may stand in `--load`."""
