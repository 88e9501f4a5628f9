"""calls.md §5: the limit of open files."""

from __future__ import annotations

import resource

import pytest

from hookflash.adapters.limits import FILES_BESIDES_CALLS, raise_open_files, share_of_connections


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        files, calls = raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == files >= 512
        assert calls == (files - FILES_BESIDES_CALLS) // 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("files", "connections"), [(20, 16), (256, 32), (20_000, 2500), (10**6, 4096)]
)
def test_http_and_sip_have_a_share_of_the_files(files: int, connections: int) -> None:
    assert share_of_connections(files) == connections


def test_without_a_hard_limit_there_is_one_that_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (512, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    assert raise_open_files()[0] == 1_048_576
    assert asked == [(1_048_576, 1_048_576)]


def test_a_limit_that_may_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (512, 1024))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_open_files() == (512, (512 - FILES_BESIDES_CALLS) // 2)
