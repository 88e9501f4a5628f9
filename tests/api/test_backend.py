from __future__ import annotations

from hookflash.api.backend import unimplemented


def test_what_is_not_done_says_so() -> None:
    error = unimplemented("Egress.ListEgress")
    assert error.code == "unimplemented"
    assert error.msg == "Egress.ListEgress is not implemented by Hookflash"
