"""What plans for the set-up at a provider have in common: which of what is there is meant, what of
it differs from what is wanted, and where the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from ..base.errors import HookflashError


class SetupPlanError(HookflashError):
    """What is wanted cannot be planned: which one is meant is not clear, or there is none."""


class HeldNumber(Protocol):
    """A number of the account."""

    @property
    def sid(self) -> str:
        """What the provider's API calls it by."""
        ...

    @property
    def number(self) -> str:
        """E.164."""
        ...

    @property
    def holder(self) -> str:
        """SID of what sends its calls on, a trunk or a connection; "" for nothing."""
        ...


One = TypeVar("One")
Held = TypeVar("Held", bound=HeldNumber)
Keys = Callable[[One], tuple[str, ...]]
"""By what one of them is named: its SID, its name, and more."""


def chosen(
    there: Sequence[One], keys: Keys[One], kind: str, *, wished: str, holder: str, name: str
) -> One | None:
    """The one that is meant. `wished`: what somebody named it by, "" for nothing: then it is the
    one with the SID `holder`, else the one with the name `name`. None: there is none yet.

    Raises:
        SetupPlanError: there is none that is wished for, or there are several.
    """
    if wished:
        found = [one for one in there if wished in keys(one)]
        if not found:
            raise SetupPlanError(f"there is no {kind} {wished!r}")
    else:
        found = [one for one in there if keys(one)[0] == holder]
        found = found or [one for one in there if keys(one)[1] == name]
    if len(found) > 1:
        sids = ", ".join(keys(one)[0] for one in found)
        raise SetupPlanError(
            f"several {kind}s are {wished or name!r}: say which by its SID, of {sids}"
        )
    return found[0] if found else None


def differences(there: object, wanted: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """(field, as it is, as it will be) of what is wanted and not so; "" wants nothing."""
    return tuple(
        (name, str(getattr(there, name)), value)
        for name, value in wanted.items()
        if value and getattr(there, name) != value
    )


def told(changes: Iterable[tuple[str, str, str]]) -> str:
    """Changes in words."""
    return ", ".join(f"{name} from {was or 'nothing'} to {to}" for name, was, to in changes)


def to_attach(
    wanted: Iterable[str], held: Iterable[Held], own: str | None, kind: str
) -> tuple[list[Held], list[str]]:
    """The numbers that are to be put on the one with the SID `own` (None: it is yet to be made),
    and in words which cannot be."""
    known = {each.number: each for each in held}
    free, missing = [], []
    for number in wanted:
        found = known.get(number)
        if found is None:
            missing.append(f"{number} is no number of this account")
        elif found.holder and found.holder != own:
            missing.append(f"{number} is on another {kind}, {found.holder}: left there")
        elif not found.holder:
            free.append(found)
    return free, missing


def holder_of(wanted: Iterable[str], held: Iterable[HeldNumber]) -> str:
    """What the first of the wanted numbers that is on anything is on; "" for none."""
    known = {each.number: each.holder for each in held}
    return next((known[number] for number in wanted if known.get(number)), "")


def left_beside(there: Iterable[str], origination: str) -> list[str]:
    """A remark where calls go elsewhere as well."""
    others = [each for each in there if each != origination]
    if not others or not origination:
        return []
    return [f"calls that come in go to {', '.join(others)} as well: left as it is"]
