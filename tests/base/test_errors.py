"""The error tree: one root, and what each error carries."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import hookflash
from hookflash.base import errors
from hookflash.base.errors import ApiError, ConfigError, HookflashError, SdpError, SipError


@pytest.mark.parametrize(
    "kind", [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not object]
)
def test_everything_has_one_root(kind: type) -> None:
    if issubclass(kind, Exception):
        assert issubclass(kind, HookflashError)
        assert kind.__name__ in (errors.__doc__ or "")


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def test_nobody_raises_an_error_outside_the_tree() -> None:
    """But for what never leaves its file."""
    for module in pkgutil.walk_packages(hookflash.__path__, "hookflash."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = [kind for kind in below(Exception) if kind.__module__.startswith("hookflash.")]
    assert len(ours) > 8
    outside = [kind for kind in ours if not issubclass(kind, HookflashError)]
    assert [kind.__name__ for kind in outside if not kind.__name__.startswith("_")] == []


def test_a_sip_error_carries_its_answer() -> None:
    error = SipError("no Via", status=513)
    assert (error.status, error.text, error.message) == (513, "no Via", None)
    assert SipError("x").status == 400


def test_an_sdp_error_may_carry_a_warning() -> None:
    assert SdpError("no codec", status=488, warning=305).warning == 305


def test_an_api_error_has_code_text_and_meta() -> None:
    error = ApiError("not_found", "gone", {"k": "v"})
    assert (error.code, error.msg, error.meta) == ("not_found", "gone", {"k": "v"})


def test_a_config_error_names_key_value_and_what_is_allowed() -> None:
    text = str(ConfigError("port", 0, "1-65535"))
    assert text == "port: 0 is not allowed; allowed: 1-65535"
