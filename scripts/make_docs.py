"""Writes the generated parts of the documentation, each between its two marker comments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from scripts import carrier_tables, matrix_tables
from scripts import transfer_examples as examples

from hookflash.adapters.presets import load_preset, preset_names
from hookflash.calls.legs.core import TRANSITIONS
from hookflash.calls.transfers.refer_usage import STEPS
from hookflash.calls.transfers.transfer import LEGAL
from hookflash.cli.settings import markdown_table
from hookflash.providers import words
from hookflash.providers.preset import Preset
from hookflash.sip import transaction

_State = TypeVar("_State", bound=Enum)

DOCS = Path(__file__).resolve().parent.parent / "docs"


def drawing(steps: Iterable[tuple[str, str, str]], first: str) -> str:
    """A state drawing in Mermaid: (from, to, label or "") of every step."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {a} --> {b}" + (f" : {label}" if label else "") for a, b, label in steps]
    return "\n".join([*lines, "```"]) + "\n"


def leg_phases() -> str:
    """`calls.legs.core.TRANSITIONS`."""
    return drawing(_steps(TRANSITIONS), "new")


def refer_states() -> str:
    """`calls.transfers.refer_usage.STEPS`."""
    return drawing(_steps(STEPS), "idle")


def transfer_stages() -> str:
    """`calls.transfers.transfer.LEGAL`; a verdict may come in each of them."""
    order = list(LEGAL)
    steps = [(a, b, "") for a, after in LEGAL.items() for b in sorted(after, key=order.index)]
    return drawing([*steps, *((stage, "verdict", "") for stage in order)], "requested")


def transactions() -> str:
    """The four tables of `sip.transaction`."""
    tables: Mapping[str, transaction.Table] = {
        "INVITE, client": transaction.INVITE_CLIENT,
        "not INVITE, client": transaction.NON_INVITE_CLIENT,
        "INVITE, server": transaction.INVITE_SERVER,
        "not INVITE, server": transaction.NON_INVITE_SERVER,
    }
    parts = []
    for name, table in tables.items():
        events: dict[tuple[str, str], list[str]] = {}
        for state, row in table.items():
            for event, after in row.items():
                events.setdefault((state.value, after.value), []).append(event.value)
        steps = [(a, b, ", ".join(labels)) for (a, b), labels in events.items()]
        parts.append(f"#### {name}\n\n{drawing(steps, next(iter(table)).value)}")
    return "\n".join(parts)


def presets() -> list[Preset]:
    """All of `adapters.presets`, in the order of their names."""
    return [preset for preset in map(load_preset, preset_names()) if preset is not None]


def providers_overview() -> str:
    """One line for each preset."""
    return words.overview(presets())


def providers() -> str:
    """A section for each preset."""
    return "\n".join(map(words.page_section, presets()))


def _steps(legal: Mapping[_State, Collection[_State]]) -> list[tuple[str, str, str]]:
    """Each step of a table, in the order in which the states are declared."""
    return [(a.value, b.value, "") for a, after in legal.items() for b in type(a) if b in after]


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "configuration.md": {"settings": markdown_table},
    "providers.md": {
        "overview": providers_overview,
        "matrix": matrix_tables.matrix,
        "forms": matrix_tables.forms,
        "causes": matrix_tables.causes,
        "providers": providers,
    },
    "transfers.md": {
        "answers": examples.answers_table,
        "statuses": examples.status_table,
        "answer bodies": examples.answer_bodies,
        "webhooks": examples.webhooks,
        "record": examples.stored_record,
    },
    "carrier.md": {
        "defaults": carrier_tables.defaults,
        "profiles": carrier_tables.profiles,
    },
    "architecture.md": {
        "leg phases": leg_phases,
        "transfer stages": transfer_stages,
        "refer states": refer_states,
        "transactions": transactions,
    },
}
"""Page → mark → what stands between `<!-- mark: begin -->` and `<!-- mark: end -->`."""


def filled(page: str, text: str) -> str:
    """The text of a page with its generated parts as they should be.

    Raises:
        ValueError: a mark is missing.
    """
    for name, make in PARTS[page].items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"docs/{page} lacks the marks of {name!r}")
        text = before + begin + make() + end + after
    return text


def main() -> None:
    """Fill every page."""
    for page in PARTS:
        path = DOCS / page
        path.write_text(filled(page, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
