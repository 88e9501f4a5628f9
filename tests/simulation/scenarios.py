"""What happens in one simulated call: who asks for what and when, on what network; by seed."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from random import Random

from hookflash.base.light import light_dataclass

from .evidence import Facts
from .network import Conditions
from .refer_plans import ReferPlan, refer_plan
from .transferee import Manners

_CLEAN = Conditions()
_ROUGH = Conditions(loss=0.05, duplication=0.05, delay=(0.005, 0.1), straggling=0.1)
_BAD = Conditions(loss=0.25, duplication=0.15, delay=(0.001, 0.2), straggling=0.3)
_TARGETS = ("sip:+15105550100@example.com", "tel:+15105550199")
_SPELLINGS = ("sip:+15105550100@example.com", "<SIP:+15105550100@example.com>")
_ALLOW = "INVITE, ACK, BYE, CANCEL, REFER, NOTIFY"
_BAD_TARGETS = ("+15105550100", "mailto:a@example.com")


@light_dataclass(frozen=True, slots=True)
class Step:
    """Something that the API or the room does, so long after our 200 (negative: before it), or
    for a retry after a verdict."""

    after: float
    what: str
    """`transfer`, `cancel`, `delete room`, `shutdown`."""
    target: str = ""
    ringing: float = 30.0
    wait: float = inf
    request_id: str = ""


@light_dataclass(frozen=True, slots=True)
class Scenario:
    """One call."""

    facts: Facts
    settings: dict[str, object]
    """Fields of `LegSettings`."""
    calls_peer: bool
    """It is we who call."""
    to_us: Conditions
    to_peer: Conditions
    manners: Manners
    answer_after: float
    steps: tuple[Step, ...]
    retries: tuple[Step, ...]
    """The next one after each failed request."""
    bye_at: float | None
    """The peer hangs up, so long after our 200."""
    cut_at: float | None
    """Every connection dies, and the peer takes no new one."""
    plans: Iterator[ReferPlan]


def draw(random: Random) -> Scenario:
    """Any scenario."""
    tcp = random.random() < 0.25
    conditions = (_CLEAN, _ROUGH, _ROUGH, _BAD)
    silent = random.random() < 0.35
    calls_peer = random.random() < 0.3
    settings: dict[str, object] = {"direction": "outbound" if calls_peer else "inbound"}
    if random.random() < 0.1:
        settings["max_call_duration"] = random.uniform(10.0, 90.0)
    refresh = random.choice((90, 90, 120)) if random.random() < 0.2 else 0
    settings["session_expires"] = refresh
    steps = _steps(random, refresh / 2)
    return Scenario(
        facts=Facts(
            credentials=random.random() < 0.7,
            silent_since=1000.0 + random.uniform(0.2, random.choice((8.0, 40.0)))
            if silent
            else inf,
        ),
        settings=settings,
        calls_peer=calls_peer,
        to_us=random.choice(conditions),
        to_peer=random.choice(conditions),
        manners=_manners(random, tcp, silent),
        answer_after=random.choice((0.0, random.uniform(0.0, 2.0))),
        steps=tuple(steps),
        retries=tuple(_retry(random) for _ in range(random.choice((0, 1, 1, 2, 3)))),
        bye_at=random.uniform(1.0, 60.0) if random.random() < 0.1 else None,
        cut_at=random.uniform(1.0, random.choice((3.0, 20.0)))
        if tcp and random.random() < 0.3
        else None,
        plans=iter(lambda: refer_plan(random), None),
    )


def _manners(random: Random, tcp: bool, silent: bool) -> Manners:
    offers: list[tuple[float, str, str]] = []
    if random.random() < 0.3:
        directions = ("", "") if silent else ("sendonly", "inactive", "sendrecv", "recvonly")
        for _ in range(random.choice((1, 2, 3))):
            method = random.choice(("INVITE", "INVITE", "UPDATE"))
            offers.append((random.uniform(0.0, 15.0), method, random.choice(directions)))
    late_ack = random.choice((0.3, 2.0, 5.0, inf)) if random.random() < 0.1 else 0.0
    return Manners(
        transport="tcp" if tcp else "udp",
        ack_after=late_ack,
        bye=random.choice((200, 200, 200, 481, 0, 407)),
        options=random.choice((200, 200, 404, 401, 481, 408, 0)),
        deaf_after=random.uniform(0.5, 20.0) if random.random() < 0.05 else inf,
        offers=tuple(offers),
        ack_offers=random.random() < 0.9,
        rings=random.choice((0.0, random.uniform(0.0, 3.0))),
        refresh=random.choice((200, 200, 200, 200, 491, 405, 488, 481, 408, 0)),
        refresh_after=random.choice((0.0, random.uniform(0.0, 3.0))),
        allow=random.choice(("", _ALLOW, f"{_ALLOW}, UPDATE")),
        writes_ids=random.random() < 0.7,
    )


def _transfer(random: Random, after: float, target: str) -> Step:
    ringing = random.choice((random.uniform(2.0, 10.0), random.uniform(10.0, 70.0), 30.0))
    wait = random.uniform(0.5, 25.0) if random.random() < 0.15 else inf
    request_id = random.choice(("a", "b")) if random.random() < 0.2 else ""
    return Step(after, "transfer", target, ringing, wait, request_id)


def _target(random: Random) -> str:
    chosen = random.random()
    if chosen < 0.6:
        return random.choice(_SPELLINGS)
    return random.choice(_TARGETS) if chosen < 0.97 else random.choice(_BAD_TARGETS)


def _steps(random: Random, refresh: float) -> list[Step]:
    """`refresh`: when we refresh the session, 0: never."""
    start = random.choice((0.0, 0.0, random.uniform(0.0, 1.0), random.uniform(0.0, 6.0)))
    if refresh and random.random() < 0.7:
        start = max(0.0, refresh + random.uniform(-1.5, 1.5))
    if random.random() < 0.05:
        start = -random.uniform(0.01, 1.0)
    steps = [_transfer(random, start, random.choice(_SPELLINGS))]
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        at = start + random.choice((0.001, random.uniform(0.0, 2.0), random.uniform(0.0, 40.0)))
        steps.append(_transfer(random, at, _target(random)))
    for what, share in (("cancel", 0.08), ("delete room", 0.08), ("shutdown", 0.04)):
        if random.random() < share:
            at = start + random.choice((0.0, random.uniform(0.0, 2.0), random.uniform(0.0, 30.0)))
            steps.append(Step(at, what))
    return [*steps, Step(random.choice((90.0, 200.0, random.uniform(60.0, 320.0))), "delete room")]


def _retry(random: Random) -> Step:
    latest = random.choice((0.01, 5.0, 120.0))
    target = _target(random) if random.random() < 0.5 else _TARGETS[1]
    return _transfer(random, random.uniform(0.001, latest), target)
