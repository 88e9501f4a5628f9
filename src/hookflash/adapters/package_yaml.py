"""YAML files that come with a package: which there are, and what is in one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: ten times as fast."""


@cache
def yaml_names(package: str, folder: str) -> tuple[str, ...]:
    """The names of all in that folder, without their `.yaml`, in the order of the alphabet."""
    names = (entry.name for entry in files(package).joinpath(folder).iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml")))


def yaml_content(package: str, folder: str, name: str) -> Any:
    """What YAML makes of the file of that name; raises yaml.YAMLError."""
    text = files(package).joinpath(f"{folder}/{name}.yaml").read_text("utf-8")
    return yaml.load(text, _LOADER)  # noqa: S506  # a safe one, whichever it is
