"""Presets from their files: what may stand in one, and what is wrong with one that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from string import Formatter
from types import MappingProxyType
from typing import Any, Literal, get_args

from ..base.errors import HookflashError
from ..base.light import light_dataclass
from .preset import UNKNOWN, Fact, FactSource, Preset, Refer, SourceKind

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z\-]*")
_YES_NO = ("yes", "no")


class PresetError(HookflashError):
    """A preset that cannot be used: file, key, value, what is allowed."""

    def __init__(self, file: str, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{file}: {key}: {value!r} is not allowed; {allowed}")


@light_dataclass(frozen=True, slots=True)
class Key:
    """What may stand at one key."""

    what: str
    """In words, for the tables."""
    choices: tuple[str, ...] = ()
    kind: Literal["choice", "text", "texts", "template", "headers"] = "text"
    fields: tuple[str, ...] = ()
    """What a template may have in braces."""
    optional: bool = False


def _choice(what: str, choices: tuple[str, ...]) -> Key:
    return Key(what, choices, "choice")


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "refer": _choice("takes REFER", tuple(c for c in get_args(Refer) if c != UNKNOWN)),
        "switch_on": Key("to switch on", kind="texts"),
        "instead": Key("instead of a transfer", optional=True),
        "refer_to": Key("Refer-To", kind="template", fields=("number", "domain")),
        "domain": Key("its domain"),
        "number": _choice("numbers in it", ("e164", "digits", "as_dialled")),
        "tel": _choice("takes tel:", _YES_NO),
        "own_domain": _choice("takes sip: at its domain", _YES_NO),
        "foreign_sip": _choice("takes sip: elsewhere", _YES_NO),
        "ip_address": _choice("takes sip: at an IP address", _YES_NO),
        "extensions": _choice("takes ;ext= and ;postd=", _YES_NO),
        "headers": Key("headers wanted", kind="headers", fields=("ours", "domain")),
        "digest": _choice("asks for a password", _YES_NO),
        "hangs_up": _choice("who hangs up", ("we", "provider")),
        "not_hung_up": Key("if nobody hangs up", optional=True),
        "notify": _choice("reports by NOTIFY", ("all", "final", "none")),
        "caller_id": Key("caller ID of the new call"),
        "cost": Key("costs"),
        "limits": Key("limits", kind="texts"),
        "address": Key("address of an outbound trunk"),
        "answers": Key("what its answers mean", kind="texts", optional=True),
        "console": Key("in its console", kind="texts", optional=True),
        "command": Key("by its own command", optional=True),
    }
)
"""Everything that a preset says, in the order in which it is shown."""


def read_preset(file: str, content: object) -> Preset:
    """The preset of `NAME.yaml`, whose `content` YAML has made of it.

    Raises:
        PresetError: it names what is wrong first.
    """
    name = file.removesuffix(".yaml")
    entries = _mapping(file, "the file", content)
    known = ("title", "sources", *KEYS)
    for key in entries:
        if key not in known:
            raise PresetError(file, str(key), entries[key], f"the keys are {', '.join(known)}")
    title = _text(file, "title", entries.get("title"))
    sources = _sources(file, entries.get("sources"))
    facts = {}
    for key, rule in KEYS.items():
        if key in entries:
            facts[key] = _fact(file, key, rule, entries[key], sources)
        elif not rule.optional:
            raise PresetError(file, key, None, f"say it, or `{UNKNOWN}`")
    cited = {id(fact.source) for fact in facts.values()}
    for mark, source in sources.items():
        if id(source) not in cited:
            raise PresetError(file, "sources", mark, "a source is for a fact, and none names it")
    return Preset(name, title, facts, dict(_pairs(facts["headers"].lines)))


def _sources(file: str, content: object) -> dict[str, FactSource]:
    found = {}
    for mark, entry in _mapping(file, "sources", content).items():
        key = f"sources.{mark}"
        values = _mapping(file, key, entry)
        for name in values:
            if name not in ("kind", "at", "date"):
                raise PresetError(file, f"{key}.{name}", values[name], "kind, at and date are")
        kind = _choose(file, f"{key}.kind", values.get("kind"), get_args(SourceKind))
        date = str(values.get("date"))
        if not _DATE.fullmatch(date):
            raise PresetError(file, f"{key}.date", date, "YYYY-MM or YYYY-MM-DD is")
        at = _text(file, f"{key}.at", values.get("at"))
        found[str(mark)] = FactSource(kind, at, date)  # type: ignore[arg-type]  # just chosen
    return found


def _fact(
    file: str, key: str, rule: Key, content: object, sources: Mapping[str, FactSource]
) -> Fact:
    if content == UNKNOWN:
        return Fact(UNKNOWN)
    entry = _mapping(file, key, content)
    for name in entry:
        if name not in ("value", "source", "assumed", "note"):
            allowed = "value, source, assumed and note are"
            raise PresetError(file, f"{key}.{name}", entry[name], allowed)
    note = _text(file, f"{key}.note", entry["note"]) if "note" in entry else ""
    value = _value(file, key, rule, entry.get("value"))
    mark, assumed = entry.get("source"), entry.get("assumed", False)
    if value == UNKNOWN and mark is None:
        return Fact(UNKNOWN, note=note)
    if not isinstance(assumed, bool):
        raise PresetError(file, f"{key}.assumed", assumed, "true is")
    if (mark is not None) == assumed:
        allowed = "a fact has a source, or says `assumed: true`"
        raise PresetError(file, f"{key}.source", mark, allowed)
    if mark is not None and mark not in sources:
        raise PresetError(file, f"{key}.source", mark, f"the sources are {', '.join(sources)}")
    return Fact(value, None if mark is None else sources[mark], assumed, note)


def _value(file: str, key: str, rule: Key, value: object) -> str:
    if value == UNKNOWN:
        return UNKNOWN
    if rule.kind == "choice":
        return _choose(file, key, value, (*rule.choices, UNKNOWN))
    if rule.kind == "texts":
        if not isinstance(value, list) or not value:
            raise PresetError(file, key, value, f"a list of texts is, or `{UNKNOWN}`")
        return "\n".join(_text(file, key, each) for each in value)
    if rule.kind == "headers":
        headers = _mapping(file, key, value)
        for name, template in headers.items():
            if not _HEADER.fullmatch(str(name)):
                raise PresetError(file, key, name, "the name of a header is")
            _template(file, f"{key}.{name}", template, rule)
        return "\n".join(f"{name}: {template}" for name, template in headers.items())
    text = _text(file, key, value)
    return _template(file, key, text, rule) if rule.kind == "template" else text


def _template(file: str, key: str, value: object, rule: Key) -> str:
    text = _text(file, key, value)
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        names = [""]
    if not set(names) <= set(rule.fields):
        allowed = " and ".join(f"{{{name}}}" for name in rule.fields)
        raise PresetError(file, key, text, f"in braces {allowed} are")
    return text


def _choose(file: str, key: str, value: object, choices: Iterable[str]) -> str:
    if isinstance(value, bool):  # YAML reads a bare yes and no so
        value = "yes" if value else "no"
    if not isinstance(value, str) or value not in choices:
        raise PresetError(file, key, value, f"{', '.join(choices)} are")
    return value


def _mapping(file: str, key: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise PresetError(file, key, value, "keys with values are")
    return value


def _text(file: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value.strip():
        raise PresetError(file, key, value, "one line of text is")
    return value.strip()


def _pairs(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, template = line.partition(": ")
        yield name, template
