"""What the API asks of the telephone exchange (`hookflash.runtime` does it)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..calls.records import TransferRecord
from ..calls.transfers.request import TransferRequest
from ..ports import DialRequest
from ..rooms.events import RoomEvent


class Telephony(Protocol):
    """The exchange behind the API. Everything here raises ApiError for what it refuses."""

    def tell(self, events: Iterable[RoomEvent]) -> None:
        """Perform what an input to `Rooms` returned: hang up who is out, tell the webhooks."""
        ...

    async def transfer(self, request: TransferRequest) -> TransferRecord:
        """The record of a transfer that succeeded. In this order: the verdict of an earlier
        request with this id; the participant (`rooms.rules.participant_missing`), its call;
        then the transfer itself (transfer.md)."""
        ...

    async def dial(self, request: DialRequest) -> SIPParticipantInfo:
        """Place a call; with wait_until_answered the answer comes when it is answered."""
        ...

    async def move(self, room: str, identity: str, destination: str) -> None:
        """Put a participant that exists into another room."""
        ...

    async def perform_rpc(
        self, room: str, identity: str, method: str, payload: str, wait: float
    ) -> str:
        """Call a method of a participant."""
        ...


def unimplemented(what: str) -> ApiError:
    """501, with a text that says so."""
    return ApiError("unimplemented", f"{what} is not implemented by Hookflash")
