"""The presets of providers, from their files; each is read when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from ..providers.preset import Preset
from ..providers.reading import PresetError, read_preset
from ..providers.trunk_metadata import Presets

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: ten times as fast."""


@cache
def preset_names() -> tuple[str, ...]:
    """All that there are, in order."""
    folder = files("hookflash.providers").joinpath("presets")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml")))


@cache
def load_preset(name: str) -> Preset | None:
    """The preset with this name; None: there is none.

    Raises:
        PresetError: its file is wrong.
    """
    if name not in preset_names():
        return None
    file = f"{name}.yaml"
    text = files("hookflash.providers").joinpath(f"presets/{file}").read_text("utf-8")
    try:
        content = yaml.load(text, _LOADER)  # noqa: S506  # a safe one, whichever it is
    except yaml.YAMLError as error:
        raise PresetError(file, "the file", str(error), "YAML is") from None
    return read_preset(file, content)


PRESETS = Presets(preset_names, load_preset)
"""All of them, for those who have to know no files."""
