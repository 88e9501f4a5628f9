"""Every profile of the carrier with every sort of target: one transfer each, in virtual time.

tests/carrier/test_matrix.py judges it, docs/providers.md shows it: both see the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from tests.support.carrier_rig import (
    BUSY,
    DECLINES,
    GONE,
    LINE,
    SILENT,
    TARGET,
    VOICEMAIL,
    Rig,
    network,
)

from hookflash.adapters.store.records import transfer_dict
from hookflash.api.records import message_dict
from hookflash.calls.legs.settings import Credential
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile, profile_names
from hookflash.doctor.diagnosis import Finding, diagnose_call
from hookflash.doctor.seen import seen_from

CONNECTED: Final = 30
"""Seconds that a call may take on a bad line."""
NOBODY: Final = "+1999"
ASKED: Final = "+15105550100"
"""A number that answers, of the targets of LiveKit's page on transfers."""
FORMS: Final = (
    f"tel:{ASKED}",
    f"sip:{ASKED}@sip.telnyx.com",
    f"sip:{ASKED}@my-livekit-demo.pstn.twilio.com",
)
"""Its three forms of a target."""
OFF: Final = "transfers off"
"""The trunk as the carrier gives it to a new customer."""
OUTCOMES: Final[Mapping[str, tuple[str, int]]] = {
    "answers": (TARGET, 200),
    "voicemail": (VOICEMAIL, 200),
    "busy": (BUSY, 486),
    "declines": (DECLINES, 603),
    "never answers": (SILENT, 480),
    "unreachable": (GONE, 480),
    "no such number": (NOBODY, 404),
}
"""Outcome → the number that has it, and the status that the carrier gets there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One transfer, when nothing more can come of it."""

    profile: str
    outcome: str
    rig: Rig
    finding: Finding
    """Of the doctor, by what the exchange has stored."""

    @property
    def manners(self) -> CarrierManners:
        """Of the carrier."""
        return load_profile(self.profile).manners

    @property
    def answer(self) -> str:
        """Of the API: `OK`, or code and text of the error."""
        (error,) = self.rig.verdicts
        return "OK" if error is None else f"{error.code}: {error.msg}"

    @property
    def verdict(self) -> str:
        """As the transfer's record has it."""
        record = self.rig.transfer_record
        assert record is not None
        return str(record.verdict)


def target_of(manners: CarrierManners, number: str) -> str:
    """A number as this carrier takes it in a transfer."""
    if "tel" in manners.target_forms:
        return f"tel:{number}"
    return f"sip:{number}@mine.{manners.domain}"


def headers_of(manners: CarrierManners) -> list[tuple[str, str]]:
    """What the request for a transfer has to say for this carrier; Referred-By comes by itself."""
    return [
        (name, f"<sip:{LINE}@{manners.domain}>")
        for name in manners.headers_required
        if name != "Referred-By"
    ]


def transferred(
    manners: CarrierManners, target: str, headers: list[tuple[str, str]], *, off: bool = False
) -> Rig:
    """A call that the exchange transfers, until nothing more comes."""
    mode = None if off else "enable-all"
    config = network(transfer_mode=mode, username="me", password="secret")
    asked = PhoneConfig(ASKED, "asked", after=2.0)
    config = replace(config, phones=(*config.phones, asked))
    rig = Rig(manners, config, credential=Credential("me", "secret"))
    rig.call()
    for _ in range(CONNECTED):
        if "call_answered" not in rig.names():
            rig.advance(1)
    rig.transfer(target, *headers)
    rig.advance(150)
    return rig


def diagnosed(rig: Rig) -> Finding:
    """What `hookflash doctor` says of the only transfer."""
    record = rig.transfer_record
    assert record is not None
    seen = seen_from(message_dict(message) for message in rig.kept())
    return diagnose_call(seen, {"call_id": rig.legs[-1].call_id}, transfer_dict(record))


@cache
def cell(profile: str, outcome: str) -> Cell:
    """One of them; `OFF` is a transfer to somebody who would answer."""
    manners = load_profile(profile).manners
    number = OUTCOMES["answers" if outcome == OFF else outcome][0]
    off = outcome == OFF
    rig = transferred(manners, target_of(manners, number), headers_of(manners), off=off)
    return Cell(profile, outcome, rig, diagnosed(rig))


@cache
def form_cell(profile: str, target: str) -> Cell:
    """A transfer to this address, whose number has a telephone that answers."""
    manners = load_profile(profile).manners
    rig = transferred(manners, target, headers_of(manners))
    return Cell(profile, target, rig, diagnosed(rig))


def cells() -> list[Cell]:
    """All, profile after profile."""
    return [cell(profile, outcome) for profile in profile_names() for outcome in outcomes(profile)]


def outcomes(profile: str) -> list[str]:
    """Those that are different things with this carrier: without transfers all are the same."""
    manners = load_profile(profile).manners
    off = [OFF] if manners.transfer_mode == "disable-all" else []
    return [*OUTCOMES, *off]
