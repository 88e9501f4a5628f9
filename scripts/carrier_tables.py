"""The generated parts of docs/carrier.md: every profile with its traits, and what a trait is."""

from __future__ import annotations

from dataclasses import fields

from hookflash.carrier.faults import Faults, shown
from hookflash.carrier.manners import TRAITS, CarrierManners
from hookflash.carrier.profile_files import load_profile, profile_names


def profiles() -> str:
    """A table for each profile: trait, value, where it is known from."""
    parts = []
    for name in profile_names():
        profile = load_profile(name)
        rows = [
            f"| `{trait.name}` | {_shown(trait.value)} | {_known(trait.source, trait.why)} |"
            for trait in profile.traits
        ]
        head = f"### {name}\n\n{profile.title}.\n\n| trait | value | known from |\n|---|---|---|\n"
        parts.append(head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def defaults() -> str:
    """Every trait with the value that it has where a profile does not name it."""
    plain = CarrierManners()
    assert tuple(entry.name for entry in fields(plain)) == TRAITS
    rows = [f"| `{name}` | {_shown(getattr(plain, name))} |" for name in TRAITS]
    return "| trait | where a profile does not name it |\n|---|---|\n" + "\n".join(rows) + "\n"


def _known(source: str, why: str) -> str:
    text = source or "**assumed**"
    return f"{text}: {why}" if why else text


def _shown(value: object) -> str:
    """As the YAML file has it."""
    if isinstance(value, tuple):
        items = [": ".join(one) if isinstance(one, tuple) else str(one) for one in value]
        return f"`{', '.join(items)}`" if items else "none"
    if isinstance(value, Faults):
        items = [f"{name}: {one}" for name, one in shown(value).items()]
        return f"`{', '.join(items)}`" if items else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    if value is None:
        return "never"
    return f"`{value}`" if value != "" else "that of the RFCs"
