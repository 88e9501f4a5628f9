"""What a service knows of the request that it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from ..access.grants import Claims
from ..base.light import light_dataclass
from .asgi import MAX_BODY


@dataclass(slots=True)
class Context:
    """One API request. Without a token `claims` is None: the method itself refuses then."""

    claims: Claims | None
    now: float
    """By the clock of deadlines (`ports.Clock`)."""
    at: float
    """The world's time, for what is written down: seconds since the epoch."""
    wait: float | None = None
    """X-Twirp-Timeout-Ms in seconds; None: no limit of the client's."""
    request_id: str = ""
    """X-Livekit-Request-Id."""


@light_dataclass(frozen=True, slots=True)
class Listing:
    """An answer that is one list, which may be long: it is written in slices. What `items` yields
    may not change meanwhile."""

    reply_type: type[Message]
    items: Iterable[Message]
    field: str = "items"
    """The only field of `reply_type` that is set."""


LARGE = 64 * 1024
"""Octets of a request that are read at once, in a millisecond or two; of JSON also no more than
`base.counts.MOST_VALUES`."""
SMALL = 1024 * 1024
TEXTS = 2 * SMALL
"""For requests with metadata: 512 kB of it, which JSON may write three times as long."""
LISTS = MAX_BODY
"""For provisioning: trunks and rules have numbers by the ten thousand."""

Handler = Callable[[Context, Any], Awaitable[Message | Listing]]


@light_dataclass(frozen=True, slots=True)
class Method:
    """One method of a service: the type of its request, who answers, and what it takes for that."""

    request_type: type[Message]
    handler: Handler
    needs: Callable[[Claims | None], object]
    """Raises ApiError for a token that will not do whatever the request says. The handler asks for
    all that it takes."""
    body: int = SMALL
    """Octets of a request, at most."""
    ungranted: int = LARGE
    """Octets that are read of it where the token will not do; beyond them it is refused unread."""


@light_dataclass(frozen=True, slots=True)
class Service:
    """A Twirp service, such as `livekit.SIP`. `methods` None: none of them is implemented."""

    name: str
    methods: Mapping[str, Method] | None
