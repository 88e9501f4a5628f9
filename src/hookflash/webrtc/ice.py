"""ICE lite agents (RFC 8445 §2.5, §7.3): they answer checks, and send where these tell them to.

A lite agent is always the controlled one. Its peer must nominate regularly, not aggressively (RFC
5245 §8.1.1): so the latest check with USE-CANDIDATE says where media goes, and a client that has
changed its network is followed with its first nominating check. Clients that nominate only once are
followed when the path they have left is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, Protocol, TypeVar

from ..base.ids import Ids
from . import stun
from .stun import StunMessage

CONSENT: Final = 30.0
"""Seconds without a check after which nothing may be sent any more (RFC 7675 §5.1)."""
SILENT: Final = 3.0
"""Seconds without a check on the selected path after which a check on another one is enough to take
over. Browsers check a pair in use every 2.5 s at the latest."""
MAX_PATHS: Final = 16
"""Checked paths that one agent remembers; of more, those that were checked longest ago go."""
MAX_TRANSACTIONS: Final = 128
"""Answered checks that one agent knows again when somebody else repeats them."""

_UFRAG: Final = 8
_PASSWORD: Final = 32
"""Characters of 36 each; RFC 8445 §5.3 wants 24 and 128 bits."""

REFUSALS: Final = (
    "unknown_ufrag",
    "no_integrity",
    "unauthorized",
    "unknown_attribute",
    "role_conflict",
    "repeated_elsewhere",
)
"""Why a check is not answered with success."""


class Path(Hashable, Protocol):
    """One remote address through one socket or connection of ours; equal for one 5-tuple."""

    @property
    def remote(self) -> tuple[str, int]:
        """IP and port of the far end."""
        ...


P = TypeVar("P", bound=Path)
"""The kind of path that the sockets have."""


class IceAgents(Generic[P]):
    """Those of a process, by their own ufrags and by the paths that they have checked."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._by_ufrag: dict[str, IceAgent[P]] = {}
        self._by_path: dict[P, IceAgent[P]] = {}
        self.at: Callable[[P], IceAgent[P] | None] = self._by_path.get
        """Whose packets come by this path; None: nobody has checked it, its packets are dropped.
        Asked for every packet."""
        self.refused = dict.fromkeys(REFUSALS, 0)
        """Checks that had no success, by reason."""

    @property
    def paths(self) -> int:
        """How many may send."""
        return len(self._by_path)

    def new(self, now: float) -> IceAgent[P]:
        """An agent for one more peer connection; it is known until it is closed."""
        return IceAgent(self._ids, now, self)

    def find(self, message: StunMessage) -> IceAgent[P] | None:
        """Whose check this is: by the left part of USERNAME (RFC 8445 §7.2.2). None where nobody
        has that ufrag; requests among these are counted."""
        agent = self._by_ufrag.get(message.username.partition(":")[0])
        if agent is None and message.kind == "request":
            self.refused["unknown_ufrag"] += 1
        return agent

    def path_closed(self, path: P) -> None:
        """A TCP connection has gone."""
        agent = self._by_path.get(path)
        if agent is not None:
            agent.path_closed(path)

    # --- for the agents -------------------------------------------------------------------------

    def name(self, agent: IceAgent[P]) -> str:
        """A ufrag that nobody else has, for this agent."""
        ufrag = self._ids.token(_UFRAG)
        while ufrag in self._by_ufrag:
            ufrag = self._ids.token(_UFRAG)
        self._by_ufrag[ufrag] = agent
        return ufrag

    def forget(self, ufrag: str) -> None:
        """Nobody is called that any more."""
        del self._by_ufrag[ufrag]

    def took(self, path: P, agent: IceAgent[P]) -> None:
        """The path is this agent's now: a client may use a port again for its next connection."""
        former = self._by_path.get(path)
        if former is not agent:
            if former is not None:
                former.path_closed(path)
            self._by_path[path] = agent

    def left(self, path: P) -> None:
        """Its agent does not know the path any more."""
        del self._by_path[path]


class IceAgent(Generic[P]):
    """One peer connection's side. `now` is when it is made: consent counts from there."""

    def __init__(self, ids: Ids, now: float, agents: IceAgents[P] | None = None) -> None:
        self._ids = ids
        self._agents = IceAgents(ids) if agents is None else agents
        self._passwords: dict[str, str] = {}
        """Those that are taken, by ufrag: two between a restart and its first check."""
        self._paths: dict[P, float] = {}
        """When each was checked last; the longest ago first."""
        self._answered: dict[bytes, P] = {}
        """From where each of the latest transactions came."""
        self._checked_at = now
        self._closed = False
        self.selected: P | None = None
        """Where media goes; None before the first check, and when consent is gone."""
        self.ufrag = self.password = ""
        """Ours, for the next description."""
        self._renew()
        self._used = self.ufrag
        """The ufrag of the latest check, or the first one."""

    def restart(self) -> None:
        """New credentials of ours. Those in use are taken until the new ones are first used; media
        goes on where it goes (RFC 8445 §9)."""
        if self._closed:
            return
        self._drop_credentials(self._used)
        self._renew()

    def request(self, path: P, message: StunMessage, now: float) -> bytes | None:
        """A STUN message that came by `path`: the answer to send back there, or None for silence.

        Only a check that the peer has signed changes anything. Others get an error if it is not
        larger than what they have sent.
        """
        if self._closed or message.kind != "request" or message.method != stun.BINDING:
            return None
        if not (message.has(stun.USERNAME) and message.has(stun.MESSAGE_INTEGRITY)):
            return self._refuse(message, 400, "no_integrity")
        ufrag = message.username.partition(":")[0]
        password = self._passwords.get(ufrag)
        if password is None or not message.is_signed_with(password):
            return self._refuse(message, 401, "unauthorized")
        if message.not_understood():
            return self._refuse(message, 420, "unknown_attribute", password)
        if self._answered.get(message.transaction, path) != path:
            # A full agent would check the path itself; here it is all that tells a stranger who
            # has recorded a check from a client that has moved.
            self._agents.refused["repeated_elsewhere"] += 1
            return None
        if message.has(stun.ICE_CONTROLLED):
            # The one who does checks is full, so it controls (RFC 8445 §6.1.1).
            return self._refuse(message, 487, "role_conflict", password)
        self._remember(message.transaction, path)
        self._used = ufrag
        if ufrag == self.ufrag:
            self._drop_credentials(ufrag)
        self._check(path, now, nominated=message.has(stun.USE_CANDIDATE))
        return stun.success(message, path.remote, password)

    def path_closed(self, path: P) -> None:
        """Nothing comes or goes by it any more. Media goes where the latest check came from."""
        if self._paths.pop(path, None) is None:
            return
        self._agents.left(path)
        if self.selected == path:
            self.selected = next(reversed(self._paths), None)

    def next_deadline(self) -> float | None:
        """When consent is gone if no check comes; None when it is, or after `close`."""
        return None if self._closed else self._checked_at + CONSENT

    def handle_deadline(self, now: float) -> bool:
        """True, once, when consent is gone: the agent is closed then."""
        if self._closed or now < self._checked_at + CONSENT:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Answer nobody, admit nobody."""
        self._closed = True
        self._drop_credentials("")
        for path in list(self._paths):
            self.path_closed(path)

    # --- inside ---------------------------------------------------------------------------------

    def _renew(self) -> None:
        self.ufrag = self._agents.name(self)
        self.password = self._passwords[self.ufrag] = self._ids.token(_PASSWORD)

    def _drop_credentials(self, but: str) -> None:
        for ufrag in [one for one in self._passwords if one != but]:
            del self._passwords[ufrag]
            self._agents.forget(ufrag)

    def _refuse(
        self, message: StunMessage, code: int, why: str, password: str | None = None
    ) -> bytes | None:
        """`password` where the request was signed with it."""
        self._agents.refused[why] += 1
        answer = stun.error(message, code, password)
        return answer if password is not None or len(answer) <= message.size else None

    def _remember(self, transaction: bytes, path: P) -> None:
        self._answered[transaction] = path
        if len(self._answered) > MAX_TRANSACTIONS:
            del self._answered[next(iter(self._answered))]

    def _check(self, path: P, now: float, *, nominated: bool) -> None:
        """A good check came by this path."""
        self._checked_at = now
        self._paths.pop(path, None)
        self._paths[path] = now
        self._agents.took(path, self)
        selected = self.selected
        if nominated or selected is None or now >= self._paths[selected] + SILENT:
            self.selected = path
        for other in [one for one, at in self._paths.items() if now >= at + CONSENT]:
            self.path_closed(other)
        if len(self._paths) > MAX_PATHS:
            self.path_closed(next(one for one in self._paths if one != self.selected))
