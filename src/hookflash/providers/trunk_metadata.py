"""What a trunk's `metadata` says of its provider.

LiveKit lets anything stand in `metadata`. Of a JSON object these keys are ours, written flat or in
an object `hookflash` (`{"hookflash": {"provider": "twilio"}}`):

    hookflash.provider    name of a preset
    hookflash.domain      the provider's host in addresses, or host:port, in the preset's place
    hookflash.region      country of numbers without a country code, two letters
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..base.errors import ApiError
from ..base.light import light_dataclass
from . import numbers
from .preset import Preset

PROVIDER, DOMAIN, REGION = "hookflash.provider", "hookflash.domain", "hookflash.region"
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)
_REGION = re.compile(r"[A-Za-z]{2}")


@light_dataclass(frozen=True, slots=True)
class Presets:
    """Where presets come from."""

    names: Callable[[], tuple[str, ...]]
    load: Callable[[str], Preset | None]


NO_PRESETS = Presets(lambda: (), lambda _: None)


@light_dataclass(frozen=True, slots=True)
class TrunkProvider:
    """The provider of a trunk."""

    preset: Preset
    domain: str = ""
    """Host or host:port, an IPv6 address in brackets."""
    region: str = ""
    """Upper case."""


def trunk_provider(metadata: str, presets: Presets) -> TrunkProvider | None:
    """Whom a trunk's metadata names; None where it names nobody, or is not JSON at all.

    Raises:
        ApiError: invalid_argument for a provider that there is none of (the text names those that
            there are), and for a value of ours that is none.
    """
    content = _content(metadata)
    if content is None:
        return None
    name = _text(content, PROVIDER)
    domain, region = _text(content, DOMAIN), _text(content, REGION)
    if domain and not _HOST.fullmatch(domain):
        raise _invalid(DOMAIN, domain, "a host name such as sip.example.com")
    if region and not _REGION.fullmatch(region):
        raise _invalid(REGION, region, "a country of two letters such as US")
    if not name:
        return None
    preset = presets.load(name)
    if preset is None:
        known = ", ".join(presets.names())
        raise ApiError("invalid_argument", f"unknown {PROVIDER} {json.dumps(name)}; known: {known}")
    numbers.prepare()
    return TrunkProvider(preset, domain, region.upper())


def provider_name(metadata: str) -> str:
    """The name in a trunk's metadata, whether or not there is such a provider; "" for none."""
    try:
        return _text(_content(metadata) or {}, PROVIDER)
    except ApiError:
        return ""


def _content(metadata: str) -> dict[str, Any] | None:
    """The object that it is; None for anything else, and for one without anything of ours."""
    if "hookflash" not in metadata:
        return None
    try:
        content = json.loads(metadata)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if value is None:
        ours = content.get("hookflash")
        value = ours.get(key.partition(".")[2]) if isinstance(ours, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _invalid(key, value, "a text")
    return value


def _invalid(key: str, value: object, allowed: str) -> ApiError:
    shown = json.dumps(value)[:100]
    return ApiError("invalid_argument", f"metadata: {key} is {shown}, it is to be {allowed}")
