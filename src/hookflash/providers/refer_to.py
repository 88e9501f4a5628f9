"""What was asked for as a transfer target becomes the Refer-To that this provider understands.

Only here is a target rewritten, and only for a trunk that names its provider. What the preset does
not know is sent as it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address

from ..base.errors import ApiError
from ..base.hosts import ip_literal
from ..base.light import light_dataclass
from ..sip.headers import header_key
from ..sip.refer import ReferTarget
from ..sip.uri import Uri, escape_user, unescape
from . import numbers
from .preset import UNKNOWN, Preset

_HOST = re.compile(r"[a-z0-9.\-]+", re.ASCII)
_PHONE = re.compile(r"\+?[0-9.\-()]*[0-9][0-9.\-()]*")
_EXTENSIONS = frozenset({"ext", "isub", "postd"})
"""Parameters of a number that are dialled once it has answered (RFC 3966 §5.3, RFC 2806)."""


@light_dataclass(frozen=True, slots=True)
class ReferPlace:
    """What the call and its trunk know."""

    domain: str = ""
    """The trunk's own `hookflash.domain`."""
    addresses: Sequence[str] = ()
    """Hosts of outbound trunks that may be the provider's, the likeliest first."""
    peer: str = ""
    """Host by which the peer of the call names itself."""
    ours: str = ""
    """Our number in the call, as it came."""
    region: str = ""
    """The trunk's country, two letters; "": that of our number."""


def refer_target(preset: Preset, target: ReferTarget, place: ReferPlace) -> ReferTarget:
    """The target as this provider understands it.

    Raises:
        ApiError: failed_precondition where the provider knows no REFER, or its domain is not known
            here; invalid_argument for a target that it cannot be told.
    """
    if preset.value("refer") == "no":
        instead = preset.facts.get("instead")
        remedy = f"; {instead.value}" if instead is not None and instead.known else ""
        raise ApiError(
            "failed_precondition", f"{preset.name} knows no REFER, so it cannot transfer{remedy}"
        )
    if preset.value("refer_to") == UNKNOWN:
        return target
    build = _number if target.uri.startswith("tel:") else _address
    return ReferTarget(build(preset, target.uri, place), target.asked)


def with_wanted_headers(
    preset: Preset, place: ReferPlace, given: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """`given` and the headers that this provider wants; a header that is given stays as it is.

    One that names our number is left out where the call has none.
    """
    headers = tuple(given)
    if not preset.headers:
        return headers
    taken = {header_key(name) for name, _ in headers}
    ours = numbers.e164(numbers.plain(place.ours), _region(place))
    domain = _domain(preset, place)
    return headers + tuple(
        (name, template.format(ours=ours, domain=domain))
        for name, template in preset.headers.items()
        if header_key(name) not in taken and ours and domain
    )


def _number(preset: Preset, uri: str, place: ReferPlace) -> str:
    """A tel: URI."""
    asked, *params = uri[len("tel:") :].split(";")
    given = {}
    for param in params:
        name, _, value = param.partition("=")
        given[name.lower()] = value
    context = given.pop("phone-context", "")
    number = numbers.plain(asked)
    if numbers.is_global(context) and not number.startswith("+"):
        number = context + number
    extra = "".join(f";{name}={value}" if value else f";{name}" for name, value in given.items())
    if _EXTENSIONS & given.keys():
        _check_extension(preset, extra)
    strange = [name for name in given if name not in _EXTENSIONS]
    if strange and not preset.value("refer_to").startswith("tel:"):
        raise _not_told(preset, f"{strange[0]} of a tel: address")
    return _written(preset, number, extra, place)


def _written(preset: Preset, number: str, extra: str, place: ReferPlace) -> str:
    """By the preset's template."""
    template = preset.value("refer_to")
    domain = ""
    if "{domain}" in template:
        domain = _domain(preset, place)
        if not domain:
            raise ApiError(
                "failed_precondition",
                f"{preset.name} wants an address at its own domain ({preset.value('domain')}), "
                "which is not known here: set hookflash.domain in the trunk's metadata",
            )
        domain = f"[{domain}]" if isinstance(ip_literal(domain), IPv6Address) else domain
    dialled = _formatted(preset, number, place) + extra
    tel = template.startswith("tel:")
    return template.format(number=dialled if tel else escape_user(dialled), domain=domain)


def _formatted(preset: Preset, number: str, place: ReferPlace) -> str:
    """A number as this provider writes it."""
    kind = preset.value("number")
    if kind == "as_dialled":
        return number
    region = _region(place)
    found = numbers.e164(number, region)
    if not found:
        where = f"no telephone number of {region}" if region else "of no known country"
        raise _not_told(preset, f"{number}, which is {where}: write it with + and its country code")
    return found.removeprefix("+") if kind == "digits" else found


def _address(preset: Preset, uri: str, place: ReferPlace) -> str:
    """A sip: or sips: URI."""
    parsed = Uri.parse(uri)
    user, *extras = unescape(parsed.user or "").split(";")
    number = numbers.plain(user) if _PHONE.fullmatch(user) else ""
    extra = "".join(f";{each}" for each in extras)
    if _within(parsed.host, preset, place):
        if extra and number:
            _check_extension(preset, extra)
        if not numbers.is_global(number) or preset.value("number") == "as_dialled":
            return uri
        told = escape_user(_formatted(preset, number, place) + extra)
        return str(parsed._replace(user=told))
    if not _refused(parsed.host, preset):
        return uri
    plain = parsed.headers == () and all(name.lower() == "user" for name, _ in parsed.params)
    if numbers.is_global(number) and plain:  # the same telephone wherever it is dialled
        if extra:
            _check_extension(preset, extra)
        return _written(preset, number, extra, place)
    own = preset.facts["domain"]
    at = f" at {_domain(preset, place) or own.value}" if own.known else ""
    raise _not_told(preset, f"addresses at {parsed.host}, only numbers and addresses{at}")


def _refused(host: str, preset: Preset) -> bool:
    """True of a host that is not the provider's, and that it is known not to transfer to."""
    return preset.value("foreign_sip") == "no" or (
        ip_literal(host) is not None and preset.value("ip_address") == "no"
    )


def _within(host: str, preset: Preset, place: ReferPlace) -> bool:
    """True of the provider's own hosts."""
    ours = host.lower()
    own = (_without_port(_domain(preset, place)), preset.value("domain").removeprefix("*."))
    return any(each and (ours == each or ours.endswith("." + each)) for each in own)


def _without_port(domain: str) -> str:
    """Lower case, no brackets."""
    host = domain.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _domain(preset: Preset, place: ReferPlace) -> str:
    """The provider's host in addresses: what the trunk says, an outbound trunk's that fits, the
    preset's; of an exchange of one's own the peer. "" where none is known."""
    if place.domain:
        return place.domain
    own = preset.value("domain")
    named = _HOST.fullmatch(own.removeprefix("*.")) is not None and own != UNKNOWN
    for host in place.addresses:
        if not named or host.endswith("." + own.removeprefix("*.")) or host == own:
            return host
    if named:
        return "" if own.startswith("*.") else own
    return place.peer if preset.value("number") == "as_dialled" else ""


def _region(place: ReferPlace) -> str:
    return place.region or numbers.region_of(numbers.plain(place.ours))


def _check_extension(preset: Preset, extra: str) -> None:
    """Extensions are sent where the provider is known to dial them."""
    takes = preset.value("extensions")
    if takes == "yes":
        return
    why = "takes none" if takes == "no" else "is not known to dial any"
    raise ApiError(
        "invalid_argument",
        f"transfer_to: the extension {extra} would be lost, since {preset.name} {why}",
    )


def _not_told(preset: Preset, what: str) -> ApiError:
    return ApiError("invalid_argument", f"transfer_to: {preset.name} cannot be told {what}")
