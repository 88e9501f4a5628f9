"""Tests that run for both directions: of a call that came in, and of one that we made."""

from __future__ import annotations

import pytest

INBOUND, OUTBOUND = "inbound", "outbound"

both = pytest.mark.parametrize("phone", [INBOUND, OUTBOUND], indirect=True)
"""`Exchange.call(line, phone)` then makes a call of either direction."""
