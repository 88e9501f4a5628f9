"""What follows when an attempt has ended: another one, or the verdict (transfer-modes.md §3).

`FOLLOWS` has a row for each mode that a transfer can be asked for in, and each way in which an
attempt ends. Where it says None nothing follows, and the transfer's verdict is how the attempt
ended. A late outcome never asks here: the verdict has fallen.
"""

from __future__ import annotations

from ..records import Mode, Verdict

FOLLOWS: dict[tuple[Mode, Verdict], Mode | None] = {
    ("refer", "succeeded"): None,
    ("refer", "refused"): None,
    ("refer", "rejected"): None,
    ("refer", "timed out"): None,
    ("refer", "call ended"): None,
    ("refer", "subscription ended"): None,
    ("refer", "canceled"): None,
    ("refer", "unreachable"): None,
    ("refer", "interrupted"): None,
}
"""(the transfer's mode, how its attempt ended) → the mode of the next attempt."""
