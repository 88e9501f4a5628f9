"""What passes between a leg and its transferor (`transferor.Transferor`).

The leg owns one transferor. It tells it what happens, performs the `TransferorEffect`s itself, and
passes the other effects (all of `calls/effects.py`) on unchanged and in order.

Inputs, each with `now` first and returning a list of effects unless said otherwise:

`request(ticket, request)`
    An API request. The leg refuses a call that is not established before it asks the transferor
    (`answers.not_established()`); after the end of the call the transferor refuses itself.
`stored(transfer_id)`
    The record of `TransferChanged(then_send=True)` is safe.
`gate(open)`
    A REFER may go out now: our 200 is ACKed and no INVITE, re-INVITE or UPDATE transaction of
    either side is open. Closed at first; the leg tells every change (repeating is harmless). The
    REFER itself is sent by a call of the transferor (`ReferSender`).
`refer_sent(transfer_id, cseq)`
    A REFER that was challenged went out again, with credentials.
`wants_refer(transfer_id) -> bool` (no `now`, no effects)
    Asked before a challenged REFER is sent again. False: nobody waits for it any more or the
    call is over; the leg then hands the 401 or 407 in by `refer_answered`.
`refer_challenged(transfer_id, status)`
    401 or 407 came and the leg is about to send the REFER again; `refer_sent` follows.
`refer_answered(transfer_id, response, explain="")`
    Any other answer, and the 401 or 407 that the leg cannot answer; `explain` then says why in
    words, such as `no credentials for this challenge`. 1xx may be handed in too.
`refer_failed(transfer_id, reason)`
    No answer: `timeout` (timer F), `transport` or `unresolved`, as in `sip.effects`.
`subscribe_answered(transfer_id, status | None)`, `probe_answered(status | None)`
    The final answer to our SUBSCRIBE or OPTIONS; None where none came.
`notify_received(request) -> (status, effects)`
    Every in-dialog NOTIFY, also with a low CSeq and after the end of the call. The leg puts its
    `Respond` with this status before the effects, and adds `Allow-Events: refer` to a 489.
`call_ended(by, *, status=None, cseq=None)`
    The INVITE usage is over, whoever ended it and however: BYE of ours sent or the peer's
    received (`cseq`: the one of the peer's BYE), or `status` 481 or 408 of a request of ours.
    Once is enough; it is not needed after a `HangUp` of the transferor, but does no harm.
`cancel(transfer_id)`, `shutdown()`
    Cancelled inside the server; the process stops (call it before the BYEs go out).

`pending` turning from True to False without a `HangUp` or `LeaveRoom` is the negative verdict
after which media timeout (afresh) and max_call_duration run again; while it is True both are
suspended. While `refer_open` is True the leg starts no INVITE and no UPDATE. While `watching` is
True the leg stays alive for NOTIFYs. `leaving` is True between `LeaveRoom` and its `HangUp`.
"""

from __future__ import annotations

from typing import Protocol

from ...base.light import light_dataclass
from ..effects import LegEffect


class ReferSender(Protocol):
    """The leg, as far as the transferor asks it to act at once."""

    def send_refer(
        self, transfer_id: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[int, LegEffect]:
        """Send REFER in the dialog now: its CSeq, and the effect that puts it on the wire.

        `headers`: Refer-To, Referred-By, then the request's own, sorted. The leg adds Contact,
        Max-Forwards, Allow, Supported and User-Agent, each unless it stands in `headers`.
        """
        ...


@light_dataclass(frozen=True, slots=True)
class SendSubscribe:
    """Send SUBSCRIBE in the dialog with `Event: refer;id=<event_id>` (transfer.md §4), Contact
    and Expires; its outcome comes back by `subscribe_answered`."""

    transfer_id: str
    event_id: int


@light_dataclass(frozen=True, slots=True)
class SendProbe:
    """Send OPTIONS in the dialog: does the peer still know it? Back by `probe_answered`."""


@light_dataclass(frozen=True, slots=True)
class HangUp:
    """Leave the room at once, send BYE, close the media.

    `transfer` True: the caller was transferred (`LegLeft("transfer")`), else the call is dead
    (`LegLeft("dropped")`). After a `LeaveRoom` only the BYE and the media are left to do.
    """

    reason: str
    """In words, for `LegEnded`."""
    transfer: bool


@light_dataclass(frozen=True, slots=True)
class LeaveRoom:
    """Transferred, but the peer is to hang up (`Refer-Sub: false`): `LegLeft("transfer")` now.

    The dialog and the media stay; `HangUp` follows after 10 s unless `call_ended` comes first.
    """


TransferorEffect = SendSubscribe | SendProbe | HangUp | LeaveRoom
