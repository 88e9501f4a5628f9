"""What is so in every test, and in the processes that tests start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)  # of this process, not of those it starts

# How long an example takes says something about the machine; that work is linear has its own tests.
settings.register_profile("hookflash", deadline=None)
settings.load_profile("hookflash")


@pytest.fixture(autouse=True)
def logging_ends_with_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A logger that is kept from one test's settings could not be captured in the next."""
    configure = structlog.configure

    def uncached(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", uncached)
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    if before is None:
        structlog.reset_defaults()
    else:
        configure(**before)
