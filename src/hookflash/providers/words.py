"""A preset in words, for `hookflash provider` and for docs/providers.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ..base.light import light_dataclass
from .preset import UNKNOWN, Fact, FactSource, Preset
from .reading import KEYS

_WORDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("refer", "switch"): "yes, once it is switched on",
        ("refer", "ask"): "yes, once the provider has enabled it",
        ("number", "e164"): "+ and country code",
        ("number", "digits"): "country code, without +",
        ("number", "as_dialled"): "as they are dialled",
        ("hangs_up", "we"): "we do",
        ("hangs_up", "provider"): "the provider does",
        ("notify", "all"): "each step",
        ("notify", "final"): "the outcome only",
        ("notify", "none"): "nothing",
    }
)
ANY_NUMBER = "+15105550100"
"""Stands in the commands where one's own number goes."""


@light_dataclass(frozen=True, slots=True)
class FactLine:
    """One line of the table of a preset."""

    what: str
    """"" where the line goes on with the list of the one before."""
    value: str
    source: FactSource | None
    assumed: bool


def fact_lines(preset: Preset) -> list[FactLine]:
    """All facts, a list with a line for each entry; what nobody knows is said, too."""
    found = []
    for key, fact in preset.facts.items():
        what = KEYS[key].what
        for value in values(preset, key):
            found.append(FactLine(what, value, fact.source, fact.assumed))
            what = ""
    return found


def values(preset: Preset, key: str) -> list[str]:
    """The entries of one fact in words, the note behind the last of them."""
    fact = preset.facts[key]
    entries = [_WORDS.get((key, each), each) for each in fact.lines] or ["not known"]
    if fact.note:
        entries[-1] += f": {fact.note}" if not fact.known else f" ({fact.note})"
    return entries


def sources_of(preset: Preset) -> dict[FactSource, int]:
    """Each source once, numbered in the order in which the facts name them."""
    cited = (fact.source for fact in preset.facts.values() if fact.source is not None)
    return {source: number for number, source in enumerate(dict.fromkeys(cited), 1)}


def mark_of(line: FactLine, marks: Mapping[FactSource, int]) -> str:
    """The number of its source, or that it is assumed; "" where it is not known."""
    if line.assumed:
        return "assumed"
    return "" if line.source is None else str(marks[line.source])


def commands(preset: Preset) -> list[str]:
    """What makes the trunks and a rule for this provider: capitals are to be replaced."""
    address = preset.facts["address"]
    host = address.value if address.known else "SIP-HOST"
    ours = preset.value("number") == "as_dialled"
    password, user = ("", "") if ours else ("HOOKFLASH_TRUNK_PASSWORD=PASSWORD ", " --user USER")
    provider = f"--provider {preset.name}"
    return [
        f"hookflash trunk inbound add --number {ANY_NUMBER} {provider}",
        f"{password}hookflash trunk outbound add --address {host} --number {ANY_NUMBER}"
        f"{user} {provider}",
        "hookflash rule add --room lobby",
    ]


def as_json(preset: Preset) -> dict[str, Any]:
    """For programs: facts as in the file, with their sources in full."""
    return {
        "name": preset.name,
        "title": preset.title,
        "facts": {key: _fact(fact, KEYS[key].kind) for key, fact in preset.facts.items()},
        "commands": commands(preset),
    }


def _fact(fact: Fact, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"value": fact.value}
    if fact.known and kind in {"texts", "headers"}:
        found["value"] = list(fact.lines)
    if fact.note:
        found["note"] = fact.note
    if fact.assumed:
        found["assumed"] = True
    if fact.source is not None:
        source = fact.source
        found["source"] = {"kind": source.kind, "at": source.at, "date": source.date}
    return found


# --- docs/providers.md --------------------------------------------------------------------------


def overview(presets: Iterable[Preset]) -> str:
    """The table of all in Markdown."""
    rows = ["| provider | takes REFER | Refer-To | to switch on |", "|---|---|---|---|"]
    for preset in presets:
        link = f"[{preset.title}](#{preset.name})"
        refer_to = preset.value("refer_to")
        told = "as asked" if refer_to == UNKNOWN else f"`{refer_to}`"
        if preset.value("refer") == "no":
            told = ""
        switch = "; ".join(values(preset, "switch_on"))
        rows.append(f"| {link} | {values(preset, 'refer')[0]} | {told} | {switch} |")
    return "\n".join(rows) + "\n"


def page_section(preset: Preset) -> str:
    """One provider in Markdown: facts with their sources, and its commands."""
    marks = sources_of(preset)
    parts = [f"## {preset.name}", "", f"{preset.title}.", "", "| | | source |", "|---|---|---|"]
    for line in fact_lines(preset):
        parts.append(f"| {line.what} | {_escaped(line.value)} | {mark_of(line, marks)} |")
    parts.append("")
    for source, number in marks.items():
        at = f"<{source.at}>" if "://" in source.at else source.at
        parts.append(f"{number}. {source.kind}, {source.date}: {at}")
    parts += [""] if marks else []
    return "\n".join([*parts, "```sh", *commands(preset), "```"]) + "\n"


def _escaped(text: str) -> str:
    """Braces, stars and pointed brackets as they are."""
    special = any(mark in text for mark in "{}<>*|")
    return f"`{text}`" if special and "`" not in text else text
