"""Telephone numbers as countries write them, by Google's rules (`phonenumbers`).

The library is imported late, since it costs 8 MB and more than a tick of the media clock: with the
first trunk that names a provider, and not in the middle of a call.
"""

from __future__ import annotations

import re

_SEPARATORS = str.maketrans("", "", "-.() ")
_GLOBAL = re.compile(r"\+[0-9]+")
_DIGITS = re.compile(r"[0-9]+")


def prepare() -> None:
    """Import the library now."""
    import phonenumbers  # noqa: F401


def plain(number: str) -> str:
    """Without visual separators (RFC 3966 §5.1.1)."""
    return number.translate(_SEPARATORS)


def is_global(number: str) -> bool:
    """True of `+` and digits, without separators."""
    return _GLOBAL.fullmatch(number) is not None


def e164(number: str, region: str) -> str:
    """A number without separators as `+` and digits: as it is where it has its `+`, else read as
    people of `region` (two letters) dial it. "" where it is none, or too long or short for one."""
    if is_global(number):
        return number
    if not region or not _DIGITS.fullmatch(number):
        return ""
    import phonenumbers

    try:
        read = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(read):
        return ""
    return str(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164))


def region_of(number: str) -> str:
    """The country of a number with its `+`, two letters; "" where it is of none."""
    if not is_global(number):
        return ""
    import phonenumbers

    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_country_code(read.country_code or 0)
    exact = phonenumbers.region_code_for_number(read)
    found = str(exact or region)
    return found if len(found) == 2 and found.isalpha() and found != "ZZ" else ""


def national(number: str) -> str:
    """A number with its `+` as it is written within its country, without a trunk prefix:
    `5105550100`. "" where it is none."""
    if not is_global(number):
        return ""
    import phonenumbers

    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    return str(phonenumbers.national_significant_number(read))
