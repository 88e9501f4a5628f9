"""How the carrier writes an INVITE: numbers and headers as its manners have them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..base.ids import Ids
from ..calls.legs.invitation import DialOrder
from ..providers.numbers import national
from ..sip.fields import NameAddr
from ..sip.uri import Uri
from .admission import by_tls_only
from .config import TrunkConfig
from .manners import CarrierManners
from .routing import digits

_HEX: Final = "0123456789abcdef"


def written(manners: CarrierManners, number: str) -> str:
    """A number as this carrier writes it; what is no number stays as it is."""
    if manners.number_format == "e164-without-plus":
        return digits(number)
    if manners.number_format == "national":
        return national(number) or number
    return number


def origination(manners: CarrierManners, trunk: TrunkConfig) -> Uri | None:
    """Where calls to a trunk's exchange go, None where it has none: by TLS where the trunk talks by
    that only. `sips` is written so too, for it would want a Contact of its kind (RFC 5630 §3)."""
    at = trunk.origination
    if at is None or not (at.scheme == "sips" or by_tls_only(manners, trunk)):
        return at
    return at.without_param("transport").with_param("transport", "tls")._replace(scheme="sip")


def dial_order(
    manners: CarrierManners,
    ids: Ids,
    uri: Uri,
    caller_id: str,
    headers: Sequence[tuple[str, str]],
) -> DialOrder:
    """The INVITE to `uri`, with the headers that this carrier adds and `headers`."""
    added = tuple((name, _filled(value, ids)) for name, value in manners.added_headers)
    return DialOrder(
        uri=uri,
        to=uri,
        from_=NameAddr("", Uri.sip(written(manners, caller_id), manners.domain)),
        sip_call_id=f"{ids.token(20)}@{manners.domain}",
        headers=(*added, *headers),
    )


def _filled(value: str, ids: Ids) -> str:
    """With a random hexadecimal digit for each `#`."""
    return "".join(_HEX[ids.number(4)] if one == "#" else one for one in value)
