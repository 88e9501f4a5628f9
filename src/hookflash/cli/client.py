"""A small HTTP client for the commands: a server's own API, like anybody else.

Twirp methods work with LiveKit as with Hookflash; `get` is for what only Hookflash has.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import warnings
from datetime import timedelta
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from ..base.errors import HookflashError
from ..twirp.errors import bare

TIMEOUT: Final = 10.0
"""Seconds for a request that dials nobody."""
_SCHEMES: Final = ("http", "https", "ws", "wss")
SHOWN: Final = 300
"""Characters of an answer that is no error of an API: a proxy's whole page would be too much."""

Answer = TypeVar("Answer", bound=Message)


class ClientError(HookflashError):
    """The server cannot be reached or refused; the text says what to do."""


class RefusedError(ClientError):
    """The server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        """`text`: the body; the error of Twirp or of Hookflash in it, if it is one."""
        self.status = status
        self.code = ""
        self.msg = " ".join(text.split())[:SHOWN]
        self.meta: dict[str, str] = {}
        try:
            body = json.loads(text)
            self.code, self.msg = str(body["code"]), bare(str(body["msg"]))
            self.meta = {str(k): str(v) for k, v in dict(body.get("meta") or {}).items()}
        except (ValueError, KeyError, TypeError):
            pass
        super().__init__(self._explain())

    def _explain(self) -> str:
        said = f"{self.code}: {self.msg}" if self.code else self.msg
        text = f"the server answered {self.status}: {said}"
        if self.status == 401:
            text += " (check LIVEKIT_API_KEY and LIVEKIT_API_SECRET)"
        elif self.status == 404 and not self.code:
            text += " (is this the address of the API? A plain LiveKit has no such page)"
        return text


class Client:
    """`url` may be http(s):// or ws(s)://, as LIVEKIT_URL is written. Raises ClientError."""

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        if not _is_address(url):
            raise ClientError(
                f"{url!r} is no address of a server; --url or LIVEKIT_URL is such as "
                "http://127.0.0.1:7880"
            )
        if not (api_key and api_secret):
            raise ClientError(
                "no API key; --api-key and --api-secret, or LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
            )
        self._base = re.sub("^ws", "http", url, flags=re.IGNORECASE).rstrip("/")
        self._key = api_key
        self._secret = api_secret

    def get(self, path: str, *, grant_room: str = "", **query: str | int) -> Any:
        """GET JSON of `path` with a token for `grant_room`; raises ClientError."""
        url = f"{self._base}{path}?{urllib.parse.urlencode(query)}"
        body = self._send(urllib.request.Request(url), grant_room, TIMEOUT)  # noqa: S310
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._silent(error) from None

    def call(
        self,
        method: str,
        request: Message,
        answer: type[Answer],
        *,
        room: str = "",
        timeout: float = TIMEOUT,
    ) -> Answer:
        """A Twirp method, such as `SIP/TransferSIPParticipant`, with a token for `room`.

        Raises:
            RefusedError: the server says no.
            ClientError: no answer, or none that can be read.
        """
        sent = urllib.request.Request(  # noqa: S310
            f"{self._base}/twirp/livekit.{method}",
            data=request.SerializeToString(),
            headers={"Content-Type": "application/protobuf"},
        )
        body = self._send(sent, room, timeout)
        try:
            return answer.FromString(body)
        except DecodeError as error:
            raise self._silent(error) from None

    def _send(self, request: urllib.request.Request, room: str, timeout: float) -> bytes:
        request.add_header("Authorization", f"Bearer {self._token(room)}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
                body: bytes = response.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, error.read().decode("utf-8", "replace")) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._silent(error) from None

    def _silent(self, error: Exception) -> ClientError:
        cause = getattr(error, "reason", None) or error
        why = getattr(cause, "strerror", None) or cause
        return ClientError(
            f"no answer from {self._base} ({why}); is `hookflash serve` running there? "
            "--url or LIVEKIT_URL says where"
        )

    def _token(self, room: str) -> str:
        # Brings aiohttp, a tenth of a second: not for `--help`.
        from livekit.api import AccessToken, SIPGrants, VideoGrants

        token = (
            AccessToken(self._key, self._secret)
            .with_ttl(timedelta(minutes=1))
            .with_grants(VideoGrants(room_create=True, room_list=True, room_admin=True, room=room))
            .with_sip_grants(SIPGrants(admin=True, call=True))
        )
        with warnings.catch_warnings():
            # The secret of `serve --dev` is short, and whoever runs that knows it.
            warnings.filterwarnings("ignore", message="The HMAC key is")
            return token.to_jwt()


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or no IPv6 address
        return False
