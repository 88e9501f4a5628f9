"""The profiles that come with the package, from their files; each is read when it is first asked
for."""

from __future__ import annotations

from functools import cache
from typing import Final

from ..adapters.package_yaml import yaml_content, yaml_names
from ..base.errors import ConfigError
from .manners import Profile, parse_profile

_PLACE: Final = ("hookflash.carrier", "profiles")


def profile_names() -> list[str]:
    """Every profile that there is, in the order of the alphabet."""
    return list(yaml_names(*_PLACE))


@cache
def load_profile(name: str) -> Profile:
    """The profile of this name; raises ConfigError."""
    known = profile_names()
    if name not in known:
        raise ConfigError("--profile", name, ", ".join(known), wrong="is no profile")
    return parse_profile(f"profiles/{name}.yaml", yaml_content(*_PLACE, name))
