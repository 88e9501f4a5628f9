"""One request for a transfer, from the API to the transferor."""

from __future__ import annotations

from ...base.light import light_dataclass
from ...sip.refer import ReferTarget


@light_dataclass(frozen=True, slots=True)
class TransferRequest:
    """TransferSIPParticipant, checked. The API makes it; the exchange adds what only the call
    knows: `transfer_id`, `participant_sid`, and the attributes' headers."""

    room: str
    identity: str
    target: ReferTarget
    headers: tuple[tuple[str, str], ...]
    """Of the request; later merged with attributes_to_headers and sorted
    (`calls.headers.merge_headers`)."""
    play_dialtone: bool
    ringing_timeout: float
    """Seconds, resolved (`transfer.ringing_timeout`)."""
    wait: float | None
    """Seconds that this request waits at most (X-Twirp-Timeout-Ms), and the transfer goes on;
    None: no limit of its own."""
    api_key: str
    request_id: str
    """X-Livekit-Request-Id, "" where there is none."""
    transfer_id: str = ""
    """STR_ id for a new transfer; not used where the request joins one."""
    participant_sid: str = ""
    dialtone_country: str = "ETSI"
    provider: str = ""
    """Whose preset wrote the target; "" where it goes as it was asked for."""
