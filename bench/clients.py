"""Clients of the API: kept-alive connections, each with one request on its way at a time."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import Message
from livekit.protocol import sip as proto

from .caller import Http
from .exchange import http_request, token


@dataclass(frozen=True, slots=True)
class Answers:
    """What a run of requests came to."""

    seconds: float
    bodies: list[bytes]
    """In the order of the requests."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.bodies) / self.seconds


class Clients:
    """`count` connections that share one queue of requests."""

    def __init__(self, port: int, count: int) -> None:
        self._poll = select.epoll()
        self._https = [Http(port) for _ in range(count)]
        self._by_file = {http.socket.fileno(): http for http in self._https}
        for number in self._by_file:
            self._poll.register(number, select.EPOLLIN)
        self.bearer = token()

    @property
    def only(self) -> Http:
        """The connection of a single client."""
        (http,) = self._https
        return http

    def close(self) -> None:
        """All connections."""
        self._poll.close()
        for http in self._https:
            http.socket.close()

    def run(self, method: str, requests: Iterable[Message], kind: str = "protobuf") -> Answers:
        """Send them all, as fast as they are answered. Raises RuntimeError where one is refused."""
        whole = [http_request(method, request, self.bearer, kind) for request in requests]
        bodies = [b""] * len(whole)
        waiting = iter(enumerate(whole))
        left = len(whole)

        def send(http: Http) -> None:
            number, request = next(waiting, (0, b""))
            if not request:
                return

            def answered(status: int) -> None:
                nonlocal left
                if status != 200:
                    raise RuntimeError(f"{method} answered {status}: {http.body[:200]!r}")
                bodies[number] = http.body
                left -= 1
                send(http)

            http.answered = answered
            http.socket.sendall(request)

        started = time.monotonic()
        for http in self._https:
            send(http)
        while left:
            ready = self._poll.poll(30)
            if not ready:
                raise RuntimeError(f"{method} is not answered")
            for number, _ in ready:
                self._by_file[number].read()
        return Answers(time.monotonic() - started, bodies)


def trunk(number: int) -> proto.SIPInboundTrunkInfo:
    """As a provider's console would make them: a name, a number, addresses, credentials."""
    return proto.SIPInboundTrunkInfo(
        name=f"trunk {number}",
        metadata=f'{{"tenant": "{number}"}}',
        numbers=[number_of(number)],
        allowed_addresses=["127.0.0.1", "192.0.2.0/24"],
        krisp_enabled=True,
        headers_to_attributes={"X-Tenant": "tenant"},
    )


def rule(number: int, trunk_id: str) -> proto.SIPDispatchRuleInfo:
    """A rule of its own for that trunk."""
    individual = proto.SIPDispatchRuleIndividual(room_prefix=f"tenant-{number}")
    return proto.SIPDispatchRuleInfo(
        name=f"rule {number}",
        trunk_ids=[trunk_id],
        rule=proto.SIPDispatchRule(dispatch_rule_individual=individual),
        attributes={"tenant": str(number)},
    )


def fill(port: int, count: int, first_rule: int = 0) -> None:
    """That many trunks in an exchange, and a rule for each from `first_rule` on."""
    clients = Clients(port, 8)
    _, trunk_ids = create_trunks(clients, range(count))
    create_rules(clients, range(first_rule, count), trunk_ids[first_rule:])
    clients.close()


def number_of(trunk_number: int) -> str:
    """The number that this trunk has."""
    return f"+1646{trunk_number:07d}"


def create_trunks(clients: Clients, numbers: range) -> tuple[Answers, list[str]]:
    """A trunk for each number; the ids."""
    answers = clients.run(
        "CreateSIPInboundTrunk",
        (proto.CreateSIPInboundTrunkRequest(trunk=trunk(number)) for number in numbers),
    )
    made = map(proto.SIPInboundTrunkInfo.FromString, answers.bodies)
    return answers, [item.sip_trunk_id for item in made]


def create_rules(
    clients: Clients, numbers: range, trunk_ids: list[str]
) -> tuple[Answers, list[str]]:
    """A rule for each of these trunks; the ids."""
    requests = (
        proto.CreateSIPDispatchRuleRequest(dispatch_rule=rule(number, trunk_id))
        for number, trunk_id in zip(numbers, trunk_ids, strict=True)
    )
    answers = clients.run("CreateSIPDispatchRule", requests)
    made = map(proto.SIPDispatchRuleInfo.FromString, answers.bodies)
    return answers, [item.sip_dispatch_rule_id for item in made]
