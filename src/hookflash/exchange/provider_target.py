"""A transfer as the provider of the call's trunk wants to be asked for it (carrier.md §3)."""

from __future__ import annotations

from dataclasses import replace

from ..base.errors import ApiError
from ..calls.headers import merge_headers
from ..calls.legs.settings import HeaderItems
from ..calls.transfers.request import TransferRequest
from ..calls.trunks.table import TrunkTable
from ..providers.refer_to import ReferPlace, refer_target, with_wanted_headers
from ..providers.trunk_metadata import TrunkProvider
from ..twirp.errors import prefixed
from .call import Call


def told_to_provider(trunks: TrunkTable, call: Call, request: TransferRequest) -> TransferRequest:
    """The request with its target as this provider understands it; as it is where the trunk names
    none. The trunk counts as it is now: it may have changed since the call began.

    Raises:
        ApiError: failed_precondition where the provider cannot transfer at all, invalid_argument
            where not to this target.
    """
    provider = trunks.provider(call.trunk_id)
    if provider is None:
        return request
    try:
        target = refer_target(provider.preset, request.target, _place(trunks, call, provider))
    except ApiError as error:
        raise prefixed(error.code, error.msg) from None
    return replace(request, target=target, provider=provider.preset.name)


def headers_for_provider(trunks: TrunkTable, call: Call, headers: HeaderItems) -> HeaderItems:
    """The headers of a REFER, all that are given, with those that this provider wants; sorted."""
    provider = trunks.provider(call.trunk_id)
    if provider is None:
        return headers
    place = _place(trunks, call, provider)
    return merge_headers(dict(with_wanted_headers(provider.preset, place, headers)), ())


def _place(trunks: TrunkTable, call: Call, provider: TrunkProvider) -> ReferPlace:
    parties, peer = call.plan.parties, call.plan.caller_host
    trunk = trunks.outbound_trunk(call.trunk_id)
    if trunk is None:
        ours, hosts, country = parties.called, trunks.outbound_hosts(parties.called), ""
    else:
        ours, hosts, country = parties.caller, [peer], trunk.destination_country
    return ReferPlace(
        domain=provider.domain,
        addresses=hosts,
        peer=peer,
        ours=ours,
        region=provider.region or country.upper(),
    )
