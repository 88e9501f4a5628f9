"""Updates of trunks and rules (facts §2.3). Each returns a new message; the old one stays whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message
from livekit.protocol.models import ListUpdate
from livekit.protocol.sip import (
    SIPDispatchRuleInfo,
    SIPDispatchRuleUpdate,
    SIPInboundTrunkInfo,
    SIPInboundTrunkUpdate,
    SIPOutboundTrunkInfo,
    SIPOutboundTrunkUpdate,
)

from ...base.errors import ApiError
from ...twirp.errors import prefixed
from .media_config import fill_media
from .validation import (
    OPEN_TRUNK,
    Trunk,
    check_inbound,
    check_outbound,
    check_rule,
    check_trunk,
    invalid,
)

_INBOUND_TEXTS = ("auth_username", "auth_password", "auth_realm", "name", "metadata")
_OUTBOUND_TEXTS = (
    *("address", "transport", "destination_country", "auth_username", "auth_password", "name"),
    *("metadata", "from_host"),
)

Info = TypeVar("Info", SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPDispatchRuleInfo)
Update = SIPInboundTrunkUpdate | SIPOutboundTrunkUpdate | SIPDispatchRuleUpdate


def update_list(values: list[str], update: ListUpdate) -> list[str]:
    """`values` after `update`: clear, set, or else remove and add. Raises ApiError."""
    styles = bool(update.set), bool(update.add or update.remove)
    if update.clear:
        if any(styles):
            raise invalid("cannot clear and change the list at the same time")
        return []
    if all(styles):
        raise invalid("cannot set and change the list at the same time")
    if not any(styles):
        raise invalid("unsupported list update operation")
    if not all((*update.set, *update.add, *update.remove)):
        raise invalid("empty element in the list")
    if update.set:
        return list(update.set)
    gone = Counter(update.remove)
    changed: list[str] = []
    for value in values:
        if gone[value] > 0:
            gone[value] -= 1
        else:
            changed.append(value)
    there = set(changed)
    changed += [value for value in dict.fromkeys(update.add) if value not in there]
    return changed


def update_inbound(
    trunk: SIPInboundTrunkInfo, update: SIPInboundTrunkUpdate
) -> SIPInboundTrunkInfo:
    """Raises ApiError if the update or its outcome is not allowed."""
    new = _copy(trunk)
    for name in ("numbers", "allowed_addresses", "allowed_numbers"):
        if update.HasField(name):
            _set_list(new, name, getattr(update, name))
    _set_present(new, update, _INBOUND_TEXTS)
    _set_media(new, update)
    try:
        check_inbound(new)
    except ApiError as error:
        if error.msg == OPEN_TRUNK:
            raise prefixed(error.code, error.msg) from None
        raise
    return new


def update_outbound(
    trunk: SIPOutboundTrunkInfo, update: SIPOutboundTrunkUpdate
) -> SIPOutboundTrunkInfo:
    """Raises ApiError if the update or its outcome is not allowed."""
    new = _copy(trunk)
    if update.HasField("numbers"):
        _set_list(new, "numbers", update.numbers)
    _set_present(new, update, _OUTBOUND_TEXTS)
    _set_media(new, update)
    check_outbound(new)
    return new


def update_rule(rule: SIPDispatchRuleInfo, update: SIPDispatchRuleUpdate) -> SIPDispatchRuleInfo:
    """Raises ApiError if the update or its outcome is not allowed."""
    new = _copy(rule)
    if update.HasField("trunk_ids"):
        _set_list(new, "trunk_ids", update.trunk_ids)
    if update.HasField("rule"):
        new.rule.CopyFrom(update.rule)
    _set_present(new, update, ("name", "metadata"))
    for key, value in update.attributes.items():
        if value:
            new.attributes[key] = value
        else:
            new.attributes.pop(key, None)
    _set_media(new, update)
    check_rule(new)
    return new


def replace_trunk(trunk_id: str, new: Trunk) -> Trunk:
    """The whole trunk anew under its old id. Raises ApiError."""
    if new.sip_trunk_id not in ("", trunk_id):
        raise invalid("trunk id in the info must be empty or match the id in the update")
    check_trunk(new)
    replaced = _copy(new)
    replaced.sip_trunk_id = trunk_id
    return replaced


def replace_rule(rule_id: str, new: SIPDispatchRuleInfo) -> SIPDispatchRuleInfo:
    """The whole rule anew under its old id. Raises ApiError."""
    if new.sip_dispatch_rule_id not in ("", rule_id):
        raise invalid("rule id in the info must be empty or match the id in the update")
    check_rule(new)
    replaced = _copy(new)
    replaced.sip_dispatch_rule_id = rule_id
    return replaced


def _copy(info: Info) -> Info:
    new = type(info)()
    new.CopyFrom(info)
    return new


def _set_list(target: Message, name: str, update: ListUpdate) -> None:
    field = getattr(target, name)
    field[:] = update_list(list(field), update)


def _set_present(target: Message, update: Update, names: Iterable[str]) -> None:
    for name in names:
        if update.HasField(name):
            setattr(target, name, getattr(update, name))


def _set_media(target: Info, update: Update) -> None:
    if update.HasField("media"):
        target.media.CopyFrom(update.media)
    if update.HasField("media_encryption"):
        target.media_encryption = update.media_encryption
        if not update.media.HasField("encryption"):
            target.media.encryption = update.media_encryption
    fill_media(target)
