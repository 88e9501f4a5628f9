"""Values of YAML files of the carrier: read, or refused with what is allowed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Final, TypeVar

from ..base.errors import ConfigError, HookflashError

LONGEST: Final = 3600.0
"""Seconds that a delay may last."""
LONGEST_TEXT: Final = 1000
"""Characters that a telephone says."""
_Value = TypeVar("_Value")
_KEYS: Final = frozenset("0123456789*#")
_HEX: Final = frozenset("0123456789abcdef")
Mapped = Mapping[object, object]


class NotAllowed(HookflashError):  # noqa: N818  # says what is allowed
    """Raised by a reader; `read` makes a ConfigError of it."""

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


Reader = Callable[[object], object]


def read(key: str, value: object, reader: Callable[[object], _Value]) -> _Value:
    """The value as its reader has it; `key` is named in the ConfigError (`file: trait`), which
    shows no password."""
    try:
        return reader(value)
    except NotAllowed as error:
        shown = "hidden" if key.endswith(("password", "token", "users")) else value
        raise ConfigError(key, shown, error.allowed) from None


def mapping(value: object) -> Mapped:
    """A mapping, whatever its keys are."""
    if not isinstance(value, Mapping):
        raise NotAllowed("a mapping")
    return value


def only(key: str, values: Mapped, known: tuple[str, ...]) -> None:
    """Raise ConfigError where `values` has a key that is not known."""
    for name in values:
        if name not in known:
            raise ConfigError(key, name, ", ".join(known), wrong="is unknown")


def one_of(*choices: str) -> Callable[[object], str]:
    """One of these texts."""

    def reader(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise NotAllowed(f"one of {', '.join(choices)}")
        return value

    return reader


def some_of(*choices: str) -> Callable[[object], tuple[str, ...]]:
    """A list of some of these texts, each once at most."""

    def reader(value: object) -> tuple[str, ...]:
        found = value if isinstance(value, list) else []
        if not found or any(not isinstance(one, str) or one not in choices for one in found):
            raise NotAllowed(f"a list of {', '.join(choices)}")
        return tuple(dict.fromkeys(found))

    return reader


def boolean(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise NotAllowed("true or false")
    return value


def failure_status(value: object) -> int:
    """A status of SIP by which something fails."""
    if isinstance(value, bool) or not isinstance(value, int) or not 300 <= value <= 699:
        raise NotAllowed("a SIP status from 300 to 699")
    return value


def milliseconds(*choices: int) -> Callable[[object], int]:
    """One of these."""

    def reader(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in choices:
            raise NotAllowed(f"one of {', '.join(map(str, choices))}")
        return value

    return reader


def count(most: int) -> Callable[[object], int]:
    """A whole number from 0 to this."""

    def reader(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise NotAllowed(f"a whole number from 0 to {most}")
        return value

    return reader


def count_or_any(most: int) -> Callable[[object], int | None]:
    """The same, or null for any number."""
    number = count(most)

    def reader(value: object) -> int | None:
        try:
            return None if value is None else number(value)
        except NotAllowed as error:
            raise NotAllowed(f"{error.allowed}, or null for any number") from None

    return reader


def seconds(value: object) -> float:
    """A time that may pass."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise NotAllowed(f"seconds from 0 to {LONGEST:g}")
    return float(value)


def seconds_or_never(value: object) -> float | None:
    """A time, or null for never."""
    try:
        return None if value is None else seconds(value)
    except NotAllowed as error:
        raise NotAllowed(f"{error.allowed}, or null for never") from None


def hertz(value: object) -> float:
    """A tone that a telephone carries; 0 is silence."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3400:
        raise NotAllowed("Hz from 0, which is silence, to 3400")
    return float(value)


def text(value: object) -> str:
    """Printable ASCII in one line."""
    if not isinstance(value, str) or not _plain(value):
        raise NotAllowed("a text of ASCII in one line")
    return value


def names(value: object) -> tuple[str, ...]:
    """Names of headers."""
    if not isinstance(value, list) or not all(_token(one) for one in value):
        raise NotAllowed("a list of names of headers")
    return tuple(value)


def name(value: object) -> str:
    """The name of a header."""
    if not _token(value):
        raise NotAllowed("the name of a header")
    return str(value)


def texts(*known: str) -> Callable[[object], tuple[tuple[str, str], ...]]:
    """A text for some of these."""

    def reader(value: object) -> tuple[tuple[str, str], ...]:
        items = list(value.items()) if isinstance(value, Mapping) else [("", "")]
        if not all(one in known and isinstance(said, str) and _plain(said) for one, said in items):
            raise NotAllowed(f"a mapping from {', '.join(known)} to texts in one line")
        return tuple(items)

    return reader


def headers(value: object) -> tuple[tuple[str, str], ...]:
    """Headers and their values."""
    items = list(value.items()) if isinstance(value, Mapping) else [("", "")]
    if not all(_token(name) and isinstance(one, str) and _plain(one) for name, one in items):
        raise NotAllowed("a mapping from names of headers to texts in one line")
    return tuple(items)


def domain(value: object) -> str:
    """A domain name, in lower case."""
    labels = value.split(".") if isinstance(value, str) else []
    if len(labels) < 2 or not all(_token(label) for label in labels):
        raise NotAllowed("a domain such as pstn.example.com")
    return ".".join(labels).lower()


def number(value: object) -> str:
    """A telephone number in E.164, with +."""
    if not isinstance(value, str) or not value.startswith("+") or not value[1:].isdecimal():
        raise NotAllowed('a number such as "+15105550123", in quotes')
    if not value.isascii() or not 3 <= len(value) <= 20:
        raise NotAllowed("a number of at most 19 digits")
    return value


def account_sid(value: object) -> str:
    """The SID of an account at Twilio."""
    digits = value.removeprefix("AC") if isinstance(value, str) else ""
    if value != f"AC{digits}" or len(digits) != 32 or not set(digits) <= _HEX:
        raise NotAllowed("AC and 32 digits of 0-9 and a-f")
    return value


def numbers(value: object) -> tuple[str, ...]:
    """A list of numbers."""
    if not isinstance(value, list):
        raise NotAllowed("a list of numbers")
    return tuple(number(one) for one in value)


def addresses(value: object) -> tuple[str, ...]:
    """A list of IP addresses and networks."""
    try:
        found = value if isinstance(value, list) else [None]
        for one in found:
            ip_network(one if isinstance(one, str) else "", strict=False)
    except ValueError:
        raise NotAllowed("a list of IP addresses and networks such as 192.0.2.0/24") from None
    return tuple(found)


def users(value: object) -> tuple[tuple[str, str], ...]:
    """User names, and the password of each."""
    items = list(value.items()) if isinstance(value, Mapping) else [("", "")]
    if not all(isinstance(one, str) and _plain(one) for item in items for one in item):
        raise NotAllowed("a mapping from user names to passwords, texts of ASCII in one line")
    return tuple(items)


def keys(value: object) -> str:
    """Keys of a telephone."""
    if not isinstance(value, str) or not value or not set(value) <= _KEYS or len(value) > 32:
        raise NotAllowed('keys such as "12#", in quotes')
    return value


def keys_or_times(value: object) -> str | tuple[tuple[float, str], ...]:
    """Keys of a telephone, or keys by the seconds after which they are pressed, in any order."""
    if isinstance(value, str):
        return keys(value)
    if not isinstance(value, Mapping) or not value:
        raise NotAllowed('keys such as "12#", in quotes, or by seconds: {2: "1", 5: "23#"}')
    return tuple(sorted((seconds(after), keys(pressed)) for after, pressed in value.items()))


def is_wave(text: str) -> bool:
    """Whether this is the name of a wave file: it ends in .wav."""
    return text.lower().endswith(".wav")


def says(value: object) -> str:
    """The name of a wave file, or a text to be spoken."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise NotAllowed(f"a text of at most {LONGEST_TEXT} characters, or a file.wav")
    if not value.isprintable():
        raise NotAllowed("a text in one line")
    return value


def wave_name(value: object) -> str:
    """The name of a wave file."""
    found = says(value)
    if not is_wave(found):
        raise NotAllowed("the name of a file that ends in .wav")
    return found


def menu(value: object) -> tuple[tuple[str, str], ...]:
    """A number for each key."""
    items = list(value.items()) if isinstance(value, Mapping) else [("", "")]
    if not all(isinstance(key, str) and len(key) == 1 and key in _KEYS for key, _ in items):
        raise NotAllowed('a mapping from keys, in quotes, to numbers: {"1": "+15105550123"}')
    return tuple((key, number(one)) for key, one in items)


def _plain(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and len(value) <= 200


def _token(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and 0 < len(value) <= 60
        and all(character.isalnum() or character == "-" for character in value)
    )
