"""The presets of providers, from their files; each is read when it is first asked for."""

from __future__ import annotations

from functools import cache
from typing import Final

import yaml

from ..providers.preset import Preset
from ..providers.reading import PresetError, read_preset
from ..providers.trunk_metadata import Presets
from .package_yaml import yaml_content, yaml_names

_PLACE: Final = ("hookflash.providers", "presets")


def preset_names() -> tuple[str, ...]:
    """All that there are, in order."""
    return yaml_names(*_PLACE)


@cache
def load_preset(name: str) -> Preset | None:
    """The preset with this name; None: there is none.

    Raises:
        PresetError: its file is wrong.
    """
    if name not in preset_names():
        return None
    file = f"{name}.yaml"
    try:
        content = yaml_content(*_PLACE, name)
    except yaml.YAMLError as error:
        raise PresetError(file, "the file", str(error), "YAML is") from None
    return read_preset(file, content)


PRESETS = Presets(preset_names, load_preset)
"""All of them, for those who have to know no files."""
