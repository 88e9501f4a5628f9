"""The cold transfer in Ruby as a user runs it, with a stand-in for each kind of the gem.

The gem of 1.0.0 returns the message and raises; those before it returned a response that had data
or an error. The stand-ins send and take what the gems do, by Ruby's own protobuf, HTTP and JWT.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.empty_pb2 import DESCRIPTOR as EMPTY
from livekit.protocol.room import DESCRIPTOR as ROOM
from livekit.protocol.sip import DESCRIPTOR as SIP
from tests.interop.support.process import need
from tests.support.dev import EXAMPLES, Dev, run

from hookflash.carrier.phone import Behaviour

pytestmark = pytest.mark.interop

CALLER, OTHER, NEW_PARTY = "+14155550100", "+14155550101", "+15105550123"
NUMBER = "+15550100"
TARGET = f"tel:{NEW_PARTY}"
STAND_INS = Path(__file__).parent / "ruby"
RELEASES = ("v0", "v1", "newer")


def write_protocol(folder: Path) -> None:
    """LiveKit's descriptors, numbered: each after those that it needs."""
    written: list[str] = []

    def write(file: FileDescriptor) -> None:
        for needed in file.dependencies:
            write(needed)
        if file.name not in written:
            (folder / f"{len(written):03}").write_bytes(file.serialized_pb)
            written.append(file.name)

    for file in (ROOM, SIP, EMPTY):
        write(file)


class Release:
    """`ruby cold_transfer.rb` with one kind of the gem."""

    def __init__(self, name: str, protocol: Path) -> None:
        self._name = name
        self._protocol = protocol

    async def transfer(self, dev: Dev, *arguments: str, **variables: str) -> tuple[int, str]:
        """Its exit code and output; a backtrace is a fault of its own."""
        code, output = await dev.program(
            *(need("ruby"), "-I", STAND_INS / self._name, EXAMPLES / "ruby" / "cold_transfer.rb"),
            *arguments,
            PROTOCOL=str(self._protocol),
            **variables,
        )
        assert ".rb:" not in output, output
        return code, output


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    write_protocol(tmp_path)
    return Release(request.param, tmp_path)


def test_the_only_phone_and_a_named_one_are_transferred(release: Release) -> None:
    async def test(dev: Dev) -> None:
        await dev.example("first_call.py")
        code, output = await release.transfer(dev, "lobby", TARGET)
        assert (code, output) == (1, "phones in lobby: none; say which one to transfer\n")
        caller = await dev.carrier.phone(CALLER, tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        for arguments in ((), (f"sip_{CALLER}",)):
            call = await caller.call(NUMBER, proxy=dev.sip)
            code, output = await release.transfer(dev, "lobby", TARGET, *arguments)
            assert code == 0, output
            assert output.splitlines() == [
                f"transferring sip_{CALLER} to {TARGET} ...",
                f"sip_{CALLER} now talks to {TARGET}",
            ]
            await (await new_party.called()).hears(330)
            await call.ended()

    run(test)


def test_who_says_no_is_said_in_one_line(release: Release) -> None:
    async def test(dev: Dev) -> None:
        await dev.example("first_call.py")
        busy = await dev.carrier.phone(OTHER, tone=440, behaviour=Behaviour(notify=(100, 486)))
        call = await busy.call(NUMBER, proxy=dev.sip)
        for identity, variables, said in (
            (f"sip_{OTHER}", {}, "not transferred: 486 Busy Here"),
            ("sip_nobody", {}, "participant does not exist"),
            (f"sip_{OTHER}", {"LIVEKIT_API_SECRET": "wrong"}, "401"),
            (f"sip_{OTHER}", {"LIVEKIT_URL": "http://127.0.0.1:9"}, "not transferred: Failed to"),
            (f"sip_{OTHER}", {"LIVEKIT_URL": ""}, "LIVEKIT_URL is not set"),
        ):
            code, output = await release.transfer(dev, "lobby", TARGET, identity, **variables)
            assert (code, said in output) == (1, True), output
        await call.hang_up()

    run(test)
