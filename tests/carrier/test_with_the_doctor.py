"""Some cells of the matrix over sockets: carrier, whole exchange, and `hookflash doctor`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from livekit import api
from tests.support.carrier_matrix import NOBODY, headers_of, target_of
from tests.support.carrier_rig import BUSY, CALLER, LINE, TARGET, network
from tests.support.cli import hookflash
from tests.support.lab import Lab, run

from hookflash.carrier.invites import written
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.uri import Uri

CELLS = [
    ("twilio", TARGET, None, "twilio-transfer-off", 4),
    ("telnyx", BUSY, "enable-all", "target-busy", 0),
    ("plivo", NOBODY, "enable-all", "target-unknown", 0),
    ("exotel", TARGET, "enable-all", "exotel-never", 4),
    ("jambonz", TARGET, "enable-all", "accepted-and-hung-up", 0),
    ("sinch", TARGET, "enable-all", "", 0),
    ("strict", TARGET, "enable-all", "", 0),
    ("didww", TARGET, None, "didww-max-transfers", 4),
]
"""Profile, target, transfer_mode, the doctor's rule and its exit code."""


@pytest.mark.parametrize(("profile", "number", "mode", "rule", "code"), CELLS)
def test_the_doctor_of_the_exchange(
    profile: str, number: str, mode: str | None, rule: str, code: int
) -> None:
    manners = load_profile(profile).manners

    async def test(lab: Lab) -> None:
        await lab.ready()
        at = Uri.sip(None, *lab.sip)
        config = network(transfer_mode=mode, origination=at, username="me", password="secret")
        quick = tuple(replace(phone, after=0.1) for phone in config.phones)
        config = replace(config, phones=quick)
        if manners.digest == "all":
            await has_password(lab, manners.domain)
        async with CarrierService(load_profile(profile), config, seed=1) as carrier:
            carrier.call(CALLER, LINE)
            await carrier.happened("call_answered")
            asked = target_of(manners, number), headers_of(manners)
            error = await transferred(lab, f"sip_{written(manners, CALLER)}", *asked)
            assert (error is None) == (not rule)
            await lab.events.wait_for("transfer ended")
            ran = await hookflash(lab, "doctor", "--json", "--no-trunks")
            assert ran.code == code, ran.out
            (found,) = [
                one for one in ran.json["findings"] if one["section"].startswith("The last")
            ]
            assert found["rule"] == rule, found
            assert found["gravity"] == ("ok" if not rule else "error" if code else "note")

    run(test, sip__answer="immediately")


async def has_password(lab: Lab, domain: str) -> None:
    """An outbound trunk to this carrier, whose credentials are for transfers, too."""
    trunk = api.SIPOutboundTrunkInfo(
        name="out", address=domain, numbers=[LINE], auth_username="me", auth_password="secret"
    )
    await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))


async def transferred(
    lab: Lab, identity: str, target: str, headers: list[tuple[str, str]]
) -> api.TwirpError | None:
    """What the API says; None for success."""
    try:
        await lab.transfer(identity, target, headers=dict(headers))
    except api.TwirpError as error:
        return error
    return None
