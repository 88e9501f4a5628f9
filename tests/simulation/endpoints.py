"""One transaction layer under test: made, driven through time, and read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from hookflash.base.ids import Ids
from hookflash.sip.codec import parse
from hookflash.sip.effects import RequestReceived, SendBytes, SipEffect
from hookflash.sip.endpoint import INVITE_PATIENCE, Endpoint
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers


def new_endpoint(
    *,
    seed: int = 1,
    invite_patience: float = INVITE_PATIENCE,
    takes: Callable[[int, Request, Flow], bool] = lambda *_: True,
) -> Endpoint:
    """An endpoint with the RFC's timers; its sent-by is the local address of the flow."""
    return Endpoint(
        timers=Timers(),
        ids=Ids(random.Random(seed)),
        via=lambda flow: flow.local,
        user_agent="Hookflash",
        invite_patience=invite_patience,
        takes=takes,
    )


def sent(effects: Iterable[SipEffect]) -> list[Request | Response]:
    """The messages that go out."""
    return [parse(effect.data) for effect in effects if isinstance(effect, SendBytes)]


def answers(effects: Iterable[SipEffect]) -> list[int]:
    """The statuses of the responses that go out."""
    return [message.status for message in sent(effects) if isinstance(message, Response)]


def key_of(effects: Iterable[SipEffect]) -> str:
    """The key of the one request that is passed up."""
    (key,) = [effect.key for effect in effects if isinstance(effect, RequestReceived)]
    return key


def drain(endpoint: Endpoint, until: float) -> list[tuple[float, SipEffect]]:
    """Let time pass, and see what happens when."""
    happened: list[tuple[float, SipEffect]] = []
    while (at := endpoint.next_deadline()) is not None and at <= until:
        happened += [(at, effect) for effect in endpoint.handle_deadline(at)]
    return happened
