"""Ports that all calls of a muted carrier share."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from hookflash.base.ids import Ids
from hookflash.carrier.sound import Sounds


def test_all_calls_have_it_and_none_frees_it() -> None:
    async def main() -> None:
        sounds = Sounds(Ids(random.Random(1)), muted=True)
        one, other = sounds.open(330), sounds.open(550)
        assert one.local == other.local
        assert not sounds.running
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            one.close()
            with pytest.raises(OSError, match="Address already in use"):
                taken.bind((other.local.address, other.local.port))
            sounds.stop()
            taken.bind((other.local.address, other.local.port))

    asyncio.run(main())
