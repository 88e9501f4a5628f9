from __future__ import annotations

from hookflash.api.context import Context, Service


def test_a_context_without_a_client_s_wishes() -> None:
    context = Context(None, 1.0, 2.0)
    assert (context.wait, context.request_id) == (None, "")
    assert Service("livekit.Egress", None).methods is None
