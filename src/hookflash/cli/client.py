"""A small HTTP client for the commands: the server's own API, like anybody else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from datetime import timedelta
from typing import Any

from livekit.api import AccessToken, SIPGrants, VideoGrants

from ..base.errors import HookflashError


class ClientError(HookflashError):
    """The server cannot be reached or refused; the text says what to do."""


class Client:
    """`url` may be http(s):// or ws(s)://, as LIVEKIT_URL is written."""

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self._base = url.replace("ws", "http", 1) if url.startswith("ws") else url
        self._base = self._base.rstrip("/")
        self._key = api_key
        self._secret = api_secret

    def get(self, path: str, *, grant_room: str = "", **query: str | int) -> Any:
        """GET JSON of `path` with a token for `grant_room`; raises ClientError."""
        token = self._token(grant_room)
        url = f"{self._base}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ClientError(_explain(error)) from None
        except (OSError, ValueError) as error:
            raise ClientError(
                f"no answer from {self._base} ({error}); is `hookflash serve` running there?"
            ) from None

    def _token(self, room: str) -> str:
        token = (
            AccessToken(self._key, self._secret)
            .with_ttl(timedelta(minutes=1))
            .with_grants(VideoGrants(room_admin=True, room=room))
            .with_sip_grants(SIPGrants(admin=True, call=True))
        )
        with warnings.catch_warnings():
            # The secret of `serve --dev` is short, and whoever runs that knows it.
            warnings.filterwarnings("ignore", message="The HMAC key is")
            return token.to_jwt()


def _explain(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        body = json.loads(text)
        text = f"{body['code']}: {body['msg']}"
    except (ValueError, KeyError, TypeError):
        pass
    if error.code == 401:
        text += " (check LIVEKIT_API_KEY and LIVEKIT_API_SECRET)"
    return f"the server answered {error.code}: {text}"
