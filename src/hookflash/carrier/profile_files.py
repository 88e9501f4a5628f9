"""The profiles that come with the package, from their files."""

from __future__ import annotations

from importlib.resources import files

import yaml

from ..base.errors import ConfigError
from .manners import Profile, parse_profile

_PACKAGE = "hookflash.carrier"


def profile_names() -> list[str]:
    """Every profile that there is, in the order of the alphabet."""
    folder = files(_PACKAGE).joinpath("profiles")
    found = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def load_profile(name: str) -> Profile:
    """The profile of this name; raises ConfigError."""
    known = profile_names()
    if name not in known:
        raise ConfigError("--profile", name, ", ".join(known), wrong="is no profile")
    text = files(_PACKAGE).joinpath(f"profiles/{name}.yaml").read_text(encoding="utf-8")
    return parse_profile(f"profiles/{name}.yaml", yaml.safe_load(text))
