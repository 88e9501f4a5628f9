"""One exchange for each module of wire tests; a module may name other settings in `SIP`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange
from tests.wire.kit.slow import Slow
from tests.wire.kit.ways import OUTBOUND


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    """Receives the webhooks of the module's exchange."""
    receiver = Hooks()
    yield receiver
    receiver.close()
    assert not receiver.faults


@pytest.fixture(scope="module")
def exchange(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, hooks: Hooks
) -> Iterator[Exchange]:
    """The process under test; it may not log a mistake of its own."""
    sip = getattr(request.module, "SIP", {})
    made = Exchange.configured(tmp_path_factory.mktemp("exchange"), hooks=hooks.url, **sip)
    made.start()
    yield made
    made.close()
    assert not made.logged("Traceback"), made.log.read_text("utf-8")[-4000:]


@pytest.fixture
def phone(request: pytest.FixtureRequest, exchange: Exchange) -> Iterator[Phone]:
    """A telephone over UDP; its calls end with the test. `both` (kit/ways.py): it calls, or it is
    called."""
    made = exchange.phone()
    made.is_called = getattr(request, "param", "") == OUTBOUND
    yield made
    made.close()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    """The scenarios of kit/slow.py, all begun with the first that is asked for."""
    made = Exchange.configured(tmp_path_factory.mktemp("slow")).start()
    yield Slow(made)
    made.close()
    assert not made.logged("Traceback"), made.log.read_text("utf-8")[-4000:]
