from __future__ import annotations

import json

from hookflash.base.errors import ApiError
from hookflash.twirp.errors import STATUS, argument, bare, body, http_status, prefixed


def test_status_of_each_code() -> None:
    assert http_status("resource_exhausted") == 429
    assert http_status("dataloss") == http_status("data_loss") == 500
    assert http_status("nonsense") == 500
    assert len(STATUS) == 19


def test_body_has_meta_only_where_there_is_any() -> None:
    assert json.loads(body(ApiError("internal", 'a"b'))) == {"code": "internal", "msg": 'a"b'}
    assert json.loads(body(ApiError("internal", "x", {"k": "v"})))["meta"] == {"k": "v"}


def test_a_long_text_is_cut() -> None:
    sent = json.loads(body(ApiError("internal", "é" * 700_000)))
    assert len(sent["msg"].encode()) == 1_000_000


def test_prefix() -> None:
    error = prefixed("not_found", "x")
    assert error.msg == "twirp error unknown: x"
    assert bare(error.msg) == bare("x") == "x"


def test_argument_helper() -> None:
    error = argument("metadata size exceeds limits", "524288")
    assert error.msg == "metadata size exceeds limits 524288"
    assert error.meta == {"argument": "metadata size exceeds limits"}
    assert argument("same room").msg == "same room "
