"""Dispatch rules: the part of `livekit.SIP` that manages them (facts §2)."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import sip as proto
from livekit.protocol.sip import SIPDispatchRuleInfo

from ..access.grants import need_sip_admin
from ..adapters.store.ops import DeleteRule, PutRule
from ..base.errors import ApiError
from ..calls.trunks import updates
from ..calls.trunks.media_config import fill_media
from ..calls.trunks.rule_index import RuleEntry
from ..calls.trunks.table import TrunkTable
from ..calls.trunks.validation import check_new_rule, invalid
from .catalog import Catalog, ProvisionedKind
from .context import LISTS, Context, Method
from .provisioning import Provisioning


def rule_missing() -> ApiError:
    """404."""
    return ApiError("not_found", "requested sip dispatch rule does not exist")


class SipRules:
    """What rules have alike with trunks is in `Catalog`."""

    def __init__(self, provisioning: Provisioning) -> None:
        self._rules = Catalog(provisioning, _kind(provisioning, provisioning.trunks))

    def methods(self) -> Mapping[str, Method]:
        """By their Twirp names."""
        rules = self._rules
        return {
            "CreateSIPDispatchRule": Method(
                proto.CreateSIPDispatchRuleRequest, rules.create, need_sip_admin, LISTS
            ),
            "UpdateSIPDispatchRule": Method(
                proto.UpdateSIPDispatchRuleRequest, rules.update, need_sip_admin, LISTS
            ),
            "ListSIPDispatchRule": Method(
                proto.ListSIPDispatchRuleRequest, rules.list, need_sip_admin
            ),
            "DeleteSIPDispatchRule": Method(
                proto.DeleteSIPDispatchRuleRequest, self.delete, need_sip_admin
            ),
        }

    async def delete(
        self, context: Context, request: proto.DeleteSIPDispatchRuleRequest
    ) -> SIPDispatchRuleInfo:
        """DeleteSIPDispatchRule: the rule that was."""
        need_sip_admin(context.claims)
        if not request.sip_dispatch_rule_id:
            raise invalid("dispatch rule ID is required")
        rule = await self._rules.discard(context, request.sip_dispatch_rule_id)
        if rule is None:
            raise rule_missing()
        return rule


def _kind(
    provisioning: Provisioning, trunks: TrunkTable
) -> ProvisionedKind[SIPDispatchRuleInfo, RuleEntry]:
    return ProvisionedKind(
        name="dispatch rule",
        id_field="sip_dispatch_rule_id",
        missing_id="rule id must be set",
        missing=rule_missing,
        new_id=lambda: provisioning.new_id("SDR_", lambda ident: ident in trunks.rules),
        table=trunks.rules,
        stored=trunks.rule,
        put=trunks.put_rule,
        new=_new_rule,
        replace=updates.replace_rule,
        update=updates.update_rule,
        find=lambda request, page: trunks.list_rules(
            request.dispatch_rule_ids, request.trunk_ids, page
        ),
        listed=proto.ListSIPDispatchRuleResponse,
        put_op=PutRule,
        delete_op=DeleteRule,
    )


def _new_rule(request: proto.CreateSIPDispatchRuleRequest) -> SIPDispatchRuleInfo:
    """Also in the old flat form, which knows no media."""
    if not request.HasField("dispatch_rule"):
        rule = _unflattened(request)
        check_new_rule(rule)
        return rule
    check_new_rule(request.dispatch_rule)
    fill_media(request.dispatch_rule)
    return request.dispatch_rule


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
