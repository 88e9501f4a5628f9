"""The generated tables of docs/providers.md that come from transfers at the simulated carriers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tests.support.carrier_matrix import (
    FORMS,
    OFF,
    OUTCOMES,
    Cell,
    cell,
    cells,
    form_cell,
    outcomes,
)

from hookflash.carrier.profile_files import profile_names

COLUMNS: Final = (*OUTCOMES, OFF)


def matrix() -> str:
    """What the API answers and the verdict, carrier by carrier and target by target."""
    rows = []
    for profile in profile_names():
        there = outcomes(profile)
        shown = [_shown(cell(profile, one)) if one in there else "" for one in COLUMNS]
        rows.append((profile, *shown))
    return _table(("carrier", *COLUMNS), rows)


def forms() -> str:
    """Which forms of a target each carrier takes."""
    heads = ("carrier", *(f"`{target}`" for target in FORMS))
    return _table(
        heads,
        ((profile, *(_taken(form_cell(profile, target)) for target in FORMS)) for profile in
         profile_names()),
    )  # fmt: skip


def causes() -> str:
    """What the doctor says of it, each cause once."""
    found: dict[str, tuple[str, str, str]] = {}
    failed = [*cells(), *(form_cell(name, target) for name in profile_names() for target in FORMS)]
    for one in failed:
        finding = one.finding
        if finding.rule and finding.rule not in found:
            case = f"{one.profile}: {one.outcome}"
            found[finding.rule] = (case, _plain(finding.meaning), _plain(finding.remedy))
    return _table(("for example", "what `hookflash doctor` says", "to do"), found.values())


def _shown(one: Cell) -> str:
    (error,) = one.rig.verdicts
    if error is None:
        return "OK" if not one.finding.rule else "OK, outcome not reported"
    status = one.rig.transfer_record and one.rig.transfer_record.sip_status
    told = f" {status}" if status and one.verdict != "call ended" else ""
    return f"{one.verdict}: `{error.code}`{told}"


def _taken(one: Cell) -> str:
    return f"{one.rig.statuses('REFER')[-1]}" if one.verdict == "refused" else "taken"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads)]
    lines += [("---",) * len(lines[0]), *(tuple(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plain(text: str) -> str:
    """Nothing that a table or HTML would take for its own."""
    return text.replace("|", "\\|").replace("<", "&lt;")
