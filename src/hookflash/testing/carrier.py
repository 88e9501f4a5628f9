"""A carrier with its telephones, joined to a running exchange, for tests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from livekit import api

from ..carrier.admission import ENCRYPTION, srtp_of
from ..carrier.config import NetworkConfig, example_config, parse_config
from ..carrier.profile_files import load_profile
from ..carrier.service import CarrierService
from .exchange import RunningExchange
from .phone import WITHIN, RunningPhone

NUMBER: Final = "+15550000001"
CALLER: Final = "+14155550100"
RING: Final = 0.1
"""Seconds for which a telephone rings, unless the test says otherwise."""
TRUNK: Final = ("transfer_mode", "transfer_caller_id", "username", "password", "srtp")


MEDIA: Final = {
    "disable": api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE,
    "allow": api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW,
    "require": api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE,
}
"""What the exchange's trunks are told of encrypted sound."""


class RunningCarrier:
    """`with RunningCarrier(exchange, profile="twilio") as carrier`: it calls that exchange, which
    has a trunk and a rule for it. At its end everybody is hung up on."""

    def __init__(
        self,
        exchange: RunningExchange,
        *,
        profile: str = "plain",
        number: str = NUMBER,
        room: str = "",
        agent: str = "",
        provider: str = "",
        domain: str = "",
        phones: Iterable[Mapping[str, object]] = (),
        **trunk: str,
    ) -> None:
        """`profile`: whose manners it has. `number`: calls to it go to the exchange. `room`: where
        all callers come together; "": each has a room of his own. `agent`: the agent that is to
        come too; "" leaves it to workers without a name. `provider`: preset of the exchange's
        trunk, which writes transfers as that provider wants them, at its host `domain` where that
        is not known. `phones`, `trunk`: as in a
        configuration of `hookflash carrier`, beside its telephones or in their place; `trunk` takes
        transfer_mode, transfer_caller_id, username, password and srtp. The exchange's address is
        allowed to call, and nothing goes by TLS, whatever the profile says.

        Raises ConfigError for a profile or values that there are not.
        """
        self.number = number
        self.phones: dict[str, RunningPhone] = {}
        """By number."""
        self.service: CarrierService
        self._exchange = exchange
        self._profile = load_profile(profile)
        self._room, self._agent = room, agent
        preset = {"hookflash.provider": provider, "hookflash.domain": domain}
        self._metadata = {key: value for key, value in preset.items() if value}
        self._phone_values = list(phones)
        unknown = trunk.keys() - set(TRUNK)
        if unknown:
            raise TypeError(f"a carrier has no {', '.join(sorted(unknown))}")
        self._trunk = trunk
        self._config = self._configuration("127.0.0.1", 5060)
        self._stack: AsyncExitStack

    def __enter__(self) -> Self:
        self._config = self._configuration(*self._exchange.sip)
        self._exchange.loop.run(self._start())
        for phone in self._config.phones:
            self.phones[phone.number] = RunningPhone(
                self._exchange.loop, self.service, phone.number, self.number
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exchange.loop.run(self._stack.aclose())

    async def happened(
        self, name: str, count: int = 1, within: float = WITHIN
    ) -> dict[str, object]:
        """Wait until this has happened `count` times, such as `refer_refused` or `transferred`
        (docs/carrier.md); its fields. Raises CarrierError."""
        return await self._exchange.loop.do(self.service.happened(name, count, within))

    def told(self) -> list[str]:
        """What was said in SIP and what happened so far, a line each, oldest first."""
        lines: list[tuple[float, str]] = []
        for message in list(self.service.trace):
            way = "carrier → exchange" if message.sent else "exchange → carrier"
            lines.append((message.at, f"{way}  {message.label}"))
        for at, event in list(self.service.happenings):
            fields = " ".join(f"{name}={value}" for name, value in event.fields)
            lines.append((at, f"{event.name} {fields}"))
        lines.sort(key=lambda line: line[0])
        began = lines[0][0] if lines else 0.0
        return [f"{at - began:7.3f}  {text}" for at, text in lines]

    # --- inside ---------------------------------------------------------------------------------

    def _configuration(self, host: str, port: int) -> NetworkConfig:
        trunk = {
            "numbers": [self.number],
            "origination": f"sip:{host}:{port}",
            "allowed_addresses": ["127.0.0.1", host],
            "transport": "any",
            **self._trunk,
        }
        usual = example_config().phones
        values: dict[str, Any] = {
            "trunks": [trunk],
            "phones": [{"after": RING, **one} for one in self._phone_values]
            or [{"number": usual[0].number}],
        }
        read = parse_config("carrier", values)
        found = {one.number: replace(one, after=RING) for one in usual}
        if self._phone_values:
            found |= {one.number: one for one in read.phones}
        return replace(read, phones=tuple(found.values()))

    async def _start(self) -> None:
        async with AsyncExitStack() as stack:
            service = CarrierService(self._profile, self._config)
            service.recordings.all = True
            self.service = await stack.enter_async_context(service)
            await self._join(stack)
            self._stack = stack.pop_all()

    async def _join(self, stack: AsyncExitStack) -> None:
        """The exchange gets a trunk in each direction and a rule; they go with the carrier."""
        sip, (host, port) = self._exchange.api.sip, self.service.address
        metadata = json.dumps(self._metadata) if self._metadata else ""
        name, numbers = self._profile.name, [self.number]
        secure = ENCRYPTION[srtp_of(self._profile.manners, self._config.trunks[0])]
        coming = api.SIPInboundTrunkInfo(
            name=name, numbers=numbers, metadata=metadata, media_encryption=MEDIA[secure]
        )
        inbound = await sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=coming))
        stack.push_async_callback(_gone, sip.delete_trunk, _trunk(inbound.sip_trunk_id))
        going = api.SIPOutboundTrunkInfo(
            name=name,
            numbers=numbers,
            metadata=metadata,
            media_encryption=MEDIA[secure],
            media=self._codecs(),
            address=f"{host}:{port}",
            auth_username=self._trunk.get("username", ""),
            auth_password=self._trunk.get("password", ""),
        )
        outbound = await sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=going))
        self.outbound_trunk_id = outbound.sip_trunk_id
        stack.push_async_callback(_gone, sip.delete_trunk, _trunk(outbound.sip_trunk_id))
        rule = await sip.create_dispatch_rule(
            api.CreateSIPDispatchRuleRequest(dispatch_rule=self._rule(inbound.sip_trunk_id))
        )
        request = api.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule.sip_dispatch_rule_id)
        stack.push_async_callback(_gone, sip.delete_dispatch_rule, request)

    def _codecs(self) -> api.SIPMediaConfig | None:
        """For a carrier that takes nothing which an exchange offers by itself."""
        taken = self._profile.manners.codecs
        if taken != ("opus",):
            return None
        return api.SIPMediaConfig(codecs=[api.SIPCodec(name=name) for name in taken])

    def _rule(self, trunk_id: str) -> api.SIPDispatchRuleInfo:
        if self._room:
            direct = api.SIPDispatchRuleDirect(room_name=self._room)
            rule = api.SIPDispatchRule(dispatch_rule_direct=direct)
        else:
            own = api.SIPDispatchRuleIndividual(room_prefix="call")
            rule = api.SIPDispatchRule(dispatch_rule_individual=own)
        agents = [api.RoomAgentDispatch(agent_name=self._agent)] if self._agent else []
        return api.SIPDispatchRuleInfo(
            name=self._profile.name,
            trunk_ids=[trunk_id],
            rule=rule,
            room_config=api.RoomConfiguration(agents=agents),
        )


def _trunk(trunk_id: str) -> api.DeleteSIPTrunkRequest:
    return api.DeleteSIPTrunkRequest(sip_trunk_id=trunk_id)


async def _gone(delete: Callable[[Any], Awaitable[object]], request: object) -> None:
    """Delete it, unless the test has."""
    with contextlib.suppress(api.TwirpError):
        await delete(request)
