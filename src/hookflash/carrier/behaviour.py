"""What a phone does with what comes in."""

from __future__ import annotations

from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does with what comes in; the defaults are those of a good phone."""

    answer: int | None = 200
    """Final answer to an INVITE; None: it rings until the caller gives up."""
    ring: float = 0.0
    """Seconds between the 180 and the final answer."""
    refer: int | None = 202
    """Answer to REFER; None: silence."""
    notify: tuple[int, ...] | None = None
    """None: the target is called, and the NOTIFYs say how it goes. Else: no call; one NOTIFY for
    each of these, a final status ending the subscription. (): never a NOTIFY."""
    notify_early: bool = False
    """A NOTIFY 100 goes out before the answer to REFER."""
    hang_up: bool = False
    """BYE right after the 2xx to REFER."""
