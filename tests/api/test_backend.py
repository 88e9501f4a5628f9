from __future__ import annotations

import asyncio

import pytest
from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo

from hookflash.api.backend import TelephonyBase, no_sip_session, unimplemented
from hookflash.base.errors import ApiError
from hookflash.ports import DialRequest


def test_what_is_not_done_yet_says_so() -> None:
    base = TelephonyBase()
    order = DialRequest(CreateSIPParticipantRequest(), SIPOutboundTrunkInfo(), "", None, "", "")
    for waiting, name in (
        (base.dial(order), "CreateSIPParticipant"),
        (base.move("a", "x", "b"), "MoveParticipant"),
        (base.perform_rpc("a", "x", "m", "", 1.0), "PerformRpc"),
    ):
        with pytest.raises(ApiError) as caught:
            asyncio.run(waiting)
        assert caught.value.msg == f"{name} is not implemented by Hookflash"
        assert caught.value.code == "unimplemented"


def test_errors() -> None:
    assert unimplemented("X").code == "unimplemented"
    assert no_sip_session().msg.endswith("no SIP session associated with participant")
