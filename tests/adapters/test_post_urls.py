"""What can be posted to, and what of it is told."""

from __future__ import annotations

import pytest

from hookflash.adapters.post_urls import check_url
from hookflash.base.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example", "https://a.example/x?y=z#w", "http://a:80/", "https://[::1]:8443/"),
        *("http://bücher.example/ä b%20?ö=1 2", "http://127.0.0.1:9/"),
    ],
)
def test_what_can_be_posted_to(url: str) -> None:
    check_url("webhook.urls", url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "a/b", "ftp://a/", "http:///x", "http://u:p@a/", "http://a:x/", "http://a:99999/"),
        *("http://a:0/", "http://a..example/", "http://.example/", f"http://{'a' * 64}.example/"),
        "http://\u2024/",
    ],
)
def test_what_cannot(url: str) -> None:
    with pytest.raises(ConfigError, match="allowed: URLs that start with"):
        check_url("webhook.urls", url)


def test_a_password_in_a_url_is_not_told() -> None:
    for url in ("https://me:secret@a/x", "https://me:sec/secret@a/x"):
        with pytest.raises(ConfigError) as wrong:
            check_url("webhook.urls", url)
        assert "secret" not in str(wrong.value)
        assert "https://...@a/x" in str(wrong.value)
