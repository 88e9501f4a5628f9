"""Fixtures for tests of voice agents (docs/testing-your-agent.md): an exchange, a carrier with
telephones, the agent as a process. pytest finds this by its entry point, in each project that has
Hookflash installed: nothing else of the package is imported before a test wants it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

FIXTURES = frozenset({"exchange", "carrier", "phone", "agent_worker"})
MARKER = """\
carrier(profile=…, transfer_mode=…, transfer_caller_id=…, srtp=…, number=…, room=…, agent=…, \
provider=…, domain=…, phones=[…]): which telephone company the fixture `carrier` is"""
_told = pytest.StashKey[list[tuple[str, Callable[[], str]]]]()
_pool = pytest.StashKey[Any]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def exchange_settings() -> dict[str, object]:
    """Settings of the exchange by their dotted names; for a conftest.py to replace."""
    return {}


@pytest.fixture(scope="session")
def _hookflash_exchange(exchange_settings: dict[str, object]) -> Iterator[Any]:
    from .testing import RunningExchange

    with RunningExchange(exchange_settings) as running:
        yield running


@pytest.fixture(scope="session")
def _hookflash_agents(_hookflash_exchange: Any, pytestconfig: pytest.Config) -> Iterator[Any]:
    from .testing.agent import AgentPool

    pool = pytestconfig.stash[_pool] = AgentPool(_hookflash_exchange)
    yield pool
    pool.stop()


@pytest.fixture
def exchange(_hookflash_exchange: Any) -> Iterator[Any]:
    """A `hookflash.testing.RunningExchange`, which runs for the whole session; each test finds it
    without rooms, trunks and rules."""
    yield _hookflash_exchange
    _hookflash_exchange.clear()


@pytest.fixture
def carrier(request: pytest.FixtureRequest, exchange: Any) -> Iterator[Any]:
    """A `hookflash.testing.RunningCarrier` of the test's own, joined to the exchange. Its arguments
    are those of the markers `carrier`, the test's own before those of its class and module, and of
    an indirect parameter."""
    from .testing import RunningCarrier

    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("carrier"))):
        options |= mark.kwargs
    options |= getattr(request, "param", {})
    with RunningCarrier(exchange, **options) as running:
        sections = request.node.stash.setdefault(_told, [])
        sections.append(("carrier", lambda: "\n".join(running.told())))
        yield running


@pytest.fixture
def phone(carrier: Any) -> Any:
    """The first telephone of the carrier, +14155550100: a caller."""
    return next(iter(carrier.phones.values()))


@pytest.fixture
def agent_worker(
    request: pytest.FixtureRequest, exchange: Any, _hookflash_agents: Any
) -> Callable[..., Any]:
    """`agent_worker("agent.py")`, its path from the test's folder: an `AgentProcess` that is
    registered, with the arguments of that. One that runs already with the same is used again."""
    from .testing import AgentProcess

    _hookflash_agents.begin()
    request.node.stash.setdefault(_told, []).append(("agent", _hookflash_agents.told))

    def start(script: Any, *arguments: str, **options: Any) -> Any:
        path = request.path.parent / script
        return _hookflash_agents.get(AgentProcess(exchange, path, *arguments, **options))

    return start


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A failure shows what the carrier saw, and what the agent printed during the test. Wraps as
    pytest 7 knows it, which would not load the plugin otherwise."""
    report = (yield).get_result()
    if report.failed:
        for name, tell in item.stash.get(_told, []):
            report.sections.append((f"{name} ({report.when})", tell()))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After its calls are over. Workers end with the last test in a row that has `agent_worker`:
    they would take the calls of a test that has not."""
    pool = item.config.stash.get(_pool, None)
    if pool is not None and "agent_worker" not in getattr(nextitem, "fixturenames", ()):
        pool.stop()


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Runs an `async def` test that has one of the fixtures, where no other plugin does."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test) or FIXTURES.isdisjoint(pyfuncitem.fixturenames):
        return None
    if pyfuncitem.get_closest_marker("anyio") is not None:
        return None
    names = inspect.signature(test).parameters
    asyncio.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
