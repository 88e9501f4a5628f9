"""A digest client and the parts of a digest server, by RFC 7616 and hashlib alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

HASHES = {"MD5": "md5", "SHA-256": "sha256"}


def fields(header: str) -> dict[str, str]:
    """The parameters of a challenge or of credentials."""
    found = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', header.partition(" ")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def digest(algorithm: str, *parts: str) -> str:
    """H(a:b:c)."""
    return hashlib.new(HASHES[algorithm], ":".join(parts).encode()).hexdigest()


@dataclass(slots=True)
class Client:
    """Answers challenges; `count` is the next nonce count."""

    username: str = "user"
    password: str = "pass"
    count: int = 1

    def answer(
        self, challenge: str, uri: str, method: str = "INVITE", nonce: str = "", nc: int = 0
    ) -> str:
        """The value of (Proxy-)Authorization."""
        asked = fields(challenge)
        algorithm = asked.get("algorithm", "MD5")
        nonce = nonce or asked["nonce"]
        count = f"{nc or self.count:08x}"
        self.count += 1
        first = digest(algorithm, self.username, asked["realm"], self.password)
        second = digest(algorithm, method, uri)
        response = digest(algorithm, first, nonce, count, "cafe", "auth", second)
        return (
            f'Digest username="{self.username}", realm="{asked["realm"]}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm={algorithm}, qop=auth, '
            f'nc={count}, cnonce="cafe", opaque="{asked.get("opaque", "")}"'
        )


def right(
    credentials: str, username: str, password: str, method: str, algorithm: str = "MD5"
) -> bool:
    """Whether these credentials, with or without qop, are right."""
    given = fields(credentials)
    first = digest(algorithm, username, given["realm"], password)
    second = digest(algorithm, method, given["uri"])
    middle = [given[name] for name in ("nc", "cnonce", "qop")] if "qop" in given else []
    expected = digest(algorithm, first, given["nonce"], *middle, second)
    return given["username"] == username and given["response"] == expected
