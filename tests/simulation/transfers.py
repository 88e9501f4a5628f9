"""A transferor on a bench: events with times in, effects out, no leg and no wire."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from tests.support.sip_messages import request_of

from hookflash.base.ids import Ids
from hookflash.base.light import light_dataclass
from hookflash.calls.effects import LegEffect, SendRequest, TransferAnswered, TransferChanged
from hookflash.calls.records import TransferRecord
from hookflash.calls.transfers.attempt import Effects
from hookflash.calls.transfers.request import TransferRequest
from hookflash.calls.transfers.transferor import Transferor
from hookflash.sip.effects import FailureReason
from hookflash.sip.message import Response
from hookflash.sip.refer import parse_target
from hookflash.sip.routing import Hop
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

_T = TypeVar("_T")

TARGET = "sip:+15105550100@example.com"
START = 1_700_000_000.0


@light_dataclass(frozen=True, slots=True)
class SendRefer:
    """In the log in place of the request with which the bench sends a REFER."""

    transfer_id: str
    headers: tuple[tuple[str, str], ...]


class TransferBench:
    """Drives one transferor as a leg does: what it stores is stored and what it sends is sent at
    once, unless told otherwise. Times are seconds since the bench was made."""

    def __init__(
        self, *, owns_call_id: bool = False, gate: bool = True, stores: bool = True, seed: int = 1
    ) -> None:
        self.transferor = Transferor(
            "SCL_bench",
            Ids(Random(seed)),
            Timers(),
            "sip:+15105550199@192.0.2.10",
            lambda: self.last_packet_at,
            self,
            owns_call_id=owns_call_id,
        )
        self.stores = stores
        self.last_packet_at: float | None = None
        """When RTP came last, as a clock says it."""
        self.now = START
        self.log: list[tuple[float, object]] = []
        """Every effect with its time."""
        self.cseq = 0
        """CSeq of the last REFER; the bench starts at 1."""
        self.peer_cseq = 0
        self.tickets = 0
        self._refers: dict[int, SendRefer] = {}
        """By CSeq, which is their token too."""
        if gate:
            self.run(self.transferor.gate(self.now, True))

    # --- inputs -----------------------------------------------------------------------------

    def request(
        self,
        transfer_id: str = "STR_1",
        target: str = TARGET,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        dialtone: bool = False,
        ringing: float = 30.0,
        wait: float | None = None,
        api_key: str = "key",
        request_id: str = "",
        country: str = "ETSI",
    ) -> list[object]:
        """An API request under the next ticket (1, 2, …)."""
        self.tickets += 1
        request = TransferRequest(
            transfer_id=transfer_id,
            room="lobby",
            identity="sip_+1",
            participant_sid="PA_1",
            target=parse_target(target),
            headers=headers,
            play_dialtone=dialtone,
            ringing_timeout=ringing,
            wait=wait,
            api_key=api_key,
            request_id=request_id,
            dialtone_country=country,
        )
        return self.run(self.transferor.request(self.now, self.tickets, request))

    def answer(
        self,
        status: int,
        reason: str | None = None,
        *,
        transfer_id: str = "STR_1",
        headers: tuple[tuple[str, str], ...] = (),
        explain: str = "",
    ) -> list[object]:
        """An answer to REFER."""
        response = Response(status, headers=headers) if reason is None else Response(status, reason)
        return self.run(self.transferor.refer_answered(self.now, transfer_id, response, explain))

    def challenge(self, status: int = 407, *, transfer_id: str = "STR_1") -> list[object]:
        """401 or 407, and the REFER again with credentials, as the leg does it."""
        effects = self.run(self.transferor.refer_challenged(self.now, transfer_id, status))
        self.cseq += 1
        return effects + self.run(self.transferor.refer_sent(self.now, transfer_id, self.cseq))

    def fail(
        self, reason: FailureReason = "timeout", *, transfer_id: str = "STR_1"
    ) -> list[object]:
        """No answer to REFER."""
        return self.run(self.transferor.refer_failed(self.now, transfer_id, reason))

    def notify(
        self,
        status: int | str | bytes | None,
        state: str | None = "active",
        *,
        event: str | None = "refer",
        cseq: int | None = None,
    ) -> int:
        """A NOTIFY; `status` is a number, a body, or None for no body. Returns our answer."""
        if cseq is None:
            self.peer_cseq += 1
            cseq = self.peer_cseq
        headers = [("Content-Type", "message/sipfrag;version=2.0")]
        if event is not None:
            headers.append(("Event", event))
        if state is not None:
            headers.append(("Subscription-State", state))
        body = f"SIP/2.0 {status} Phrase\r\n" if isinstance(status, int) else status or b""
        data = body.encode() if isinstance(body, str) else body
        request = request_of("NOTIFY", cseq=cseq, to_tag="SCL_bench", headers=headers, body=data)
        answered, effects = self.transferor.notify_received(self.now, request)
        self.run(effects)
        return answered

    def bye(self, *, cseq: int | None = None) -> list[object]:
        """The peer hangs up."""
        if cseq is None:
            self.peer_cseq += 1
            cseq = self.peer_cseq
        return self.run(self.transferor.call_ended(self.now, "remote", cseq=cseq))

    def hang_up(self) -> list[object]:
        """We hang up: the room, the API, a limit."""
        return self.run(self.transferor.call_ended(self.now, "local"))

    def at(self, seconds: float) -> TransferBench:
        """Let time pass, up to `seconds` after the start; deadlines are handled when due."""
        until = START + seconds
        while (due := self.transferor.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.run(self.transferor.handle_deadline(self.now))
        self.now = until
        return self

    def run(self, effects: Effects) -> list[object]:
        """Perform effects as a leg does; returns them all. What is stored comes back after."""
        done: list[object] = []
        stored: list[str] = []
        for effect in effects:
            refer = self._refers.get(effect.token) if isinstance(effect, SendRequest) else None
            self.log.append((self.now - START, refer or effect))
            done.append(refer or effect)
            if isinstance(effect, TransferChanged) and effect.then_send and self.stores:
                stored.append(effect.record.transfer_id)
        for transfer_id in stored:
            done += self.run(self.transferor.stored(self.now, transfer_id))
        return done

    def send_refer(
        self, transfer_id: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[int, LegEffect]:
        """The transferor sends its REFER (`ReferSender`)."""
        self.cseq += 1
        self._refers[self.cseq] = SendRefer(transfer_id, headers)
        request = request_of("REFER", cseq=self.cseq, headers=headers)
        return self.cseq, SendRequest(self.cseq, request, Hop(Uri.parse(TARGET), None))

    # --- what came of it --------------------------------------------------------------------

    def all(self, kind: type[_T]) -> list[_T]:
        """All effects of a kind, in order."""
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def times(self, kind: type[object]) -> list[float]:
        """When effects of a kind came, rounded to milliseconds."""
        return [round(time, 3) for time, effect in self.log if isinstance(effect, kind)]

    def record(self, transfer_id: str = "STR_1") -> TransferRecord:
        """The record as last stored; IndexError where there is none."""
        stored = [effect.record for effect in self.all(TransferChanged)]
        return [record for record in stored if record.transfer_id == transfer_id][-1]

    def news(self) -> list[TransferChanged]:
        """What everybody was told of transfers."""
        return [effect for effect in self.all(TransferChanged) if effect.kind is not None]

    def verdict(self, transfer_id: str = "STR_1") -> str | None:
        """The stored verdict."""
        return self.record(transfer_id).verdict

    def stages(self, transfer_id: str = "STR_1") -> str:
        """The stored stages in one line."""
        return " ".join(entry.stage for entry in self.record(transfer_id).stages)

    def answered(self, ticket: int = 1) -> TransferAnswered | None:
        """What request `ticket` was told, None while it waits; it is told once."""
        told = [effect for effect in self.all(TransferAnswered) if effect.ticket == ticket]
        assert len(told) <= 1, told
        return told[0] if told else None

    def refused(self, ticket: int = 1) -> str:
        """The error that request `ticket` got, as `code: text` without the prefix."""
        told = self.answered(ticket)
        assert told is not None
        assert told.error is not None
        return f"{told.error.code}: {told.error.msg.removeprefix('twirp error unknown: ')}"
