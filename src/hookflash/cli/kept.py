"""What a server keeps: inbound trunks, outbound trunks and rules are asked for, shown and deleted
alike by `hookflash trunk inbound`, `trunk outbound` and `rule`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from livekit.protocol import sip

from ..base.light import light_dataclass
from ..providers.trunk_metadata import provider_name
from .client import Client, ClientError, RefusedError
from .options import ApiSession
from .output import as_dict

Info = TypeVar("Info", bound=Message)


@light_dataclass(frozen=True, slots=True)
class ListedKind(Generic[Info]):
    """One kind of them."""

    name: str
    """`inbound trunk`."""
    group: str
    """The words before `add`, `ls` and `rm`."""
    info: type[Info]
    ident: Callable[[Info], str]
    find: Callable[[Client, Sequence[str], Sequence[str]], Iterable[Info]]
    """Those with these ids, and of these numbers (rules: of these trunks); [] for any."""
    delete: Callable[[Client, str], object]
    columns: tuple[str, ...]
    row: Callable[[Info], list[str]]

    def ask(self, session: ApiSession, done: str, method: str, request: Message) -> None:
        """Call a method that answers with one of them, and say that it is `done`; where one is not
        there or in the way, how they are listed."""
        try:
            info = session.client.call(method, request, self.info)
        except RefusedError as error:
            if error.code != "not_found" and "Conflicting" not in error.msg:
                raise
            raise ClientError(
                f"{error}; `hookflash {self.group} ls` lists those that are there"
            ) from None
        session.report(as_dict(info), f"{done} {self.ident(info)}")

    def show(self, session: ApiSession, of: Sequence[str]) -> None:
        """A table of all, or of those of these numbers or trunks."""
        found = list(self.find(session.client, [], of))
        rows = [self.row(info) for info in found]
        session.show([as_dict(info) for info in found], self.columns, rows, f"no {self.name}s")

    def remove(self, session: ApiSession, idents: Sequence[str]) -> None:
        """Delete all of these, or none where one is not there: LiveKit answers 200 to the
        deletion of an unknown trunk, and a person wants to know."""
        client, idents = session.client, list(dict.fromkeys(idents))
        known = {self.ident(info) for info in self.find(client, idents, [])}
        unknown = [ident for ident in idents if ident not in known]
        if unknown:
            raise ClientError(
                f"no {self.name} {', '.join(unknown)}; `hookflash {self.group} ls` lists them"
            )
        for ident in idents:
            self.delete(client, ident)
        session.report(idents, f"deleted {', '.join(idents)}")


# --- trunks -------------------------------------------------------------------------------------


def _find_inbound(
    client: Client, idents: Sequence[str], numbers: Sequence[str]
) -> Iterable[sip.SIPInboundTrunkInfo]:
    request = sip.ListSIPInboundTrunkRequest(trunk_ids=idents, numbers=numbers)
    return client.call("SIP/ListSIPInboundTrunk", request, sip.ListSIPInboundTrunkResponse).items


def _find_outbound(
    client: Client, idents: Sequence[str], numbers: Sequence[str]
) -> Iterable[sip.SIPOutboundTrunkInfo]:
    request = sip.ListSIPOutboundTrunkRequest(trunk_ids=idents, numbers=numbers)
    return client.call("SIP/ListSIPOutboundTrunk", request, sip.ListSIPOutboundTrunkResponse).items


def _delete_trunk(client: Client, ident: str) -> object:
    request = sip.DeleteSIPTrunkRequest(sip_trunk_id=ident)
    return client.call("SIP/DeleteSIPTrunk", request, Empty)


INBOUND: Final = ListedKind(
    name="inbound trunk",
    group="trunk inbound",
    info=sip.SIPInboundTrunkInfo,
    ident=lambda trunk: trunk.sip_trunk_id,
    find=_find_inbound,
    delete=_delete_trunk,
    columns=("trunk", "name", "numbers", "from addresses", "from callers", "user", "provider"),
    row=lambda trunk: [
        trunk.sip_trunk_id,
        trunk.name,
        ", ".join(trunk.numbers) or "any",
        ", ".join(trunk.allowed_addresses) or "any",
        ", ".join(trunk.allowed_numbers) or "any",
        trunk.auth_username,
        provider_name(trunk.metadata),
    ],
)
OUTBOUND: Final = ListedKind(
    name="outbound trunk",
    group="trunk outbound",
    info=sip.SIPOutboundTrunkInfo,
    ident=lambda trunk: trunk.sip_trunk_id,
    find=_find_outbound,
    delete=_delete_trunk,
    columns=("trunk", "name", "address", "transport", "numbers", "user", "provider"),
    row=lambda trunk: [
        trunk.sip_trunk_id,
        trunk.name,
        trunk.address,
        sip.SIPTransport.Name(trunk.transport).rpartition("_")[2].lower(),
        ", ".join(trunk.numbers),
        trunk.auth_username,
        provider_name(trunk.metadata),
    ],
)


# --- rules --------------------------------------------------------------------------------------


def _find_rules(
    client: Client, idents: Sequence[str], trunks: Sequence[str]
) -> Iterable[sip.SIPDispatchRuleInfo]:
    request = sip.ListSIPDispatchRuleRequest(dispatch_rule_ids=idents, trunk_ids=trunks)
    return client.call("SIP/ListSIPDispatchRule", request, sip.ListSIPDispatchRuleResponse).items


def _delete_rule(client: Client, ident: str) -> object:
    request = sip.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=ident)
    return client.call("SIP/DeleteSIPDispatchRule", request, Empty)


def _place(rule: sip.SIPDispatchRule) -> tuple[str, str]:
    """The room in words, and whether there is a PIN; the PIN itself is not shown."""
    kind = rule.WhichOneof("rule")
    if kind == "dispatch_rule_direct":
        return rule.dispatch_rule_direct.room_name, _yes(rule.dispatch_rule_direct.pin)
    if kind == "dispatch_rule_individual":
        one = rule.dispatch_rule_individual
        return f"{one.room_prefix}_<caller>_…", _yes(one.pin)
    callee = rule.dispatch_rule_callee
    more = "_…" if callee.randomize else ""
    return f"{callee.room_prefix}_<called>{more}", _yes(callee.pin)


def _yes(pin: str) -> str:
    return "yes" if pin else "no"


RULES: Final = ListedKind(
    name="dispatch rule",
    group="rule",
    info=sip.SIPDispatchRuleInfo,
    ident=lambda rule: rule.sip_dispatch_rule_id,
    find=_find_rules,
    delete=_delete_rule,
    columns=("rule", "name", "room", "pin", "trunks", "called", "callers"),
    row=lambda rule: [
        rule.sip_dispatch_rule_id,
        rule.name,
        *_place(rule.rule),
        ", ".join(rule.trunk_ids) or "any",
        ", ".join(rule.numbers) or "any",
        ", ".join(rule.inbound_numbers) or "any",
    ],
)
