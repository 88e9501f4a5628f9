"""The helpers of the endpoint tests."""

from __future__ import annotations

from tests.simulation.endpoints import answers, drain, key_of, new_endpoint, sent
from tests.support.sip_messages import flow_to, request_of

from hookflash.sip.effects import ServerFailed
from hookflash.sip.message import Response


def test_a_refused_invite_is_followed_through_time() -> None:
    endpoint = new_endpoint()
    request = request_of("INVITE")
    effects = endpoint.message_received(0.0, request, flow_to())
    assert answers(effects) == [100]
    key = key_of(effects)
    refused = endpoint.respond(0.0, key, Response.reply(request, 486, to_tag="t"))
    assert [str(message.cseq) for message in sent(refused)] == ["1 INVITE"]
    assert [at for at, _ in drain(endpoint, 2.0)] == [0.5, 1.5]
    assert drain(endpoint, 40.0)[-1] == (32.0, ServerFailed(key))
