"""calls.md §5: the limit of open files."""

from __future__ import annotations

import resource

import pytest

from hookflash.adapters.limits import FILES_BESIDES_CALLS, http_connections, raise_open_files


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
def test_http_has_a_share_of_the_files(files: int, connections: int) -> None:
    assert http_connections(files) == connections
