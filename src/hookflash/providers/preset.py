"""A preset: what is known of one provider, each fact with where it comes from.

The files are `presets/NAME.yaml`; `reading` makes presets of them. What nobody knows is `UNKNOWN`
there, so that the tables say so instead of leaving it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from ..base.light import light_dataclass

UNKNOWN = "unknown"

Refer = Literal["yes", "switch", "ask", "no", "unknown"]
SourceKind = Literal["doc", "issue", "code", "seen"]


@light_dataclass(frozen=True, slots=True)
class FactSource:
    """Where a fact comes from."""

    kind: SourceKind
    """`doc`: a page of the provider or of one who works with it; `issue`: a public thread; `code`:
    source code that was read; `seen`: tried with Hookflash."""
    at: str
    """Address of the page or thread, or what was tried."""
    date: str
    """When it was looked at: YYYY-MM or YYYY-MM-DD."""


@light_dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a provider, or not known."""

    value: str
    """`UNKNOWN`, or as `reading.KEYS` allows for the key; lists have one entry a line."""
    source: FactSource | None = None
    """None: not known, or assumed."""
    assumed: bool = False
    note: str = ""

    @property
    def known(self) -> bool:
        """False where nobody knows."""
        return self.value != UNKNOWN

    @property
    def lines(self) -> tuple[str, ...]:
        """The entries of a list; one for anything else, none where it is not known."""
        return tuple(self.value.split("\n")) if self.known else ()


@light_dataclass(frozen=True, slots=True)
class Preset:
    """One provider. Every key of `reading.KEYS` is in `facts`."""

    name: str
    """As trunks say it: `twilio`."""
    title: str
    facts: Mapping[str, Fact]
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers wanted in a REFER: name → template with {ours} and {domain}."""

    def value(self, key: str) -> str:
        """`UNKNOWN` where nobody knows."""
        return self.facts[key].value
