"""What a room is told of a caller, and what the caller's headers take from the room."""

from __future__ import annotations

import structlog

from ..calls.admission import CallPlan
from ..calls.attributes import SipIdentity, header_attributes, sip_attributes
from ..calls.dispatch import Placement
from ..calls.headers import attribute_headers
from ..rooms.orders import RoomOptions
from ..sip.message import Request
from .call import Call

_log = structlog.get_logger("calls")


def attributes_of(plan: CallPlan, request: Request) -> dict[str, str]:
    """The attributes with which an inbound caller joins (facts §4.6)."""
    place, trunk = plan.dispatch, plan.trunk
    identity = SipIdentity(
        call_id=plan.call_id,
        trunk_id=plan.parties.trunk_id,
        rule_id=place.rule_id,
        phone_number=plan.parties.caller,
        hostname=plan.caller_host,
        trunk_phone_number=plan.parties.called,
        sip_call_id=request.call_id,
        remote_tag=request.from_.tag or "",
        hidden=place.hidden,
    )
    own = dict(place.attributes)
    if trunk is not None:
        own |= header_attributes(
            request.headers.items(), trunk.include_headers, trunk.headers_to_attributes
        )
    else:
        own |= header_attributes(request.headers.items())
    return sip_attributes(identity, "ringing", own)


def attribute_headers_of(call: Call) -> tuple[tuple[str, str], ...]:
    """The trunk's attributes_to_headers, with the attributes as they are now."""
    trunk = call.plan.trunk
    if trunk is None or not trunk.attributes_to_headers:
        return ()
    participant = call.participant
    attributes = participant.attributes if participant is not None else call.attributes
    headers, dropped = attribute_headers(trunk.attributes_to_headers, attributes)
    if dropped:
        _log.warning("attribute_headers_dropped", call_id=call.call_id, headers=list(dropped))
    return headers


def room_options(place: Placement) -> RoomOptions | None:
    """The rule's room_config, for a join that makes the room."""
    config = place.room_config
    return RoomOptions.of(config) if config is not None else None


def refresh_headers(call: Call) -> None:
    """attributes_to_headers, whenever the attributes changed."""
    call.leg.set_attribute_headers(attribute_headers_of(call))
