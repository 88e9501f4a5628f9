"""The lite agent: whom it answers, where it sends, when it has nobody left."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hookflash.base.ids import Ids
from hookflash.base.light import light_dataclass
from hookflash.webrtc import stun
from hookflash.webrtc.ice import (
    CONSENT,
    MAX_PATHS,
    MAX_TRANSACTIONS,
    SILENT,
    IceAgent,
    IceAgents,
)

CONTROLLING = (stun.ICE_CONTROLLING, bytes(8))


@light_dataclass(frozen=True, slots=True)
class From:
    """A path, as an agent sees it."""

    port: int
    ip: str = "192.0.2.7"

    @property
    def remote(self) -> tuple[str, int]:
        return self.ip, self.port


A, B, C = From(1001), From(1002), From(1003, "2001:db8::7")


class Client:
    """A full agent's checks, to an agent of ours."""

    def __init__(self) -> None:
        self.agents: IceAgents[From] = IceAgents(Ids(Random(7)))
        self.agent = self.agents.new(0.0)
        self.sent = 0

    def check(
        self,
        *,
        nominate: bool = False,
        ufrag: str | None = None,
        password: str | None = None,
        more: tuple[tuple[int, bytes], ...] = (CONTROLLING,),
    ) -> bytes:
        """The next check, with the agent's present credentials unless told otherwise."""
        self.sent += 1
        name = f"{self.agent.ufrag if ufrag is None else ufrag}:them".encode()
        attributes = ((stun.USERNAME, name), (stun.PRIORITY, b"\x6e\0\x01\xff"), *more)
        if nominate:
            attributes += ((stun.USE_CANDIDATE, b""),)
        return stun.request(
            self.sent.to_bytes(12, "big"), attributes, password=password or self.agent.password
        )

    def send(self, path: From, data: bytes, now: float) -> stun.StunMessage | None:
        """The agent's answer."""
        message = stun.parse(data)
        agent = self.agents.find(message)
        answer = agent.request(path, message, now) if agent is not None else None
        return stun.parse(answer) if answer is not None else None

    def nominate(self, path: From, now: float) -> None:
        answer = self.send(path, self.check(nominate=True), now)
        assert answer is not None
        assert answer.kind == "success"


def code_of(answer: stun.StunMessage | None) -> int:
    assert answer is not None
    value = answer.attributes[stun.ERROR_CODE]
    return value[2] * 100 + value[3]


def test_credentials_have_the_length_that_ice_wants() -> None:
    agent: IceAgent[From] = IceAgent(Ids(Random(1)), 0.0)
    assert len(agent.ufrag) >= 4
    assert len(agent.password) >= 25  # 128 bits, of 36 characters
    assert agent.ufrag.isalnum()
    assert agent.password.isalnum()
    assert (agent.selected, agent.next_deadline()) == (None, CONSENT)


@pytest.mark.parametrize("path", [A, C])
def test_a_check_is_answered_with_where_it_came_from(path: From) -> None:
    client = Client()
    assert client.agents.at(path) is None
    data = client.check()
    answer = client.send(path, data, 1.0)
    assert answer is not None
    assert answer.kind == "success"
    assert answer.mapped_address() == path.remote
    assert answer.is_signed_with(client.agent.password)
    assert answer.transaction == stun.parse(data).transaction
    assert client.agents.at(path) is client.agent
    assert client.agent.selected == path
    assert client.agents.paths == 1


def test_a_wrong_password_is_told_and_changes_nothing() -> None:
    client = Client()
    answer = client.send(A, client.check(password="x" * 32), 1.0)
    assert code_of(answer) == 401
    assert answer is not None
    assert not answer.has(stun.MESSAGE_INTEGRITY)
    assert client.agent.selected is None
    assert client.agents.at(A) is None
    assert client.agent.next_deadline() == CONSENT
    assert client.agents.refused["unauthorized"] == 1


def test_an_unknown_ufrag_is_nobodys() -> None:
    client = Client()
    data = client.check(ufrag="nobody")
    assert client.send(A, data, 1.0) is None
    assert client.agents.refused["unknown_ufrag"] == 1
    assert code_of(stun.parse(client.agent.request(A, stun.parse(data), 1.0) or b"")) == 401


@pytest.mark.parametrize("name", [b"", b"%s:them"])
def test_a_request_without_integrity_gets_nothing_larger_than_itself(name: bytes) -> None:
    client = Client()
    attributes: tuple[tuple[int, bytes], ...] = ()
    if name:
        attributes = ((stun.USERNAME, name.replace(b"%s", client.agent.ufrag.encode())),)
    small = stun.request(bytes(12), attributes)
    assert client.agent.request(A, stun.parse(small), 1.0) is None
    large = stun.request(bytes(12), (*attributes, (0x8022, bytes(80))))
    answer = client.agent.request(A, stun.parse(large), 1.0)
    assert answer is not None
    assert code_of(stun.parse(answer)) == 400
    assert len(answer) <= len(large)
    assert client.agents.refused["no_integrity"] == 2
    assert client.agent.selected is None


def test_a_short_wrong_signature_gets_nothing_larger_than_itself() -> None:
    client = Client()
    bare = client.agent.ufrag.encode() + b":t"
    data = stun.request(bytes(12), ((stun.USERNAME, bare),), password="wrong")
    message = stun.parse(data)
    answer = client.agent.request(A, message, 1.0)
    assert answer is not None
    assert len(answer) <= message.size


def test_a_peer_that_thinks_it_is_controlled_is_told() -> None:
    client = Client()
    answer = client.send(A, client.check(more=((stun.ICE_CONTROLLED, bytes(8)),)), 1.0)
    assert code_of(answer) == 487
    assert answer is not None
    assert answer.is_signed_with(client.agent.password)
    assert client.agents.at(A) is not client.agent
    assert client.agents.refused["role_conflict"] == 1


def test_what_must_be_understood_and_is_not() -> None:
    client = Client()
    answer = client.send(A, client.check(more=((0x7FFF, b""),)), 1.0)
    assert code_of(answer) == 420
    assert client.agents.at(A) is not client.agent
    assert client.agents.refused["unknown_attribute"] == 1


@pytest.mark.parametrize("type_", [b"\x00\x11", b"\x01\x01", b"\x01\x11", b"\x00\x02"])
def test_what_is_no_binding_request_is_not_answered(type_: bytes) -> None:
    client = Client()
    data = stun.request(bytes(12), ((stun.USERNAME, client.agent.ufrag.encode()),))
    assert client.send(A, type_ + data[2:], 1.0) is None
    assert not any(client.agents.refused.values())


def test_an_answer_to_nobody_is_no_check() -> None:
    client = Client()
    assert client.agents.find(stun.parse(b"\x01\x01" + stun.request(bytes(12))[2:])) is None
    assert client.agents.refused["unknown_ufrag"] == 0


def test_the_latest_nomination_counts() -> None:
    client = Client()
    client.send(A, client.check(), 1.0)
    client.send(B, client.check(), 1.1)
    assert client.agent.selected == A
    client.nominate(B, 1.2)
    assert client.agent.selected == B
    client.send(A, client.check(), 1.3)
    assert client.agent.selected == B
    client.nominate(C, 1.4)
    assert client.agent.selected == C
    assert client.agents.at(B) is client.agent


def test_a_client_that_never_nominates_again_is_followed_when_its_path_is_silent() -> None:
    client = Client()
    client.nominate(A, 1.0)
    client.send(B, client.check(), 1.0 + SILENT - 0.01)
    assert client.agent.selected == A
    client.send(B, client.check(), 1.0 + SILENT)
    assert client.agent.selected == B


def test_a_path_that_is_checked_keeps_the_media() -> None:
    client = Client()
    client.nominate(A, 1.0)
    for tick in range(1, 20):
        client.send(A, client.check(), 1.0 + tick * 2.5)
        client.send(B, client.check(), 3.4 + tick * 2.5)
        assert client.agent.selected == A


def test_a_check_repeated_from_elsewhere_is_not_taken() -> None:
    client = Client()
    recorded = client.check(nominate=True)
    answer = client.send(A, recorded, 1.0)
    assert client.send(B, recorded, 20.0) is None
    assert client.agent.selected == A
    assert client.agents.at(B) is not client.agent
    assert client.agent.next_deadline() == 1.0 + CONSENT
    assert client.agents.refused["repeated_elsewhere"] == 1
    # A retransmission has the same answer.
    assert client.send(A, recorded, 2.0) == answer


def test_what_is_remembered_of_checks_is_bounded() -> None:
    client = Client()
    first = client.check()
    client.send(A, first, 1.0)
    for _ in range(MAX_TRANSACTIONS - 1):
        client.send(A, client.check(), 1.0)
    assert client.send(B, first, 1.0) is None
    client.send(A, client.check(), 1.0)
    assert client.send(B, first, 1.0) is not None
    assert len(client.agent._answered) == MAX_TRANSACTIONS


def test_consent_is_gone_after_half_a_minute_without_a_check() -> None:
    client = Client()
    client.nominate(A, 5.0)
    client.send(A, client.check(password="x" * 32), 30.0)
    assert client.agent.next_deadline() == 5.0 + CONSENT
    assert client.agent.handle_deadline(5.0 + CONSENT - 0.01) is False
    assert client.agent.selected == A
    check = client.check()
    assert client.agent.handle_deadline(5.0 + CONSENT) is True
    assert client.agent.handle_deadline(5.0 + CONSENT) is False
    assert client.agent.selected is None
    assert client.agent.next_deadline() is None
    assert client.agents.at(A) is not client.agent
    assert client.agents.at(A) is None
    assert client.send(A, check, 36.0) is None
    assert client.agent.request(A, stun.parse(check), 36.0) is None
    client.agent.restart()
    assert client.agents.find(stun.parse(client.check())) is None


def test_checks_keep_consent() -> None:
    client = Client()
    now = 0.0
    for _ in range(10):
        now += CONSENT - 1
        assert client.agent.handle_deadline(now) is False
        client.send(A, client.check(), now)
        assert client.agent.next_deadline() == now + CONSENT


def test_each_path_has_its_own_half_minute() -> None:
    client = Client()
    client.nominate(A, 1.0)
    client.nominate(B, 2.0)
    client.send(B, client.check(), 1.0 + CONSENT - 0.01)
    assert client.agents.at(A) is client.agent
    client.send(B, client.check(), 1.0 + CONSENT)
    assert client.agents.at(A) is not client.agent
    assert client.agents.at(A) is None
    assert client.agent.selected == B


def test_paths_are_bounded_and_the_selected_one_stays() -> None:
    client = Client()
    client.nominate(A, 1.0)
    for port in range(MAX_PATHS + 4):
        client.send(From(port), client.check(), 1.1)
    assert client.agents.paths == MAX_PATHS
    assert client.agent.selected == A
    assert client.agents.at(A) is client.agent
    assert client.agents.at(From(4)) is not client.agent
    assert client.agents.at(From(5)) is client.agent


def test_a_restart_takes_the_former_credentials_until_the_new_ones_are_used() -> None:
    client = Client()
    client.nominate(A, 1.0)
    former = (client.agent.ufrag, client.agent.password)
    client.agent.restart()
    assert client.agent.ufrag != former[0]
    assert client.agent.password != former[1]
    late = client.check(ufrag=former[0], password=former[1])
    answer = client.send(A, late, 2.0)
    assert answer is not None
    assert answer.is_signed_with(former[1])
    mixed = client.check(ufrag=former[0])
    assert code_of(client.send(A, mixed, 2.0)) == 401
    client.nominate(B, 3.0)
    assert client.agent.selected == B
    assert client.agents.at(A) is client.agent
    late = client.check(ufrag=former[0], password=former[1])
    assert client.send(A, late, 3.0) is None
    assert client.agents.refused["unknown_ufrag"] == 1


def test_a_second_restart_keeps_the_credentials_that_are_in_use() -> None:
    client = Client()
    client.nominate(A, 1.0)
    used = (client.agent.ufrag, client.agent.password)
    client.agent.restart()
    skipped = (client.agent.ufrag, client.agent.password)
    client.agent.restart()
    assert client.send(A, client.check(ufrag=used[0], password=used[1]), 2.0) is not None
    assert client.send(A, client.check(ufrag=skipped[0], password=skipped[1]), 2.0) is None
    client.nominate(A, 3.0)


def test_a_restart_before_the_first_check() -> None:
    client = Client()
    former = (client.agent.ufrag, client.agent.password)
    client.agent.restart()
    client.agent.restart()
    assert client.send(A, client.check(ufrag=former[0], password=former[1]), 1.0) is not None
    client.nominate(A, 2.0)


def test_a_port_that_a_client_uses_again_belongs_to_its_latest_connection() -> None:
    client = Client()
    client.nominate(A, 1.0)
    former = client.agent
    client.agent = client.agents.new(2.0)
    client.nominate(A, 2.0)
    assert client.agents.at(A) is client.agent
    assert former.selected is None
    assert A not in former._paths


def test_a_closed_agent_leaves_nothing_behind() -> None:
    client = Client()
    client.nominate(A, 1.0)
    client.agent.restart()
    client.agent.close()
    client.agent.close()
    assert client.agents.paths == 0
    assert client.agents._by_ufrag == {}
    assert client.agent.next_deadline() is None


def test_no_two_agents_have_one_ufrag() -> None:
    source = Random(3)
    state = source.getstate()
    agents: IceAgents[From] = IceAgents(Ids(source))
    first = agents.new(0.0)
    source.setstate(state)  # the same chance again
    agents._ids = Ids(source)
    second = agents.new(0.0)
    assert first.ufrag == Ids(Random(3)).token(len(first.ufrag))
    assert second.ufrag != first.ufrag


class Life(RuleBasedStateMachine):
    """Any order of checks, forgeries, restarts and time: what always holds."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client()
        self.now = 0.0
        self.latest = 0.0
        self.gone = False
        self.good: set[From] = set()
        self.recorded: list[tuple[From, bytes]] = []
        self.former: tuple[str, str] | None = None

    paths = st.builds(From, st.integers(1, 24))

    @precondition(lambda self: not self.gone)
    @rule(path=paths, nominate=st.booleans(), former=st.booleans())
    def check(self, path: From, nominate: bool, former: bool) -> None:
        ufrag, password = self.former if former and self.former else (None, None)
        data = self.client.check(nominate=nominate, ufrag=ufrag, password=password)
        answer = self.client.send(path, data, self.now)
        assert answer is not None
        assert answer.kind == "success"
        if ufrag is None:
            self.former = None
        self.good.add(path)
        self.recorded = [*self.recorded[-9:], (path, data)]
        self.latest = self.now
        assert self.client.agents.at(path) is self.client.agent
        if nominate:
            assert self.client.agent.selected == path

    @rule(path=paths, data=st.binary(min_size=1, max_size=60))
    def forge(self, path: From, data: bytes) -> None:
        before = self.client.agent.selected
        forged = self.client.check(nominate=True, password=data.hex())
        answer = self.client.send(path, forged, self.now)
        assert answer is None or answer.kind == "error"
        assert answer is None or answer.size <= len(forged)
        assert self.client.agent.selected == before

    @precondition(lambda self: self.recorded)
    @rule(path=paths, index=st.integers(0, 9))
    def replay(self, path: From, index: int) -> None:
        source, data = self.recorded[index % len(self.recorded)]
        if source == path:
            return
        before = self.client.agent.selected
        assert self.client.send(path, data, self.now) is None
        assert self.client.agent.selected == before

    @precondition(lambda self: not self.gone)
    @rule()
    def restart(self) -> None:
        if self.former is None:
            self.former = (self.client.agent.ufrag, self.client.agent.password)
        self.client.agent.restart()

    @rule(path=paths)
    def connection_closed(self, path: From) -> None:
        self.client.agents.path_closed(path)

    @rule(seconds=st.floats(0.01, 40))
    def time_goes(self, seconds: float) -> None:
        self.now += seconds
        expected = not self.gone and self.now >= self.latest + CONSENT
        assert self.client.agent.handle_deadline(self.now) is expected
        self.gone = self.gone or expected

    @invariant()
    def holds(self) -> None:
        agent = self.client.agent
        assert self.client.agents.paths <= MAX_PATHS
        assert len(self.client.agents._by_ufrag) <= 2
        assert len(agent._answered) <= MAX_TRANSACTIONS
        admitted = set(agent._paths)
        assert admitted <= self.good
        assert admitted == {
            From(port) for port in range(1, 25) if self.client.agents.at(From(port)) is agent
        }
        if agent.selected is None:
            assert admitted == set()
        else:
            assert agent.selected in admitted
        assert (agent.next_deadline() is None) is self.gone


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40)
