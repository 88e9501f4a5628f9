"""What was agreed, as data."""

from __future__ import annotations

from hookflash.sdp.plan import Codec, CryptoKey, MediaPlan


def test_a_plan_that_sends_nothing_is_a_hold() -> None:
    plan = MediaPlan(("192.0.2.1", 4000), ("192.0.2.1", 4001), Codec("PCMU", 0, 8000))
    assert not plan.held
    held = MediaPlan(("192.0.2.1", 4000), ("192.0.2.1", 4001), Codec("PCMU", 0, 8000), send=False)
    assert held.held


def test_key_material_is_not_shown() -> None:
    key = CryptoKey("AES_CM_128_HMAC_SHA1_80", b"secret")
    assert "secret" not in repr(key)
    assert key != CryptoKey("AES_CM_128_HMAC_SHA1_80", b"other")
