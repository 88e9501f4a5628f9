"""The examples run as they stand against `hookflash serve --dev`, a process of its own."""

from __future__ import annotations

from tests.support.dev import Dev, run

from hookflash.carrier.phone import Behaviour

CALLER, NEW_PARTY = "+14155550100", "+15105550123"
NUMBER = "+15550100"


def test_first_call_and_cold_transfer() -> None:
    async def test(dev: Dev) -> None:
        code, output = await dev.example("first_call.py")
        assert code == 0, output
        assert f"dial sip:{NUMBER}@127.0.0.1" in output
        caller = await dev.carrier.phone(CALLER, tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        call = await caller.call(NUMBER, proxy=dev.sip)
        code, output = await dev.example("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}")
        assert code == 0, output
        assert f"sip_{CALLER} now talks to tel:{NEW_PARTY}" in output
        other = await new_party.called()
        await other.hears(330)
        await call.ended()

    run(test)


def test_what_goes_wrong_is_said() -> None:
    async def test(dev: Dev) -> None:
        code, output = await dev.example("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}")
        assert (code, "phones in lobby: none" in output) == (1, True), output
        await dev.example("first_call.py")
        code, output = await dev.example("first_call.py")
        assert (code, "Conflicting inbound SIP Trunks" in output) == (1, True), output
        busy = Behaviour(refer=603)
        caller = await dev.carrier.phone(CALLER, tone=330, behaviour=busy)
        call = await caller.call(NUMBER, proxy=dev.sip)
        arguments = ("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}", f"sip_{CALLER}")
        code, output = await dev.example(*arguments)
        assert (code, "not transferred: 603 Decline" in output) == (1, True), output
        arguments = ("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}", "sip_nobody")
        code, output = await dev.example(*arguments)
        assert (code, "participant does not exist" in output) == (1, True), output
        await call.hang_up()

    run(test)


def test_without_a_server_or_with_a_wrong_secret_there_is_one_line() -> None:
    async def test(dev: Dev) -> None:
        for example, start in (
            (("first_call.py",), "no trunk made: "),
            (("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}"), "not transferred: "),
        ):
            for variables, said in (
                ({"LIVEKIT_API_SECRET": "wrong"}, "401"),
                ({"LIVEKIT_URL": "http://127.0.0.1:9"}, "Cannot connect to host 127.0.0.1:9"),
                ({"LIVEKIT_URL": ""}, "url must be set"),
            ):
                code, output = await dev.example(*example, PYTHONWARNINGS="ignore", **variables)
                assert code == 1, output
                (line,) = output.splitlines()
                assert line.startswith(start + said), output

    run(test)
