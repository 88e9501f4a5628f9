"""Dispatch rules: the part of `livekit.SIP` that manages them (facts §2)."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import sip as proto
from livekit.protocol.sip import SIPDispatchRuleInfo

from ..access.grants import need_sip_admin
from ..adapters.store_ops import DeleteRule, PutRule
from ..base.errors import ApiError
from ..calls.trunks import updates
from ..calls.trunks.media_config import fill_media
from ..calls.trunks.validation import check_new_rule, invalid
from .context import Context, Method
from .ledger import Ledger, stamp_change, stamp_new


def rule_missing() -> ApiError:
    """404."""
    return ApiError("not_found", "requested sip dispatch rule does not exist")


class SipRules:
    """Dispatch rules. Messages in the book are never changed, so they are answered as they are."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._book = ledger.book

    def methods(self) -> Mapping[str, Method]:
        """By their Twirp names."""
        return {
            "CreateSIPDispatchRule": Method(proto.CreateSIPDispatchRuleRequest, self.create),
            "UpdateSIPDispatchRule": Method(proto.UpdateSIPDispatchRuleRequest, self.update),
            "ListSIPDispatchRule": Method(proto.ListSIPDispatchRuleRequest, self.list),
            "DeleteSIPDispatchRule": Method(proto.DeleteSIPDispatchRuleRequest, self.delete),
        }

    async def create(
        self, context: Context, request: proto.CreateSIPDispatchRuleRequest
    ) -> SIPDispatchRuleInfo:
        """CreateSIPDispatchRule, also in its old flat form."""
        need_sip_admin(context.claims)
        flat = not request.HasField("dispatch_rule")
        rule = _unflattened(request) if flat else request.dispatch_rule
        check_new_rule(rule)
        if not flat:
            fill_media(rule)
        rules = self._book.rules
        rule.sip_dispatch_rule_id = self._ledger.new_id("SDR_", lambda ident: ident in rules)
        stamp_new(rule, context.now)
        await self._put(context, rule, "create dispatch rule")
        return rule

    async def update(
        self, context: Context, request: proto.UpdateSIPDispatchRuleRequest
    ) -> SIPDispatchRuleInfo:
        """UpdateSIPDispatchRule."""
        need_sip_admin(context.claims)
        rule_id = request.sip_dispatch_rule_id
        if not rule_id:
            raise invalid("rule id must be set")
        action = request.WhichOneof("action")
        if action is None:
            raise invalid("missing or unsupported update action")
        async with self._ledger.changing(rule_id):
            former = self._book.rule(rule_id)
            if action == "replace":
                new = updates.replace_rule(rule_id, request.replace)
            if former is None:
                raise rule_missing()
            if action == "update":
                new = updates.update_rule(former, request.update)
            stamp_change(new, former, context.now)
            await self._put(context, new, f"{action} dispatch rule")
        return new

    async def list(
        self, context: Context, request: proto.ListSIPDispatchRuleRequest
    ) -> proto.ListSIPDispatchRuleResponse:
        """ListSIPDispatchRule."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        found = self._book.list_rules(request.dispatch_rule_ids, request.trunk_ids, page)
        return proto.ListSIPDispatchRuleResponse(items=found)

    async def delete(
        self, context: Context, request: proto.DeleteSIPDispatchRuleRequest
    ) -> SIPDispatchRuleInfo:
        """DeleteSIPDispatchRule: the rule that was."""
        need_sip_admin(context.claims)
        rule_id = request.sip_dispatch_rule_id
        if not rule_id:
            raise invalid("dispatch rule ID is required")
        async with self._ledger.changing(rule_id):
            rule = self._book.rule(rule_id)
            if rule is None:
                raise rule_missing()
            change = self._book.rules.remove(rule_id)
            op, action = DeleteRule(rule_id), "delete dispatch rule"
            await self._ledger.store(context, self._book.rules, change, op, action)
        return rule

    async def _put(self, context: Context, rule: SIPDispatchRuleInfo, action: str) -> None:
        change = self._book.put_rule(rule)
        op = PutRule(rule.sip_dispatch_rule_id, rule.SerializeToString())
        await self._ledger.store(context, self._book.rules, change, op, action)


def _unflattened(request: proto.CreateSIPDispatchRuleRequest) -> SIPDispatchRuleInfo:
    rule = SIPDispatchRuleInfo(
        trunk_ids=request.trunk_ids,
        hide_phone_number=request.hide_phone_number,
        inbound_numbers=request.inbound_numbers,
        name=request.name,
        metadata=request.metadata,
        attributes=request.attributes,
        room_preset=request.room_preset,
    )
    if request.HasField("rule"):
        rule.rule.CopyFrom(request.rule)
    if request.HasField("room_config"):
        rule.room_config.CopyFrom(request.room_config)
    return rule
