"""What a trunk adds to a leg through the real server, and a call without one."""

from __future__ import annotations

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.calls.legs.settings import Credential
from hookflash.exchange.leg_settings import DEFAULT_RINGING, MAX_DURATION, outbound_settings
from hookflash.ports import DialRequest

CALLER = "+14150000001"


def test_a_call_of_no_trunk_has_our_own_limits() -> None:
    async def check(lab: Lab) -> None:
        await lab.rule("lobby")
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        (ours,) = lab.server.exchange.calls.values()
        assert ours.trunk_id == ""
        settings = ours.leg._core.settings
        assert (settings.ringing_timeout, settings.max_call_duration) == (
            DEFAULT_RINGING,
            MAX_DURATION,
        )
        assert settings.answer_headers == ()
        await call.hang_up()

    run(check, sip__answer="immediately", sip__accept_unmatched=True)


@pytest.mark.parametrize(
    ("name", "password", "known"),
    [("u", "p", Credential("u", "p")), ("u", "", None), ("", "", None)],
)
def test_a_challenge_of_the_called_one_is_answered_with_the_trunks_name_and_password(
    name: str, password: str, known: Credential | None
) -> None:
    async def check(lab: Lab) -> None:
        exchange = lab.server.exchange
        trunk = api.SIPOutboundTrunkInfo(auth_username=name, auth_password=password)
        order = DialRequest(
            request=api.CreateSIPParticipantRequest(),
            trunk=trunk,
            number=NUMBER,
            wait=None,
            api_key="k",
            request_id="",
        )
        assert outbound_settings(exchange.parts, exchange.settings, order).credentials() == known

    run(check)


def test_an_attribute_that_is_no_header_is_left_out_and_in_the_log() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk(attributes_to_headers={"case": "X-Case", "line": "X-Line"})
        await lab.rule("lobby", attributes={"case": "two\nlines", "line": "sales"})
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        assert lab.logged("attribute_headers_dropped")[0]["headers"] == ["X-Case"]
        await lab.api.room.remove_participant(
            api.RoomParticipantIdentity(room="lobby", identity=f"sip_{CALLER}")
        )
        bye = await call.received("BYE")
        assert (bye.header("X-Line"), bye.header("X-Case")) == ("sales", None)

    run(check, sip__answer="immediately")
