"""Whom a number belongs to, and what the Refer-To of a transfer names (RFC 3261 §16.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ..base.errors import SipError
from ..base.hosts import ip_literal
from ..base.light import light_dataclass
from ..calls.trunks.index import AddressRule
from ..providers.numbers import national as within
from ..sip.message import Request
from ..sip.uri import Uri
from .config import NetworkConfig, PhoneConfig, TrunkConfig
from .manners import TargetForm

_SEPARATORS: Final = str.maketrans("", "", "-.() ")


@light_dataclass(frozen=True, slots=True)
class TransferTarget:
    """Whom a REFER wants to be called."""

    uri: Uri
    form: TargetForm
    number: str
    """A number that the carrier is to find; "" where the URI itself is to be called."""


class Numbers:
    """The numbers of one carrier."""

    def __init__(self, config: NetworkConfig, *, national: bool = False) -> None:
        """`national`: they are also known as they are written within their country."""
        self._national = national
        self.phones = config.phones
        self._phones = {digits(phone.number): phone for phone in config.phones}
        if national:
            self._phones |= {within(phone.number): phone for phone in config.phones}
        self.serve(config.trunks)

    def serve(self, trunks: Sequence[TrunkConfig]) -> None:
        """These are the trunks from now on."""
        self.trunks = tuple(trunks)
        self._trunks = {digits(n): trunk for trunk in trunks for n in trunk.numbers}
        if self._national:
            self._trunks |= {within(n): trunk for trunk in trunks for n in trunk.numbers}
        self._named = {trunk.name: trunk for trunk in trunks}

    def as_set_now(self, trunk: TrunkConfig | None) -> TrunkConfig | None:
        """The trunk of a call as it is set now; None where there is none, or none any more."""
        return None if trunk is None else self._named.get(trunk.name)

    def phone(self, number: str) -> PhoneConfig | None:
        """The telephone with this number, however it is written."""
        return self._phones.get(digits(number))

    def trunk(self, number: str) -> TrunkConfig | None:
        """The trunk that has this number."""
        return self._trunks.get(digits(number))

    def trunk_of(self, request: Request, remote_ip: str) -> TrunkConfig | None:
        """The trunk by which a call of a customer comes: whose number calls, else whose exchange
        is at that address, or which lists it, else the only one."""
        by_number = self.trunk(request.from_.uri.number)
        if by_number is not None:
            return by_number
        by_address = [
            trunk
            for trunk in self.trunks
            if (trunk.origination is not None and trunk.origination.host == remote_ip)
            or listed(trunk.allowed_addresses, remote_ip)
        ]
        found = by_address or self.trunks
        return found[0] if len(found) == 1 else None


def read_target(refer_to: Uri, domain: str, own_hosts: Sequence[str]) -> TransferTarget:
    """What a Refer-To asks for. `own_hosts`: the `host:port`s at which the carrier listens, by
    which those that have no name for it mean its numbers.

    Raises:
        SipError: 400, neither tel nor SIP.
    """
    if refer_to.scheme == "tel":
        return TransferTarget(refer_to, "tel", refer_to.number)
    if not refer_to.is_sip:
        raise SipError("Refer-To is neither a SIP nor a tel URI")
    host = refer_to.host.lower()
    if host == domain or host.endswith(f".{domain}"):
        return TransferTarget(refer_to, "own-domain", refer_to.number)
    if ip_literal(host) is not None:
        own = refer_to._replace(port=refer_to.port or 5060).host_port in own_hosts
        return TransferTarget(refer_to, "ip", refer_to.number if own else "")
    return TransferTarget(refer_to, "foreign-sip", "")


def listed(addresses: tuple[str, ...], ip: str) -> bool:
    """Whether an address is one of these, or in one of these networks."""
    return bool(addresses) and _rule(addresses).names(ip_literal(ip))


@lru_cache(256)
def _rule(addresses: tuple[str, ...]) -> AddressRule:
    return AddressRule(addresses)


def digits(number: str) -> str:
    """A number as it is compared: without its + and visual separators (RFC 3966 §5.1.1)."""
    return number.translate(_SEPARATORS).removeprefix("+")
