"""Digest authentication for SIP (RFC 3261 §22, RFC 7616, RFC 8760): client and server.

MD5 and SHA-256, qop `auth` or none; `auth-int` is refused. No password, and nothing that is made
of one, stands in an exception, a repr or a log field.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import islice
from typing import Literal

from ..base.errors import SipError
from ..base.hosts import ip_literal
from ..base.ids import Ids
from ..base.light import light_dataclass
from .fields import Challenge, Credentials
from .message import Request, Response
from .uri import Uri

Algorithm = Literal["MD5", "SHA-256"]

MAX_CHALLENGES = 5
NONCE_LIFETIME = 300.0
"""Seconds for which a nonce of ours is good."""
MAX_NONCES = 100_000
"""Nonces of which anything is remembered."""
NONCE_TRIES = 10
"""Wrong answers after which a nonce is good no more."""
MAX_CREDENTIALS = 4
"""Credentials of one request that are judged: each is a try of its own."""
_MAX_READ = 16
"""Headers with credentials, of each kind, that are read at all."""
_MAX_VALUE = 1024
"""Characters of a parameter of credentials; no honest one has more."""
_FILLING = str.maketrans("", "", "+-.() ")


def digest_response(
    algorithm: Algorithm,
    *,
    username: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    qop: str | None = None,
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The `response` value of RFC 7616 §3.4.1; without qop that of RFC 2069."""
    secret = _hash(algorithm, f"{username}:{realm}:{password}")
    target = _hash(algorithm, f"{method}:{uri}")
    if qop is None:
        return _hash(algorithm, f"{secret}:{nonce}:{target}")
    return _hash(algorithm, f"{secret}:{nonce}:{nc}:{cnonce}:{qop}:{target}")


def _hash(algorithm: Algorithm, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if algorithm == "MD5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(data).hexdigest()


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _known_algorithm(text: str | None) -> Algorithm | None:
    """None for an algorithm that we do not have; no algorithm means MD5."""
    name = (text or "MD5").upper()
    if name == "MD5":
        return "MD5"
    return "SHA-256" if name == "SHA-256" else None


# --- client -------------------------------------------------------------------------------------


class _Realm:
    """The last challenge of one protection space, and how often its nonce was used."""

    __slots__ = ("algorithm", "cnonce", "count", "nonce", "opaque", "qop", "realm")

    def __init__(self, challenge: Challenge, algorithm: Algorithm, cnonce: str) -> None:
        self.algorithm = algorithm
        self.realm = challenge.param("realm") or ""
        self.nonce = challenge.param("nonce") or ""
        self.opaque = challenge.param("opaque")
        self.qop = "auth" if challenge.param("qop") else None
        self.cnonce = cnonce
        self.count = 0


_HEADERS = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))


class DigestClient:
    """Answers the challenges to one request of ours and its retries (transfer.md §3).

    The first challenge of a realm whose algorithm we know counts; all realms of one answer are
    answered together, with those of earlier answers; a realm is tried again only if its new
    challenge says stale; after five challenged answers it is over. Realms that ask for what we do
    not know are passed over while there is another one to answer.
    """

    __slots__ = ("_challenges", "_ids", "_password", "_realms", "_tried", "_username", "refusal")

    def __init__(self, username: str, password: str, ids: Ids) -> None:
        self._username = username
        self._password = password
        self._ids = ids
        self._realms: dict[tuple[str, str], _Realm] = {}
        self._tried: set[tuple[str, str]] = set()
        """Realms that have our credentials, and have not let the request pass since."""
        self._challenges = 0
        self.refusal = ""
        """Why the last `challenged` was False, for the log: never a secret."""

    def __repr__(self) -> str:
        return f"DigestClient(challenges={self._challenges})"

    def challenged(self, response: Response) -> bool:
        """Take the challenges of a 401 or 407; False: give up, `refusal` says why."""
        self._challenges += 1
        if self._challenges > MAX_CHALLENGES:
            self.refusal = "too many challenges"
            return False
        fresh = False
        self.refusal = "no digest challenge"
        for offered, wanted in _HEADERS:
            for realm, challenges in _by_realm(response, offered).items():
                chosen, why = _choose(challenges)
                if chosen is None:
                    self.refusal = why
                    continue
                challenge, algorithm = chosen
                stale = (challenge.param("stale") or "").lower() == "true"
                if (wanted, realm) in self._tried and not stale:
                    self.refusal = "the credentials were not accepted"
                    return False
                self._realms[wanted, realm] = _Realm(challenge, algorithm, self._ids.token(16))
                self._tried.add((wanted, realm))
                fresh = True
        return fresh

    def passed(self) -> None:
        """The request was answered by something else: the credentials were good, and a realm may
        ask for them once more when it is sent again."""
        self._tried.clear()

    def credentials(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The headers for the next request with this Request-URI; [] before a challenge."""
        return [
            (wanted, self._credentials(state, method, uri))
            for (wanted, _), state in self._realms.items()
        ]

    def _credentials(self, state: _Realm, method: str, uri: str) -> str:
        state.count += 1
        nc = f"{state.count:08x}"
        response = digest_response(
            state.algorithm,
            username=self._username,
            realm=state.realm,
            password=self._password,
            method=method,
            uri=uri,
            nonce=state.nonce,
            qop=state.qop,
            nc=nc,
            cnonce=state.cnonce,
        )
        parts = [
            f"username={_quote(self._username)}",
            f"realm={_quote(state.realm)}",
            f"nonce={_quote(state.nonce)}",
            f"uri={_quote(uri)}",
            f'response="{response}"',
            f"algorithm={state.algorithm}",
        ]
        if state.opaque is not None:
            parts.append(f"opaque={_quote(state.opaque)}")
        if state.qop is not None:
            parts += [f"qop={state.qop}", f"nc={nc}", f'cnonce="{state.cnonce}"']
        return "Digest " + ", ".join(parts)


def _by_realm(response: Response, header: str) -> dict[str, list[Challenge]]:
    """The digest challenges of one header, in order; what cannot be read is passed over."""
    realms: dict[str, list[Challenge]] = {}
    for value in response.headers.get_all(header):
        try:
            challenge = Challenge.parse(value)
        except SipError:
            continue
        if challenge.is_digest and challenge.param("nonce") is not None:
            realms.setdefault(challenge.param("realm") or "", []).append(challenge)
    return realms


def _choose(challenges: Sequence[Challenge]) -> tuple[tuple[Challenge, Algorithm] | None, str]:
    """The first challenge that we can answer; else None and why."""
    why = "no known digest algorithm"
    for challenge in challenges:
        algorithm = _known_algorithm(challenge.param("algorithm"))
        if algorithm is None:
            continue
        qop = challenge.param("qop")
        if qop and "auth" not in {option.strip().lower() for option in qop.split(",")}:
            why = "qop auth-int is not supported"
            continue
        return (challenge, algorithm), ""
    return None, why


# --- server -------------------------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class Accepted:
    """The credentials are right."""

    username: str


@light_dataclass(frozen=True, slots=True)
class Challenged:
    """A (new) challenge is needed; this is no failed try."""

    stale: bool = False


@light_dataclass(frozen=True, slots=True)
class Denied:
    """Wrong credentials: a failed try. `reason` is for the log."""

    reason: str
    sources: tuple[str, ...] = ()
    """For each wrong answer the address that its nonce was given to ("" where that had none).
    Whoever sends the answer may have forged his own; a nonce reached its address."""


class DigestServer:
    """Checks credentials against nonces of its own (calls.md §1).

    A nonce carries its time, the address it was given to and an HMAC with `key`, so none is
    stored. What is stored is the highest nonce count that was accepted with it, for its lifetime,
    and how often it was answered wrongly; of `MAX_NONCES` each. `algorithms` are offered strongest
    first, in whatever order they are given (RFC 8760).
    """

    def __init__(
        self,
        key: bytes,
        ids: Ids,
        *,
        algorithms: Sequence[Algorithm] = ("MD5",),
        lifetime: float = NONCE_LIFETIME,
    ) -> None:
        self._key = key
        self._ids = ids
        self._algorithms = tuple(sorted(algorithms, key=lambda name: name == "MD5"))
        self._lifetime = lifetime
        self._counts: dict[str, tuple[int, float]] = {}
        self._forgotten = -1.0
        """Nonces made until then are good no more: the count of one of them was forgotten."""
        self._wrong: OrderedDict[str, int] = OrderedDict()

    def challenge(
        self, now: float, realm: str, *, stale: bool = False, source: str = ""
    ) -> list[str]:
        """The values of WWW-Authenticate or Proxy-Authenticate, one for each algorithm. `source`:
        the IP address that they go to."""
        nonce = self._nonce(now, source)
        opaque = self._sign("opaque", realm)[:16]
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={_quote(realm)}, nonce="{nonce}", opaque="{opaque}", '
            f'algorithm={algorithm}, qop="auth"{tail}'
            for algorithm in self._algorithms
        ]

    def check(
        self, now: float, request: Request, method: str, username: str, password: str, realm: str
    ) -> Accepted | Challenged | Denied:
        """Judge `Authorization` and `Proxy-Authorization` of a request for `realm`.

        Credentials for other realms are passed over. A nonce that is not ours, or that has met
        `NONCE_TRIES` wrong answers, asks for a new challenge with stale=true whatever the
        password; an old nonce, or a nonce count that is not higher than before, does so if the
        password is right. `request` has passed `check_request`.
        """
        reason, sources = "", []
        for credentials in credentials_for(request, realm):
            nonce = credentials.param("nonce") or ""
            made = self._made_at(nonce)
            if made is None or self._wrong.get(nonce, 0) >= NONCE_TRIES:
                return Challenged(stale=True)
            why = self._wrong_answer(credentials, method, username, password, realm)
            why = why or _misdirected(credentials.param("uri") or "", request)
            if why:
                self._wear(nonce)
                reason = why
                sources.append(_given_to(nonce))
            elif self._fresh(now, credentials, made):
                return Accepted(username)
            else:
                return Challenged(stale=True)
        return Denied(reason, tuple(sources)) if sources else Challenged()

    def _wrong_answer(
        self, given: Credentials, method: str, username: str, password: str, realm: str
    ) -> str:
        """Why these credentials are wrong whatever their nonce; "" if they are right."""
        algorithm = _known_algorithm(given.param("algorithm"))
        if algorithm is None or algorithm not in self._algorithms:
            return "an algorithm that was not offered"
        qop = (given.param("qop") or "").lower() or None
        if qop not in {None, "auth"}:
            return "a qop that was not offered"
        nc = given.param("nc") or ""
        if qop is not None and (_count(nc) is None or not given.param("cnonce")):
            return "no nonce count or cnonce"
        if any(len(value) > _MAX_VALUE for _, value in given.params):
            return "a value that is too long"
        expected = digest_response(
            algorithm,
            username=username,
            realm=realm,
            password=password,
            method=method,
            uri=given.param("uri") or "",
            nonce=given.param("nonce") or "",
            qop=qop,
            nc=nc,
            cnonce=given.param("cnonce") or "",
        )
        # Both are compared in any case: how long that takes shall not tell which names exist.
        known = _same(username, given.param("username") or "")
        same = _same(expected, (given.param("response") or "").lower())
        if not known:
            return "another username"
        return "" if same else "a wrong password"

    def _wear(self, nonce: str) -> None:
        """One more wrong answer to this nonce."""
        self._wrong[nonce] = self._wrong.get(nonce, 0) + 1
        self._wrong.move_to_end(nonce)
        if len(self._wrong) > MAX_NONCES:
            self._wrong.popitem(last=False)

    def _fresh(self, now: float, given: Credentials, made: float) -> bool:
        """The nonce is young, and its count is higher than any before; then noted."""
        nonce = given.param("nonce") or ""
        if not made <= now < made + self._lifetime or made <= self._forgotten:
            return False
        # Without qop nothing signs the count: such a nonce is good once.
        count = 1 if given.param("qop") is None else _count(given.param("nc") or "") or 1
        last, _ = self._counts.get(nonce, (0, 0.0))
        if count <= last:
            return False
        self._forget_old(now)
        self._counts[nonce] = (count, made + self._lifetime)
        return True

    def _forget_old(self, now: float) -> None:
        """Nonces are noted about in the order of their age, so the first ones go first. Where one
        must go that is good yet, it is good no more: its count would begin anew."""
        while self._counts:
            nonce = next(iter(self._counts))
            expires = self._counts[nonce][1]
            if expires > now and len(self._counts) < MAX_NONCES:
                return
            if expires > now:
                self._forgotten = max(self._forgotten, expires - self._lifetime)
            del self._counts[nonce]

    def _nonce(self, now: float, source: str) -> str:
        address = ip_literal(source)
        given_to = address.packed.hex() if address is not None else ""
        head = f"{int(now * 1000):x}.{self._ids.token(8)}.{given_to}"
        return f"{head}.{self._sign('nonce', head)[:32]}"

    def _made_at(self, nonce: str) -> float | None:
        """When we made this nonce; None if we did not."""
        head, _, signature = nonce.rpartition(".")
        expected = self._sign("nonce", head)[:32].encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "surrogateescape")):
            return None
        return int(head.partition(".")[0], 16) / 1000

    def _sign(self, purpose: str, text: str) -> str:
        data = f"{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()


def _given_to(nonce: str) -> str:
    """The address in a nonce of ours."""
    packed = nonce.split(".")[2]
    return str(ip_address(bytes.fromhex(packed))) if packed else ""


def _same(expected: str, given: str) -> bool:
    """Compared in a time that says nothing of where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


def credentials_for(request: Request, realm: str) -> list[Credentials]:
    """The digest credentials of a request for a realm: those that are judged."""
    found: list[Credentials] = []
    for name in ("Proxy-Authorization", "Authorization"):
        for value in islice(request.headers.get_all(name), _MAX_READ):
            try:
                credentials = Credentials.parse(value)
            except SipError:
                continue
            if credentials.is_digest and credentials.param("realm") == realm:
                found.append(credentials)
    return found[:MAX_CREDENTIALS]


def _misdirected(text: str, request: Request) -> str:
    """Why credentials whose `uri` is `text` are not for this request; "" if they are.

    Proxies may change the Request-URI, so the two need not be equal (RFC 3261 §22.4 item 8): but
    its user, where it has one, is the one who is called.
    """
    try:
        user = _bare(Uri.parse(text).number)
        called = {_bare(request.uri.number), _bare(request.to.uri.number)}
    except SipError:
        return "an unreadable uri"
    return "" if not user or user in called else "a uri that is not called"


def _bare(number: str) -> str:
    """A number as it is written in one place or another is the same."""
    return number.translate(_FILLING)


def _count(text: str) -> int | None:
    """A nonce count: eight hexadecimal digits (RFC 7616 §3.4); None if it is not one."""
    if len(text) != 8 or not all(c in "0123456789abcdefABCDEF" for c in text):
        return None
    return int(text, 16) or None
