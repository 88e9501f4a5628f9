"""URLs of the configuration to which something is to be posted.

Apart from `http_post.py`, so that a command that posts nothing does without its library.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..base.errors import ConfigError


def check_url(setting: str, url: str) -> None:
    """Raises ConfigError if nothing can be posted to a URL of the configuration."""
    try:
        _check(url)
    except ValueError:
        shown = re.sub(r"//.*@", "//...@", url)  # there may be a password
        allowed = "URLs that start with http:// or https://, with a host and no user name"
        raise ConfigError(setting, shown, allowed) from None


def _check(url: str) -> None:
    parts = urlsplit(url)
    # idna refuses what no resolver takes either: empty labels, and those too long.
    host = (parts.hostname or "").encode("idna").decode("ascii")
    known = parts.scheme in {"http", "https"}
    if not known or not host.strip(".") or "@" in parts.netloc or parts.port == 0:
        raise ValueError(f"no URL to post to: {url}")
